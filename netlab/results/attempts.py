# SPDX-License-Identifier: Apache-2.0
"""What has become of each planned trial: its lines, one for each attempt on each dut, made into one answer.

A line without a board stands for all duts: the play ended before any of them had a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

Line = dict[str, Any]

# new: some dut has no result that counts (yet). again: each has, but one failed and may be tried again.
State = Literal["new", "again", "done"]


def by_order(lines: Iterable[Line]) -> dict[int, list[Line]]:
    """The lines of each trial, in the order of recording."""
    found: dict[int, list[Line]] = {}
    for line in lines:
        found.setdefault(line["order"], []).append(line)
    return found


def of_board(lines: Iterable[Line], board: str | None) -> list[Line]:
    """Those of a trial's lines that say something of one board; None asks for all of them."""
    return [line for line in lines if board is None or line.get("board") in (board, None)]


def failures(lines: Iterable[Line], board: str | None) -> int:
    """How often a trial has failed on a board."""
    return sum(line["status"] == "failed" for line in of_board(lines, board))


def has_succeeded(lines: Iterable[Line], board: str | None) -> bool:
    """Whether a trial has its figures from a board."""
    return any(line["status"] == "ok" for line in of_board(lines, board))


def state(lines: Sequence[Line], duts: Sequence[str], retries: int) -> State:
    """What is left to do for a trial with these lines. A skipped trial may be possible now: it is new."""
    boards: Sequence[str | None] = duts or (None,)
    lacking = [dut for dut in boards if not has_succeeded(lines, dut)]
    counts = [failures(lines, dut) for dut in lacking]
    if any(count == 0 for count in counts):
        return "new"
    return "again" if any(count <= retries for count in counts) else "done"


def outcomes(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines that count, by the plan's order: on each board a trial's good one, else its last."""
    for _, mine in sorted(by_order(lines).items()):
        boards = dict.fromkeys(line["board"] for line in mine if line.get("board") is not None)
        told: list[Line] = []
        for board in boards or (None,):
            of_it = of_board(mine, board)
            good = [line for line in of_it if line["status"] == "ok"]
            told += [line for line in good or of_it[-1:] if not any(line is other for other in told)]
        yield from told


def identity(trial: Mapping[str, Any]) -> tuple[Any, ...]:
    """What one result is the result of: a trial, on a board."""
    return (trial.get("order"), trial.get("board"))
