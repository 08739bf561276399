# SPDX-License-Identifier: Apache-2.0
"""What was read of the boards before, during and after a run (manifest.environment), in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netlab.report.source import Source
from netlab.report.text import one_line

Pairs = list[tuple[str, str]]
ASIDE = (
    "absent",
    "changing",
    "format",
)  # no configuration: why something is not there, and what changes by itself
LONGEST = 400  # of one value; manifest.json has it whole


@dataclass(frozen=True)
class Unquiet:
    """A block that began while the boards' machine was busy."""

    block: str
    boards: str
    said: str

    def __str__(self) -> str:
        return f"block {self.block}, {self.boards}: {self.said}"


@dataclass(frozen=True)
class Surroundings:
    """`read` and `absent`: (name, value or reason) by board; `drift`: what was another value after the run."""

    known: bool = False
    read: Mapping[str, Pairs] = field(default_factory=dict)
    absent: Mapping[str, Pairs] = field(default_factory=dict)
    drift: tuple[str, ...] = ()
    unquiet: tuple[Unquiet, ...] = ()


def surroundings(source: Source) -> Surroundings:
    """All of it; a run made before it was read has none."""
    told = source.manifest.environment
    before, after = told.before or {}, told.after or {}
    if not before and not after:
        return Surroundings()
    boards = sorted((before or after).items())
    return Surroundings(
        known=bool(before and after),
        read={board: _read(_mapping(read)) for board, read in boards},
        absent={board: list(_flat("", _mapping(read).get("absent"))) for board, read in boards},
        drift=tuple(source.drift()) if before and after else (),
        unquiet=tuple(_unquiet(told.blocks)),
    )


def _read(board: Mapping[str, Any]) -> Pairs:
    return list(_flat("", {key: value for key, value in board.items() if key not in ASIDE}))


def _unquiet(blocks: Mapping[str, Any]) -> Iterator[Unquiet]:
    for block, boards in blocks.items():
        said: dict[str, list[str]] = {}
        for board, quiet in sorted(_mapping(boards).items()):
            if _mapping(quiet).get("quiet") is False:
                said.setdefault(one_line(_mapping(quiet).get("said") or "not quiet"), []).append(board)
        yield from (Unquiet(one_line(block), ", ".join(names), words) for words, names in said.items())


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nested mappings as `cpu frequency governor`; what is empty is left out."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(" ".join(filter(None, (name, one_line(key)))), item)
    elif isinstance(value, list | tuple):
        if value and any(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value):
                yield from _flat(f"{name} {number}", item)
        elif value:
            yield name, _cut(", ".join(one_line(item) for item in value))
    elif value is not None and value != "":
        yield name, _cut({True: "yes", False: "no"}[value] if isinstance(value, bool) else one_line(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
