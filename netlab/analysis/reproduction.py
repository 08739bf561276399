# SPDX-License-Identifier: Apache-2.0
"""Whether a run that somebody else has made came out the same here, row by row.

What is asked is not whether there is a difference (two machines always differ) but whether it matters, against a
margin. The interval is one of 90 %, so that each of the tests it stands for is at 5 %.

`reproduced`: two one-sided tests say that the ratio lies within the margin (Schuirmann, Journal of Pharmacokinetics
and Biopharmaceutics 15(6), 1987).

`differs`: the ratio lies beyond the margin, and further from 1 than chance explains. Chance has two parts. What
scatters from block to block is in the interval. What differs between two runs of one thing, the days, is in no
scatter within a run, and two runs have one unit a side, of which no variance can be estimated; it is therefore
assumed: DAY, and SHARED of the variance between the row's blocks, since what disturbs a machine for the length of a
block may do so for the length of a run, too. It is added to the other as variances are.

An interval is nowhere narrower than what the halves of the A/A pairs lie apart: what a testbed finds between a thing
and itself it may find between any two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from netlab.analysis import combinations, pooled, ranks, sides
from netlab.analysis.combinations import Combination
from netlab.analysis.pooled import Pooled
from netlab.analysis.sides import Logs, Side
from netlab.analysis.source import Run
from netlab.report.row import Interval

Verdict = Literal["reproduced", "differs", "not resolved", "insufficient samples", "only theirs", "only mine"]

CONFIDENCE = 0.90
MARGIN = 0.10  # share
# Relative standard deviation of a run's level among runs of one thing on one machine. Measured on local boards of a
# shared machine, and of a size to tell 30 % from nothing: of 100 pairs of such runs 5 seem to differ by 15 %.
DAY = 0.06
SHARED = 0.5  # intraclass correlation: of the variance between blocks, what those of one run have in common
FIGURES = ("p50_us", "mean_us")  # the first that both have
BLOCKS = 2  # fewest in each run


@dataclass(frozen=True)
class Reproduced:
    """One row. `share`: how far mine lies above theirs, as a share of theirs: 0.2 is a fifth more.

    `theirs` and `mine` are medians over the runs' blocks, in us. `relative` is the verdict on what the row costs in
    units of `baseline`'s round trip, which another processor changes less; None for the baseline itself.
    `aa_apart`: how far the halves of the A/A pairs lie apart, in the run where they do more, as a share.
    """

    topology: str
    scenario: str
    condition: str
    instrument: str
    verdict: Verdict
    figure: str | None = None
    blocks_theirs: int = 0
    blocks_mine: int = 0
    theirs: float | None = None
    mine: float | None = None
    share: float | None = None
    share_ci: Interval | None = None
    aa_apart: float | None = None
    baseline: str | None = None
    relative: Verdict | None = None
    relative_share: float | None = None
    relative_ci: Interval | None = None

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        told = dict(vars(self))
        for key in ("share_ci", "relative_ci"):
            told[key] = told[key] and told[key].as_dict()
        return told


@dataclass(frozen=True)
class Pair:
    """Both runs, in memory. `boards`: what each of their boards is called here."""

    theirs: Side
    mine: Side

    @classmethod
    def of(cls, theirs: Run, mine: Run, boards: Mapping[str, str]) -> Pair:
        return cls(sides.of(theirs, FIGURES, boards), sides.of(mine, FIGURES))

    def in_order(self) -> list[Combination]:
        """Every combination of either, theirs first."""
        return list(dict.fromkeys(own for side in (self.theirs, self.mine) for own in side.in_order()))

    def figure(self, own: Combination) -> str | None:
        """What both can be compared by."""
        there = (key for key in FIGURES if all(side.logs(own, key) for side in (self.theirs, self.mine)))
        return next(there, None)


def judged(pair: Pair, margin: float = MARGIN) -> list[Reproduced]:
    """A verdict for each combination; `margin` as a share, the same for both directions: 0.1 is from 1/1.1 to 1.1."""
    wanted = pair.in_order()
    labels = combinations.labels(wanted)
    spreads = {key: pooled.of((pair.theirs, pair.mine), key) for key in FIGURES}
    found = []
    for own in wanted:
        named = (own.topology, own.scenario, own.condition, labels[own.instrument, own.parameters])
        if own not in pair.theirs.blocks or own not in pair.mine.blocks:
            found.append(Reproduced(*named, "only theirs" if own in pair.theirs.blocks else "only mine"))
        elif (key := pair.figure(own)) is None:
            found.append(Reproduced(*named, "insufficient samples", None, *_counts(pair, own)))
        else:
            found.append(_judged(named, own, pair, key, spreads[key], margin))
    return found


def overall(rows: list[Reproduced]) -> Verdict:
    """Of all rows: one that differs decides; else one that is not resolved."""
    verdicts = {row.verdict for row in rows}
    if "differs" in verdicts:
        return "differs"
    return "reproduced" if verdicts == {"reproduced"} else "not resolved"


def shift(logs: Logs, reference: Logs, spread: Pooled, confidence: float = CONFIDENCE) -> ranks.Shift | None:
    """How far one set of blocks lies above another, by ranks; of fewer blocks than that takes, by the pooled spread."""
    enough = ranks.enough_runs(sides.count(logs), sides.count(reference), confidence)
    if enough:
        return sides.change(logs, reference, lambda a, b: ranks.unpaired_shift(a, b, confidence))
    if min(sides.count(logs), sides.count(reference)) < BLOCKS:
        spread = Pooled(0.0, 0)
    return sides.change(logs, reference, lambda a, b: spread.shift(a, b, confidence))


def _judged(
    named: tuple[str, str, str, str], own: Combination, pair: Pair, key: str, spread: Pooled, margin: float
) -> Reproduced:
    theirs, mine = pair.theirs.logs(own, key), pair.mine.logs(own, key)
    apart = _apart(pair, own, key)
    scatter = pooled.of_rows([theirs, mine]).deviation
    change = _no_narrower(shift(mine, theirs, spread), apart)
    baseline = own._replace(topology=pair.theirs.baselines[own.group])
    above = None
    if baseline.topology != own.topology and baseline in pair.mine.blocks:
        here, there = (side.above(own, baseline, key) for side in (pair.mine, pair.theirs))
        above = _no_narrower(shift(here, there, spread), apart) if here and there else None
    return Reproduced(
        *named,
        verdict=verdict(change, margin, scatter),
        figure=key,
        blocks_theirs=sides.count(theirs),
        blocks_mine=sides.count(mine),
        theirs=sides.median(pair.theirs.blocks[own], key),
        mine=sides.median(pair.mine.blocks[own], key),
        share=None if change is None else math.expm1(change.estimate),
        share_ci=_interval(change),
        aa_apart=None if apart is None else math.expm1(apart),
        baseline=None if above is None else baseline.topology,
        relative=None if above is None else verdict(above, margin, scatter),
        relative_share=None if above is None else math.expm1(above.estimate),
        relative_ci=_interval(above),
    )


def verdict(change: ranks.Shift | None, margin: float, scatter: float = 0.0) -> Verdict:
    """What a ratio's logarithm amounts to against a margin that is a share.

    `scatter`: standard deviation of the row's logarithms from block to block.
    """
    if change is None or change.low is None or change.high is None:
        return "insufficient samples"
    limit = math.log1p(margin)
    if -limit <= change.low and change.high <= limit:
        return "reproduced"
    blocks = change.estimate - change.low if change.estimate > 0 else change.high - change.estimate
    day = math.sqrt(DAY**2 + SHARED * scatter**2)
    days = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(2) * day
    beyond = max(limit, math.hypot(blocks, days))
    return "differs" if abs(change.estimate) > beyond else "not resolved"


def _apart(pair: Pair, own: Combination, key: str) -> float | None:
    """How far the halves of the A/A pairs lie apart, in the run where they do more."""
    found = [
        sides.change(again, first)
        for first, again in (side.halves(own, key) for side in (pair.theirs, pair.mine))
    ]
    return max((abs(change.estimate) for change in found if change is not None), default=None)


def _no_narrower(change: ranks.Shift | None, apart: float | None) -> ranks.Shift | None:
    if change is None or change.low is None or change.high is None or apart is None:
        return change
    return change._replace(
        low=min(change.low, change.estimate - apart), high=max(change.high, change.estimate + apart)
    )


def _interval(change: ranks.Shift | None) -> Interval | None:
    if change is None or change.low is None or change.high is None:
        return None
    return Interval(math.expm1(change.low), math.expm1(change.high))


def _counts(pair: Pair, own: Combination) -> tuple[int, int]:
    """Blocks that hold any figure of it."""
    theirs, mine = (
        max(sides.count(side.logs(own, key)) for key in FIGURES) for side in (pair.theirs, pair.mine)
    )
    return theirs, mine
