# SPDX-License-Identifier: Apache-2.0
"""Rows against the baseline, block by block, and what the A/A pair says of differences that are none.

What drifts during a run falls on all trials of a block alike, so that it cancels in their difference. The A/A pair
is the baseline measured twice in each block, as if it were two topologies: whatever it seems to differ by is the
testbed's own doing. Its `resolution` is the largest difference that its 95 % interval does not rule out. A
difference counts when its own interval excludes zero and it is beyond that resolution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlab.analysis import combine, ranks
from netlab.analysis.readings import Reading
from netlab.report.row import Difference, Interval, Verdict

METRICS = ("p50_us", "mean_us")  # what is compared: the first that both have

Block = tuple[int, str]
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Blocks:
    """The figures of one row in each block (and on each board, where a run has several duts)."""

    figures: Mapping[Block, Figures]

    def values(self, metric: str) -> dict[Block, float]:
        """One figure, by block."""
        return {block: own[metric] for block, own in self.figures.items() if metric in own}


def of(readings: Sequence[Reading], metrics: Sequence[str] = METRICS) -> Blocks:
    """The figures to compare of each block; of a trial measured twice in a block the first counts."""
    found: dict[Block, Figures] = {}
    for reading in readings:
        own = {key: value for key in metrics if (value := combine.known(reading.metrics, key)) is not None}
        if own:
            found.setdefault(reading.block, own)
    return Blocks(found)


def resolution(first: Blocks, again: Blocks, metric: str) -> float | None:
    """The largest difference that the A/A pair does not rule out; None where there is no pair.

    With too few pairs for an interval the largest that was seen.
    """
    _, differences = _pairs(first, again, metric)
    shift = ranks.paired_shift(differences)
    if shift is None:
        return None
    ends = (shift.low, shift.high) if shift.low is not None and shift.high is not None else differences
    return max(abs(end) for end in ends)


def difference(own: Blocks, first: Blocks, again: Blocks | None, baseline: str) -> Difference:
    """`own` against the baseline's first measurement of each block."""
    metric = next((name for name in METRICS if own.values(name) and first.values(name)), METRICS[0])
    limit = resolution(first, again, metric) if again is not None else None
    reference, differences = _pairs(first, own, metric)
    shift = ranks.paired_shift(differences)
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
    count = len(first.values(metric))
    return Difference(baseline, count, "baseline", resolution_us=limit, metric=metric, pairs_needed=_needed())


def verdict(shift: ranks.Shift, limit: float | None) -> Verdict:
    """What a shift amounts to, `limit` being the resolution."""
    if shift.low is None:
        return "insufficient samples"
    if not shift.excludes_zero or (limit is not None and abs(shift.estimate) <= limit):
        return "not resolved"
    return "higher" if shift.estimate > 0 else "lower"


def _pairs(reference: Blocks, own: Blocks, metric: str) -> tuple[list[float], list[float]]:
    """The reference's figure, and the difference from it, of each block that holds both."""
    there, here = reference.values(metric), own.values(metric)
    common = sorted(there.keys() & here.keys())
    return [there[block] for block in common], [here[block] - there[block] for block in common]


def _add(reference: Sequence[float], differences: Sequence[float]) -> list[float]:
    return [value + more for value, more in zip(reference, differences, strict=True)]


def _needed() -> int:
    return ranks.pairs_needed()
