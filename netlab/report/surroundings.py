# SPDX-License-Identifier: Apache-2.0
"""What was read of the boards before, during and after a run (manifest.environment), in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netlab.report.source import Source
from netlab.report.text import one_line

LONGEST = 400  # of one value; manifest.json has it whole


@dataclass(frozen=True)
class Surroundings:
    """`read`: (name, value) by board; `drift`: what was another value after the run; `unquiet`: busy blocks."""

    known: bool = False
    read: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)
    drift: tuple[str, ...] = ()
    unquiet: tuple[str, ...] = ()


def surroundings(source: Source) -> Surroundings:
    """All of it; a run made before it was read has none."""
    told = source.manifest.environment
    before, after = told.before or {}, told.after or {}
    if not before and not after:
        return Surroundings()
    return Surroundings(
        known=bool(before and after),
        read={
            str(board): list(_flat("", _mapping(read))) for board, read in sorted((before or after).items())
        },
        drift=tuple(source.drift()) if before and after else (),
        unquiet=tuple(_unquiet(told.blocks)),
    )


def _unquiet(blocks: Mapping[str, Any]) -> Iterator[str]:
    for block, boards in blocks.items():
        for board, quiet in _mapping(boards).items():
            if _mapping(quiet).get("quiet") is False:
                yield f"block {block}, {board}: {one_line(_mapping(quiet).get('said') or 'not quiet')}"


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nested mappings as `cpu.governor`; what is empty is left out."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{one_line(key)}".lstrip("."), item)
    elif isinstance(value, list | tuple):
        if value and any(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value):
                yield from _flat(f"{name}.{number}", item)
        elif value:
            yield name, _cut(", ".join(one_line(item) for item in value))
    elif value is not None and value != "":
        yield name, _cut({True: "yes", False: "no"}[value] if isinstance(value, bool) else one_line(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
