# SPDX-License-Identifier: Apache-2.0
"""Two runs against each other, condition by condition.

Runs are made at different times, so that nothing pairs their blocks: the values of all trials of one are held
against all of the other (ranks.unpaired_shift). What the A/A pairs of both runs cannot tell from nothing is not
told from nothing here either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from netlab.analysis import combinations, paired, ranks, readings
from netlab.analysis.combinations import Combination
from netlab.analysis.paired import Blocks
from netlab.analysis.source import Run
from netlab.report.row import Interval

Verdict = Literal["better", "worse", "same", "not resolved", "insufficient samples", "only in A", "only in B"]


class Figure(NamedTuple):
    """A figure that is compared; `instead` of another where one run has not got that."""

    key: str
    words: str
    unit: str
    higher_is_better: bool = False
    instead: str = ""


FIGURES = (
    Figure("p50_us", "p50", "us"),
    Figure("mean_us", "mean", "us", instead="p50_us"),
    Figure("p99_us", "p99", "us"),
    Figure("transaction_rate", "trans/s", "", higher_is_better=True),
)


@dataclass(frozen=True)
class Compared:
    """One figure of one condition. `share` is how far B lies above A, as a share of A: 0.2 is a fifth more.

    `a` and `b` are medians over the runs' trials, in the figure's unit. `resolution` is what the A/A pairs cannot
    tell from nothing, as a share too.
    """

    topology: str
    scenario: str
    condition: str
    instrument: str
    verdict: Verdict
    figure: Figure | None = None  # None: it was measured in one run only
    trials_a: int = 0
    trials_b: int = 0
    a: float | None = None
    b: float | None = None
    share: float | None = None
    share_ci: Interval | None = None
    resolution: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        told = {**vars(self), "figure": self.figure.key if self.figure else None}
        told["share_ci"] = self.share_ci.as_dict() if self.share_ci else None
        return {**told, "higher_is_better": self.figure.higher_is_better if self.figure else None}


def compare(first: Run, second: Run, margin: float) -> list[Compared]:
    """Every condition of either run, in the order of the first; `margin` is the share within which two are the same.

    Changes are ratios. A verdict `better` or `worse` needs an interval without zero in it, and a change above the
    margin and above what the A/A pairs leave open. `same` needs the whole interval within the margin (two one-sided
    tests: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15(6), 1987; a 95 % interval, where 90 would
    do, is the more careful choice). Between the two it is `not resolved`.
    """
    blocks_a, blocks_b = _blocks(first), _blocks(second)
    plan_a, plan_b = first.manifest.plan, second.manifest.plan
    wanted = list(dict.fromkeys([*_ordered(plan_a, blocks_a), *_ordered(plan_b, blocks_b)]))
    labels = combinations.labels(wanted)
    baselines = [combinations.baselines(plan_a, blocks_a), combinations.baselines(plan_b, blocks_b)]
    found: list[Compared] = []
    for own in wanted:
        label = labels[own.instrument, own.parameters]
        named = (own.topology, own.scenario, own.condition, label)
        if own not in blocks_a or own not in blocks_b:
            found.append(Compared(*named, "only in A" if own in blocks_a else "only in B"))
            continue
        pairs = [
            _pair(own, blocks, known) for blocks, known in zip((blocks_a, blocks_b), baselines, strict=True)
        ]
        found += _figures(named, blocks_a[own], blocks_b[own], [pair for pair in pairs if pair], margin)
    return found


def _ordered(plan: Mapping[str, Any], blocks: Mapping[Combination, Blocks]) -> list[Combination]:
    """The second halves of A/A pairs are not compared: they are what comparisons are held against."""
    return [own for own in combinations.in_plan_order(plan, blocks) if own.replica == 1]


def _blocks(run: Run) -> dict[Combination, Blocks]:
    """The figures of every combination that was planned; one's samples are in memory at a time."""
    outcomes = run.outcomes()
    keys = [figure.key for figure in FIGURES]
    found = {}
    for own, orders in combinations.planned(run.manifest.order).items():
        wanted = set(orders)
        good = readings.read(run, [line for line in outcomes if line["order"] in wanted])
        found[own] = paired.of(good, keys)
    return found


