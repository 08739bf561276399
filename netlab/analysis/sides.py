# SPDX-License-Identifier: Apache-2.0
"""Two runs side by side: each one's figures by block, and how far those of one lie above those of the other.

Runs are made at different times, so that nothing pairs their blocks: the values of all blocks of one are held
against all of the other (ranks.unpaired_shift). Everything is of logarithms: of ratios, since what makes a run
slower makes its noise greater too; and a ratio cannot fall below nothing, as a difference taken as a share can:
trials of 50 us and of 12 would make an interval that ends at -123 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netlab.analysis import combinations, known, paired, ranks, readings
from netlab.analysis.combinations import Combination
from netlab.analysis.known import Known
from netlab.analysis.paired import Block, Blocks
from netlab.analysis.source import Run

Logs = Mapping[Block, Known]
ShiftOf = Callable[[Sequence[float], Sequence[float]], ranks.Shift | None]


@dataclass(frozen=True)
class Side:
    """One of the two runs."""

    plan: Mapping[str, Any]
    blocks: Mapping[Combination, Blocks]
    baselines: Mapping[combinations.Group, str]

    def in_order(self) -> list[Combination]:
        """Without second halves of A/A pairs: they are what comparisons are held against."""
        return [own for own in combinations.in_plan_order(self.plan, self.blocks) if own.replica == 1]

    def logs(self, own: Combination, key: str) -> Logs:
        """Logarithms of a figure by block and board."""
        figures = self.blocks[own].values(key) if own in self.blocks else {}
        return {block: value.log() for block, value in figures.items() if value.value > 0}

    def both_halves(self, own: Combination, key: str) -> Logs:
        """The baseline's, of an A/A pair the mean of both where both are there."""
        found, again = dict(self.logs(own, key)), self.logs(own._replace(replica=2), key)
        for block in found.keys() & again.keys():
            found[block] = known.mean(found[block], again[block])
        return found

    def halves(self, own: Combination, key: str) -> tuple[Logs, Logs]:
        """The A/A pair that this is held against."""
        baseline = own._replace(topology=self.baselines[own.group])
        return self.logs(baseline, key), self.logs(baseline._replace(replica=2), key)

    def resolution_within(self, own: Combination, key: str) -> float | None:
        """The largest change between the halves of the A/A pair that is not ruled out, of what is paired by block."""
        first, again = self.halves(own, key)
        return reach(paired.shift_of(each_once(ratios(again, first))))

    def above(self, own: Combination, other: Combination, key: str) -> Logs:
        """How far one lies above another of the same block."""
        return ratios(self.logs(own, key), self.both_halves(other, key))


def of(run: Run, keys: Sequence[str], boards: Mapping[str, str] | None = None) -> Side:
    """The figures of every combination that was planned; one's samples are in memory at a time.

    `boards`: what boards are called instead, so that those of two labs can be told to be the same.
    """
    outcomes, plan = run.outcomes(), run.manifest.plan
    blocks = {}
    for own, orders in combinations.planned(run.manifest.order).items():
        wanted = set(orders)
        good = readings.read(run, [line for line in outcomes if line["order"] in wanted])
        blocks[own] = _renamed(paired.of(good, keys), boards or {})
    return Side(plan, blocks, combinations.baselines(plan, blocks))


def _renamed(blocks: Blocks, boards: Mapping[str, str]) -> Blocks:
    return Blocks({(block, boards.get(board, board)): own for (block, board), own in blocks.figures.items()})


def ratios(logs: Logs, reference: Logs) -> dict[Block, Known]:
    """Where both are there."""
    return {block: value.less(reference[block]) for block, value in logs.items() if block in reference}


def change(logs: Logs, reference: Logs, shift_of: ShiftOf = ranks.unpaired_shift) -> ranks.Shift | None:
    """The shift of the logarithms, of which each block counts once, with all that ticks and bins leave open."""
    above, below = by_block(logs, reference)
    if not above or not below:
        return None
    parts = [([own[i] for own in above], [own[j] for own in below]) for i, j in ((0, 0), (1, 2), (2, 1))]
    return ranks.within(*(shift_of(*part) for part in parts))


def by_block(logs: Logs, reference: Logs) -> tuple[list[Known], list[Known]]:
    """A value a block: the median of its boards', each board's centred alike in both runs.

    A block in which one of two boards failed then stands beside the others. Boards that only one run has are left
    out, unless the two have none in common.
    """
    boards = {board for _, board in logs} & {board for _, board in reference}
    if not boards:
        return each_once(logs), each_once(reference)
    centres = {
        board: float(np.median([own.value for (_, where), own in reference.items() if where == board]))
        for board in sorted(boards)
    }
    return each_once(logs, centres), each_once(reference, centres)


def each_once(logs: Logs, centres: Mapping[str, float] | None = None) -> list[Known]:
    """A value a block: the median of its boards', of those that have a centre."""
    found: dict[int, list[Known]] = {}
    for (block, board), own in sorted(logs.items()):
        if centres is None or board in centres:
            found.setdefault(block, []).append(own.moved(-centres[board] if centres else 0.0))
    return [known.median(several) for several in found.values()]


def count(logs: Logs) -> int:
    """Blocks that hold it."""
    return len({block for block, _ in logs})


def median(blocks: Blocks, key: str) -> float:
    """Of the figure itself, over blocks and boards."""
    return float(np.median([own.value for own in blocks.values(key).values() if own.value > 0]))


def reach(shift: ranks.Shift | None) -> float | None:
    """The end of an interval that lies further from nothing."""
    if shift is None or shift.low is None or shift.high is None:
        return None
    return max(abs(shift.low), abs(shift.high))
