# SPDX-License-Identifier: Apache-2.0
"""Whether a run's files have the shape that all who read them count on.

A run may come from elsewhere, or have been edited: what is of another kind than it should be is an error with file,
line and key, before any of it is used. Keys that are not named here may hold anything.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from netlab.errors import InvalidInput, NetlabError, Problem

GREATEST = 10**15  # of a figure: in microseconds, thirty years
DEEPEST = 100  # levels of a result; who reads one gives up at 200
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
_EXPECTED = "as it was written; results are append-only, so restore the file from a copy"

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PLAIN)]
RunName = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^/\x00-\x1f\x7f-\x9f]+$")
]
Condition = Annotated[str, StringConstraints(max_length=255, pattern=_PLAIN)]
Number = Annotated[int, Field(ge=1, le=10**9)]
Figure = Annotated[int | float, Field(ge=-GREATEST, le=GREATEST)]
Mapped = dict[str, Any]


class DamagedResult(NetlabError):
    """What a board sent as a trial's result cannot be stored as one."""


class _Loose(BaseModel):
    """Keys of a later netlab are let through."""

    model_config = ConfigDict(extra="allow", strict=True)


class Spec(_Loose):
    """A planned trial, in `order`."""

    order: Number
    block: Number
    topology: Name
    scenario: Name
    instrument: Name
    condition: Condition | None = None
    replica: Literal[1, 2] | None = None
    parameters: Mapped | None = None


class _Flag(_Loose):
    rule: Name
    text: str | None = None
    severity: str | None = None


class _Part(_Loose):
    """A flow, or a load, of a trial."""

    guest: Name | None = None
    command: list[str | int | float] | None = None


class Line(Spec):
    """A result, in trials.jsonl."""

    block: Number | None = None  # type: ignore[assignment]  # of a result that names only its trial
    board: Name | None = None
    guest: Name | None = None
    attempt: Number | None = None
    status: Literal["ok", "failed", "skipped"]
    reason: str | None = None
    started: str | None = None
    finished: str | None = None
    pacing: str | None = None
    command: list[str | int | float] | None = None
    metrics: Mapped | None = None
    counters: Mapped | None = None
    pins: Mapped | None = None
    flags: list[_Flag] | None = None
    flows: list[_Part] | None = None
    loads: list[_Part] | None = None
    raw: str | None = None
    samples: str | None = None


class _Named(_Loose):
    name: Name
    conditions: list[Condition] | None = None
    parameters: Mapped | None = None


class Plan(_Loose):
    """The plan in a manifest, as far as reports read it."""

    name: Name
    topologies: list[Name] = []
    scenarios: list[Name | _Named] = []
    instruments: list[Name | _Named] = []
    baseline: Name | None = None


_SPECS = TypeAdapter(list[Spec])
_FIGURES = {"transactions", "transaction_rate", "requests_sent", "requests_lost", "sent", "lost"}


def check_manifest(plan: Any, order: Any, path: Path) -> None:
    """Raises InvalidInput where a plan or its trials are not what they should be."""
    with _told(path, None, "plan"):
        Plan.model_validate(plan)
    with _told(path, None, "order"):
        _SPECS.validate_python(order)


def check_line(line: Mapping[str, Any], path: Path, number: int | None) -> None:
    """Raises InvalidInput where a line of trials.jsonl is no result."""
    with _told(path, number):
        Line.model_validate(line)
    for key, value in (line.get("metrics") or {}).items():
        if key.endswith("_bounds_us"):  # of a percentile that is known to lie in a bin: its two ends
            good = isinstance(value, list) and all(_is_figure(end) for end in value)
        else:
            good = _is_figure(value) or not (key.endswith("_us") or key in _FIGURES)
        if not good:
            problem = f"{value!r:.60} is no figure"
            raise InvalidInput([Problem(problem, str(path), number, f"metrics.{key:.60}", _EXPECTED)])


def check_result(line: Mapping[str, Any]) -> None:
    """Raises DamagedResult where a result that is to be stored is none: a board can send anything."""
    try:
        check_line(line, Path("result"), None)
    except InvalidInput as error:
        first = error.problems[0]
        raise DamagedResult(f"what the board sent is no result: {first.key}: {first.message}") from None


def check_depth(value: Any) -> None:
    """Raises DamagedResult for what is nested too deep to be read again; without recursion."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise DamagedResult(f"what the board sent is no result: nested deeper than {DEEPEST} levels")
        inner = (item.values() if isinstance(item, Mapping) else item for item in level)
        level = [item for part in inner for item in part if isinstance(item, Mapping | list | tuple)]


def _is_figure(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return False
    return value is None or abs(value) <= GREATEST


@contextlib.contextmanager
def _told(path: Path, line: int | None, *above: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        steps = [*above, *(str(step) for step in first["loc"])]
        key = ".".join(step[:60] for step in steps) or None
        raise InvalidInput([Problem(first["msg"], str(path), line, key, _EXPECTED)]) from None


def check_files(folder: Path, files: Sequence[str], folders: Sequence[str]) -> None:
    """Raises InvalidInput where one of a run's own files is a link, a pipe or a device: nothing of a run lies
    elsewhere, so that nothing elsewhere is read or written in its name."""
    for names, is_kind, kind in ((files, stat.S_ISREG, "file"), (folders, stat.S_ISDIR, "folder")):
        for name in names:
            try:
                mode = (folder / name).lstat().st_mode
            except FileNotFoundError:
                continue
            if not is_kind(mode):
                what = "a link" if stat.S_ISLNK(mode) else f"no {kind}"
                problem = Problem(
                    f"this is {what}", str(folder / name), None, None, f"a {kind} of the run's own"
                )
                raise InvalidInput([problem])
