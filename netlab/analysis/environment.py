# SPDX-License-Identifier: Apache-2.0
"""What changed around a run, and what is different around two: causes that a latency may have besides the datapath.

Readings are those of the collection's module ``environment``, by board. docs/environment.md has their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from netlab.analysis import environment_keys as keys
from netlab.analysis import environment_runs as runs
from netlab.analysis.environment_keys import Place
from netlab.analysis.environment_places import Reading, different, mapping, own_doing

Readings = Mapping[str, Any]  # by board
_BOOT = ("kernel", "boot_id")


@dataclass(frozen=True)
class Cause:
    """One difference. ``key`` is in words; ``a`` and ``b`` are the values, None where there is none.

    ``rank`` 1 sways a latency most. ``board`` names several where they differ alike; empty is the run as a whole.
    """

    board: str
    key: str
    a: Any
    b: Any
    rank: int
    place: Place = ()

    def __str__(self) -> str:
        said = f"{self.key}: {in_words(self.a)} against {in_words(self.b)}"
        return f"{self.board}: {said}" if self.board else said

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**vars(self), "place": "/".join(self.place)}


def in_words(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " ".join(map(in_words, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(item)}" for key, item in sorted(value.items())) or "none"
    return str(value) or "none"


# -- one run: before and after -----------------------------------------------------------------------------


def drift(before: Readings | None, after: Readings | None) -> list[str]:
    """What changed on the boards during a run, in words, the most influential first; empty where nothing did.

    Two readings under different topologies differ by what the testbed did itself: that is left out. A run
    without readings (an older netlab's, or one cut off) has no drift that could be told.
    """
    if not before or not after:
        return []
    lost = [f"{board}: could not be read again after the run" for board in sorted(set(before) - set(after))]
    return lost + [_changed(cause) for cause in changes(before, after)]


def changes(before: Readings, after: Readings) -> list[Cause]:
    """The same as data: ``a`` is before, ``b`` after. Only boards with both readings."""
    found: list[Cause] = []
    for board in sorted(set(before) & set(after)):
        then, now = mapping(before[board]), mapping(after[board])
        skip = own_doing(then, now)
        found += [
            _cause(board, place, a, b) for place, a, b in different(then, now) if not skip.covers(place)
        ]
    return _ordered(_merged(found))


def _changed(cause: Cause) -> str:
    if cause.place == _BOOT:
        return f"{cause.board}: was started anew during the run"
    if cause.b is None:
        return f"{cause.board}: {cause.key} was {in_words(cause.a)} and is gone"
    return f"{cause.board}: {cause.key} was {in_words(cause.a)} and is {in_words(cause.b)}"


def stolen(before: Readings | None, after: Readings | None) -> dict[str, float]:
    """By board, the share (0 to 1) of its CPUs' time during the run that its own host gave to others."""
    found = {}
    for board in sorted(set(before or ()) & set(after or ())):
        then, now = (
            mapping(mapping(mapping(mapping(readings)[board]).get("changing")).get("cpu_ticks"))
            for readings in (before, after)
        )
        spent = {key: now[key] - then[key] for key in now if key in then}
        if sum(spent.values()) > 0 and min(spent.values()) >= 0:  # less than before: it was started anew
            found[board] = spent.get("steal", 0) / sum(spent.values())
    return found


# -- two runs ----------------------------------------------------------------------------------------------


def differences(a: Reading, b: Reading) -> list[Cause]:
    """What differs between two runs' manifests, the most likely cause of another latency first.

    Where one has no environment (an older netlab's), what both know is compared: board facts, accelerators,
    versions, the plan's parameters, the inventory's variables.
    """
    found = [_cause("", *difference) for difference in runs.of_runs(a, b)]
    for board_a, board_b in runs.pairs(a, b):
        name = board_a if board_a == board_b else f"{board_a} / {board_b}"
        found += [_cause(name, *difference) for difference in runs.of_boards(a, board_a, b, board_b)]
    return _ordered(_merged(found))


def summary(a: Reading, b: Reading) -> list[str]:
    """In words: how far the two could be compared, then each difference, or that there is none."""
    told = {"first": runs.has_readings(a), "second": runs.has_readings(b)}
    without = [name for name, has in told.items() if not has]
    said = []
    if without:
        which = "neither run has" if len(without) == 2 else f"the {without[0]} run has no"
        rest = " a reading" if len(without) == 2 else " reading"
        said.append(f"{which}{rest} of its environment: only what both know is compared")
    causes = differences(a, b)
    if not causes:
        return [*said, "the environments do not differ" + (", as far as both are known" if without else "")]
    return [*said, *(f"{number}. {cause}" for number, cause in enumerate(causes, 1))]


# -- causes ------------------------------------------------------------------------------------------------


def _cause(board: str, place: Place, a: Any, b: Any) -> Cause:
    return Cause(board, keys.words(place), a, b, keys.rank(place), place)


def _merged(causes: Iterable[Cause]) -> list[Cause]:
    """Boards that differ alike are told together: those of one machine share its kernel and its CPUs."""
    found: dict[tuple[Any, ...], Cause] = {}
    for cause in causes:
        same = (cause.place, repr(cause.a), repr(cause.b))
        other = found.get(same)
        found[same] = cause if other is None else replace(other, board=f"{other.board}, {cause.board}")
    return list(found.values())


def _ordered(causes: Iterable[Cause]) -> list[Cause]:
    return sorted(causes, key=lambda cause: (cause.rank, cause.board, cause.place))
