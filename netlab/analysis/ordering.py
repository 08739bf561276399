# SPDX-License-Identifier: Apache-2.0
"""Whether two runs put the topologies in the same order, which is what carries from one machine to another.

Two topologies are in an order in a run if their difference, paired by block, is resolved there: it excludes zero and is
larger than what the A/A pair leaves open. Of the pairs that both runs resolve, those in one order are counted against
those that have turned: Kendall's tau, of the pairs for which there is something to say ("A New Measure of Rank
Correlation", Biometrika 30, 1938; with ties left out it is Goodman and Kruskal's gamma, Journal of the American
Statistical Association 49, 1954).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from netlab.analysis import combinations, paired, pooled, sides
from netlab.analysis.combinations import Combination
from netlab.analysis.pooled import Pooled
from netlab.analysis.reproduction import FIGURES, Pair, shift
from netlab.analysis.sides import Side

Verdict = Literal["reproduced", "turned", "not resolved"]


@dataclass(frozen=True)
class Order:
    """Two topologies in both runs. `theirs`, `mine`: by what share the second is slower, None where not resolved."""

    first: str
    second: str
    scenario: str
    condition: str
    instrument: str
    theirs: float | None
    mine: float | None

    @property
    def resolved(self) -> bool:
        return self.theirs is not None and self.mine is not None

    @property
    def turned(self) -> bool:
        return self.theirs is not None and self.mine is not None and (self.theirs > 0) != (self.mine > 0)


@dataclass(frozen=True)
class Ordering:
    """All pairs of topologies that both runs measured alike."""

    pairs: Sequence[Order]

    @property
    def resolved(self) -> int:
        return sum(pair.resolved for pair in self.pairs)

    @property
    def turned(self) -> list[Order]:
        return [pair for pair in self.pairs if pair.turned]

    @property
    def tau(self) -> float | None:
        """1: all resolved pairs are in one order; -1: all have turned."""
        return 1 - 2 * len(self.turned) / self.resolved if self.resolved else None

    @property
    def verdict(self) -> Verdict:
        if self.turned:
            return "turned"
        return "reproduced" if self.resolved else "not resolved"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        told = {
            "verdict": self.verdict,
            "tau": self.tau,
            "resolved": self.resolved,
            "turned": len(self.turned),
        }
        return {**told, "pairs": [{**vars(pair), "turned": pair.turned} for pair in self.pairs]}


def ordering(pair: Pair) -> Ordering:
    """Every two topologies of each scenario, condition and instrument that both runs have."""
    wanted = [own for own in pair.in_order() if own in pair.theirs.blocks and own in pair.mine.blocks]
    labels = combinations.labels(wanted)
    spreads = {key: [pooled.of([side], key) for side in (pair.theirs, pair.mine)] for key in FIGURES}
    found = []
    for first, second in itertools.combinations(wanted, 2):
        if first.group != second.group:
            continue
        key = next((key for key in FIGURES if pair.figure(first) == pair.figure(second) == key), None)
        if key is not None:
            apart = (
                _apart(side, first, second, key, spread)
                for side, spread in zip((pair.theirs, pair.mine), spreads[key], strict=True)
            )
            label = labels[first.instrument, first.parameters]
            found.append(
                Order(first.topology, second.topology, first.scenario, first.condition, label, *apart)
            )
    return Ordering(found)


def _apart(side: Side, first: Combination, second: Combination, key: str, spread: Pooled) -> float | None:
    """By what share the second is slower in a run; None where it cannot be told from the first."""
    ratios = sides.ratios(side.logs(second, key), side.logs(first, key))
    change = paired.shift_of(sides.each_once(ratios))
    limit = side.resolution_within(first, key) or 0.0
    if (
        change is not None and change.low is None
    ):  # too few pairs for an interval: all of one against all of the other
        change = shift(side.logs(second, key), side.logs(first, key), spread)
    if change is None or not change.excludes_zero or abs(change.estimate) <= limit:
        return None
    return math.expm1(change.estimate)