def _pair(
    own: Combination,
    blocks: Mapping[Combination, Blocks],
    baselines: Mapping[combinations.Group, str],
) -> tuple[Blocks, Blocks] | None:
    baseline = own._replace(topology=baselines[own.group])
    first, again = blocks.get(baseline), blocks.get(baseline._replace(replica=2))
    return (first, again) if first is not None and again is not None else None


def _figures(
    named: tuple[str, str, str, str],
    blocks_a: Blocks,
    blocks_b: Blocks,
    pairs: Sequence[tuple[Blocks, Blocks]],
    margin: float,
) -> list[Compared]:
    found: list[Compared] = []
    for figure in FIGURES:
        if any(other.figure and other.figure.key == figure.instead for other in found):
            continue
        a, b = (list(blocks.values(figure.key).values()) for blocks in (blocks_a, blocks_b))
        if a and b:
            limits = [_resolution(*pair, figure.key) for pair in pairs]
            known = [limit for limit in limits if limit is not None]
            found.append(_compared(named, figure, a, b, max(known, default=None), margin))
    if not found:
        return [Compared(*named, "insufficient samples", FIGURES[0], _trials(blocks_a), _trials(blocks_b))]
    return found


def _trials(blocks: Blocks) -> int:
    return max(len(blocks.values(figure.key)) for figure in FIGURES)


def _resolution(first: Blocks, again: Blocks, key: str) -> float | None:
    """The largest change between the halves of an A/A pair that is not ruled out, compared as two runs are."""
    change = _change(list(again.values(key).values()), list(first.values(key).values()))
    if change is None or change.low is None or change.high is None:
        return None
    return max(abs(change.low), abs(change.high))


def _change(values: Sequence[float], reference: Sequence[float]) -> ranks.Shift | None:
    """The shift of the logarithms: of ratios, since what makes a run slower makes its noise greater too.

    A ratio cannot fall below nothing, as a difference taken as a share can: trials of 50 us and of 12 would make an
    interval that ends at -123 %.
    """
    above, below = ([value for value in own if value > 0] for own in (values, reference))
    return ranks.unpaired_shift(np.log(above), np.log(below))


def _compared(
    named: tuple[str, str, str, str],
    figure: Figure,
    a: Sequence[float],
    b: Sequence[float],
    resolution: float | None,
    margin: float,
) -> Compared:
    change = _change(b, a)
    counts: dict[str, Any] = {"figure": figure, "trials_a": len(a), "trials_b": len(b)}
    counts |= {"a": float(np.median(a)), "b": float(np.median(b))}
    if change is None:
        return Compared(*named, verdict="insufficient samples", **counts)
    known = change.low is not None and change.high is not None
    return Compared(
        *named,
        verdict=_verdict(figure, change, resolution or 0.0, margin),
        share=math.expm1(change.estimate),
        share_ci=Interval(math.expm1(change.low or 0), math.expm1(change.high or 0)) if known else None,
        resolution=None if resolution is None else math.expm1(resolution),
        **counts,
    )


def _verdict(figure: Figure, change: ranks.Shift, resolution: float, margin: float) -> Verdict:
    """Of a change of logarithms, as the resolution is one; `margin` is a share."""
    if change.low is None or change.high is None:
        return "insufficient samples"
    if -margin <= math.expm1(change.low) and math.expm1(change.high) <= margin:
        return "same"
    small = abs(change.estimate) <= resolution or abs(math.expm1(change.estimate)) <= margin
    if small or not change.excludes_zero:
        return "not resolved"
    return "better" if (change.estimate > 0) == figure.higher_is_better else "worse"
