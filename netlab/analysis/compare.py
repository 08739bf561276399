# SPDX-License-Identifier: Apache-2.0
"""Two runs against each other, condition by condition.

What the A/A pairs of both runs cannot tell from nothing is not told from nothing here either.

What differs from run to run for any other reason than what is tested (the day, a reboot) is in no scatter within a
run, however many blocks it has: a comparison of two runs has one unit a side. What a day does to a path is
therefore bounded from what it did to the baseline, which both runs hold: anything from nothing to as much as there
(bounded variation: Manski and Pepper, "How Do Right-to-Carry Laws Affect Crime Rates?", Review of Economics and
Statistics 100(2), 2018; Rambachan and Roth, "A More Credible Approach to Parallel Trends", Review of Economic
Studies 90(5), 2023). A path is better or worse only where both ends of that say so: its own change, and its change
less the baseline's (the difference in differences, from ratios paired within the blocks of each run). Both have to
be significant, which makes it an intersection-union test: no correction is needed (Berger, Technometrics 24(4),
1982). The baseline itself, and what has none in both runs, has `changed` at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from netlab.analysis import combinations, ranks, sides
from netlab.analysis.combinations import Combination
from netlab.analysis.sides import Side
from netlab.analysis.source import Run
from netlab.report.row import Interval

Verdict = Literal[
    "better", "worse", "changed", "same", "not resolved", "insufficient samples", "only in A", "only in B"
]


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

    `a` and `b` are medians over the runs' blocks, in the figure's unit; `trials_a` and `trials_b` are how many blocks
    hold the figure. `net_share` is the change less that of `baseline`, the topology that it is held against; None:
    it is the baseline itself, or one of the runs lacks it. `resolution` is what the A/A pairs cannot tell from
    nothing, as a share too.
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
    baseline: str | None = None
    net_share: float | None = None
    net_share_ci: Interval | None = None
    resolution: float | None = None

    @property
    def for_the_worse(self) -> bool:
        """Whether B's figure is on the wrong side of A's, for whatever reason."""
        higher_is_better = self.figure is not None and self.figure.higher_is_better
        return self.share is not None and (self.share < 0) == higher_is_better and self.share != 0

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        told = {**vars(self), "figure": self.figure.key if self.figure else None}
        for key in ("share_ci", "net_share_ci"):
            told[key] = told[key] and told[key].as_dict()
        return {**told, "higher_is_better": self.figure.higher_is_better if self.figure else None}


def compare(first: Run, second: Run, margin: float) -> list[Compared]:
    """Every condition of either run, in the order of the first; `margin` is the share within which two are the same.

    Changes are ratios. `better`, `worse` and `changed` need an interval without zero in it, and a change above the
    margin and above what the A/A pairs leave open; the first two also of the change less the baseline's. `same` needs
    the whole interval within the margin (two one-sided tests: Schuirmann, Journal of Pharmacokinetics and
    Biopharmaceutics 15(6), 1987; a 95 % interval, where 90 would do, is the more careful choice). Between them it is
    `not resolved`.
    """
    keys = [figure.key for figure in FIGURES]
    both = sides.of(first, keys), sides.of(second, keys)
    wanted = list(dict.fromkeys(own for side in both for own in side.in_order()))
    labels = combinations.labels(wanted)
    found: list[Compared] = []
    for own in wanted:
        named = (own.topology, own.scenario, own.condition, labels[own.instrument, own.parameters])
        there = [own in side.blocks for side in both]
        if all(there):
            found += _figures(named, own, both, margin)
        else:
            found.append(Compared(*named, "only in A" if there[0] else "only in B"))
    return found


def _resolutions(side: Side, own: Combination, key: str) -> tuple[float | None, float | None]:
    """The largest change between the halves of an A/A pair that is not ruled out.

    Compared as two runs are, and as what is paired within the blocks is.
    """
    first, again = side.halves(own, key)
    return sides.reach(sides.change(again, first)), side.resolution_within(own, key)


def _figures(
    named: tuple[str, str, str, str], own: Combination, both: tuple[Side, Side], margin: float
) -> list[Compared]:
    found: list[Compared] = []
    for figure in FIGURES:
        if any(other.figure and other.figure.key == figure.instead for other in found):
            continue
        a, b = (side.logs(own, figure.key) for side in both)
        if a and b:
            found.append(_compared(named, figure, own, both, margin))
    if not found:
        counts = [max(sides.count(side.logs(own, figure.key)) for figure in FIGURES) for side in both]
        return [Compared(*named, "insufficient samples", FIGURES[0], counts[0], counts[1])]
    return found


def _compared(
    named: tuple[str, str, str, str],
    figure: Figure,
    own: Combination,
    both: tuple[Side, Side],
    margin: float,
) -> Compared:
    a, b = (side.logs(own, figure.key) for side in both)
    change = sides.change(b, a)
    baseline, net = _net(figure, own, both)
    alone, within = (
        max((limit for limit in limits if limit is not None), default=None)
        for limits in zip(*(_resolutions(side, own, figure.key) for side in both), strict=True)
    )
    return Compared(
        *named,
        verdict="insufficient samples"
        if change is None
        else _verdict(figure, change, net, (alone or 0.0, within or 0.0), margin),
        figure=figure,
        trials_a=sides.count(a),
        trials_b=sides.count(b),
        a=sides.median(both[0].blocks[own], figure.key),
        b=sides.median(both[1].blocks[own], figure.key),
        share=None if change is None else math.expm1(change.estimate),
        share_ci=_interval(change),
        baseline=baseline,
        net_share=None if net is None else math.expm1(net.estimate),
        net_share_ci=_interval(net),
        resolution=None if alone is None else math.expm1(alone),
    )


def _net(figure: Figure, own: Combination, both: tuple[Side, Side]) -> tuple[str | None, ranks.Shift | None]:
    """The baseline that both runs hold this against, and its change less that of the baseline."""
    baseline = own._replace(topology=both[0].baselines[own.group])
    if baseline.topology == own.topology:
        return None, None
    a, b = (side.above(own, baseline, figure.key) for side in both)
    change = sides.change(b, a)
    return (None, None) if change is None else (baseline.topology, change)


def _interval(change: ranks.Shift | None) -> Interval | None:
    if change is None or change.low is None or change.high is None:
        return None
    return Interval(math.expm1(change.low), math.expm1(change.high))


def _verdict(
    figure: Figure,
    change: ranks.Shift,
    net: ranks.Shift | None,
    resolutions: tuple[float, float],
    margin: float,
) -> Verdict:
    """Of changes of logarithms, as the resolutions are; `margin` is a share.

    The A/A pair's word is asked once: of the change less the baseline's, where there is one, else of the change.
    """
    alone, within = resolutions
    if change.low is None or change.high is None:
        return "insufficient samples"
    net_way = _way(net, within, margin)
    if -margin <= math.expm1(change.low) and math.expm1(change.high) <= margin:
        return "not resolved" if net_way else "same"
    if net_way and _way(change, 0.0, margin) == net_way:
        return "better" if (net_way > 0) == figure.higher_is_better else "worse"
    return "changed" if _way(change, alone, margin) else "not resolved"


def _way(change: ranks.Shift | None, resolution: float, margin: float) -> int:
    """The sign of a change that is there; 0 for one that may be none, or is too small to count."""
    if change is None or not change.excludes_zero or abs(change.estimate) <= resolution:
        return 0
    return 0 if abs(math.expm1(change.estimate)) <= margin else round(math.copysign(1, change.estimate))
