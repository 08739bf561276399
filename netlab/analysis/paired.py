# SPDX-License-Identifier: Apache-2.0
"""Rows against the baseline, block by block, and what the A/A pair says of differences that are none.

What drifts during a run falls on all trials of a block alike, so that it cancels in their difference. The A/A pair
is the baseline measured twice in each block, as if it were two topologies: whatever it seems to differ by is the
testbed's own doing. Its `resolution` is the largest difference that its 95 % interval does not rule out. A
difference counts when its own interval excludes zero and it is beyond that resolution.

Blocks are what was drawn by chance. Several duts measure in the same block, and share its hour and its peer: each
board is paired with itself, and the boards' differences make one of the block, their median. Counted as a pair each,
they would be pseudo-replicates (Hurlbert, "Pseudoreplication and the Design of Ecological Field Experiments",
Ecological Monographs 54(2), 1984).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlab.analysis import known, ranks
from netlab.analysis.known import Known
from netlab.analysis.readings import Reading
from netlab.report.row import Difference, Interval, Verdict

METRICS = ("p50_us", "mean_us")  # what is compared: the first that both have

Block = tuple[int, str]
Figures = Mapping[str, Known]


@dataclass(frozen=True)
class Blocks:
    """The figures of one row in each block (and on each board, where a run has several duts)."""

    figures: Mapping[Block, Figures]

    def values(self, metric: str) -> dict[Block, Known]:
        """One figure, by block and board."""
        return {block: own[metric] for block, own in self.figures.items() if metric in own}


def of(readings: Sequence[Reading], metrics: Sequence[str] = METRICS) -> Blocks:
    """The figures to compare of each block; of a trial measured twice in a block the first counts."""
    figures = {key: known.of(readings, key) for key in metrics}
    found: dict[Block, Figures] = {}
    for index, reading in enumerate(readings):
        own = {key: value for key, all_ in figures.items() if (value := all_[index]) is not None}
        if own:
            found.setdefault(reading.block, own)
    return Blocks(found)


def resolution(first: Blocks, again: Blocks, metric: str) -> float | None:
    """The largest difference that the A/A pair does not rule out.

    None where there is no pair, or too few blocks hold it: the largest difference of a few says nothing of the next.
    """
    _, differences = _pairs(first, again, metric)
    shift = shift_of(differences)
    if shift is None or shift.low is None or shift.high is None:
        return None
    return max(abs(shift.low), abs(shift.high))


def difference(own: Blocks, first: Blocks, again: Blocks | None, baseline: str) -> Difference:
    """`own` against the baseline's first measurement of each block."""
    metric = next((name for name in METRICS if own.values(name) and first.values(name)), METRICS[0])
    limit = resolution(first, again, metric) if again is not None else None
    reference, differences = _pairs(first, own, metric)
    shift = shift_of(differences)
    if shift is None:
        return Difference(
            baseline, 0, "insufficient samples", resolution_us=limit, metric=metric, pairs_needed=_needed()
        )
    centre = sorted(reference)[len(reference) // 2]
    return Difference(
        baseline=baseline,
        pairs=len(differences),
        verdict=verdict(shift, limit),
        shift_us=shift.estimate,
        shift_ci=None if shift.low is None or shift.high is None else Interval(shift.low, shift.high),
        share=shift.estimate / centre if centre > 0 else None,
        cliffs_delta=ranks.cliffs_delta(_add(reference, differences), reference),
        resolution_us=limit,
        metric=metric,
        pairs_needed=_needed(),
    )


def of_baseline(first: Blocks, again: Blocks | None, baseline: str) -> Difference:
    """The baseline's own: nothing but what the others are held against."""
    metric = next((name for name in METRICS if first.values(name)), METRICS[0])
    limit = resolution(first, again, metric) if again is not None else None
    count = len({block for block, _ in first.values(metric)})
    return Difference(baseline, count, "baseline", resolution_us=limit, metric=metric, pairs_needed=_needed())


def verdict(shift: ranks.Shift, limit: float | None) -> Verdict:
    """What a shift amounts to, `limit` being the resolution."""
    if shift.low is None:
        return "insufficient samples"
    if not shift.excludes_zero or (limit is not None and abs(shift.estimate) <= limit):
        return "not resolved"
    return "higher" if shift.estimate > 0 else "lower"


def _pairs(reference: Blocks, own: Blocks, metric: str) -> tuple[list[float], list[Known]]:
    """The reference's figure, and the difference from it, of each block in which a board holds both."""
    there, here = reference.values(metric), own.values(metric)
    by_block: dict[int, list[Block]] = {}
    for both in sorted(there.keys() & here.keys()):
        by_block.setdefault(both[0], []).append(both)
    return (
        [known.median(there[board] for board in boards).value for boards in by_block.values()],
        [known.median(here[board].less(there[board]) for board in boards) for boards in by_block.values()],
    )


def shift_of(differences: Sequence[Known]) -> ranks.Shift | None:
    """With the interval of all that the differences can be."""
    values, lows, highs = ([part[end] for part in differences] for end in range(3))
    return ranks.within(*map(ranks.paired_shift, (values, lows, highs)))


def _add(reference: Sequence[float], differences: Sequence[Known]) -> list[float]:
    return [value + more.value for value, more in zip(reference, differences, strict=True)]


def _needed() -> int:
    return ranks.pairs_needed()
