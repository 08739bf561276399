# SPDX-License-Identifier: Apache-2.0
"""Shifts between two sets of runs, and what is known of them, by ranks: no distribution is assumed.

The estimate is Hodges and Lehmann's ("Estimates of Location Based on Rank Tests", Annals of Mathematical
Statistics 34(2), 1963); its interval inverts Wilcoxon's test (Hollander, Wolfe and Chicken, Nonparametric
Statistical Methods, 3rd edition, sections 3.2, 3.3, 4.2 and 4.3): the shifts that the test does not reject. Both
are what R's wilcox.test(conf.int = TRUE) gives, but that with too few values for 95 % there is no interval,
where R gives a shorter one with a warning.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
EXACT_UP_TO = 50  # values; beyond, the normal approximation is within a rank or two (R does the same)

Values = npt.ArrayLike


class Shift(NamedTuple):
    """How far one set lies above the other; `low` and `high` are None with too few values for the confidence."""

    estimate: float
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether no shift at all can be ruled out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def within(own: Shift | None, lowest: Shift | None, highest: Shift | None) -> Shift | None:
    """The shift of values that are known to intervals: `lowest` is that of the low ends, `highest` of the high ones.

    Estimate and interval grow with each value, so that no values in between lead further out.
    """
    if own is None or lowest is None or highest is None:
        return None
    return Shift(own.estimate, lowest.low, highest.high)


def paired_shift(differences: Values) -> Shift | None:
    """Shift of paired differences: the median of their Walsh averages (d_i + d_j) / 2, i <= j.

    The interval runs from the k-th smallest to the k-th largest Walsh average, with k the greatest number for
    which P(T+ < k) <= 2.5 %, T+ being the signed-rank statistic (Hollander, Wolfe and Chicken, 3.3). 95 % needs
    six pairs: of five differences even the widest interval has 93.75 %. None: there is no difference.
    """
    values = np.asarray(differences, dtype=float)
    if values.size == 0:
        return None
    first, second = np.triu_indices(values.size)
    averages = np.sort((values[first] + values[second]) / 2)
    return _shift(averages, _signed_rank_depth(values.size))


def unpaired_shift(values: Values, reference: Values, confidence: float = CONFIDENCE) -> Shift | None:
    """Shift of `values` over `reference`: the median of all differences between one and the other.

    The interval runs from the k-th smallest to the k-th largest difference, with k the greatest number for which
    P(U < k) is at most half of what is left to 100 %, U being the Mann-Whitney statistic (Hollander, Wolfe and Chicken,
    4.3). 95 % needs four against four, 90 % three against three. None: one of them is empty.
    """
    left, right = np.asarray(values, dtype=float), np.asarray(reference, dtype=float)
    if left.size == 0 or right.size == 0:
        return None
    differences = np.sort(np.subtract.outer(left, right), axis=None)
    return _shift(differences, _rank_sum_depth(left.size, right.size, _one_in(confidence)))


def cliffs_delta(values: Values, reference: Values) -> float | None:
    """How often a value lies above one of the reference, less how often below: from -1 to 1.

    delta = (#(x > y) - #(x < y)) / (n m) (Cliff, "Dominance Statistics: Ordinal Analyses to Answer Ordinal
    Questions", Psychological Bulletin 114(3), 1993). 1: every value is above every one of the reference.
    """
    left, right = np.asarray(values, dtype=float), np.sort(np.asarray(reference, dtype=float))
    if left.size == 0 or right.size == 0:
        return None
    below = np.searchsorted(right, left, side="left").sum()
    above = (right.size - np.searchsorted(right, left, side="right")).sum()
    return float(below - above) / (left.size * right.size)


@functools.cache
def pairs_needed() -> int:
    """The fewest pairs of which a 95 % interval can be made."""
    return next(n for n in range(1, EXACT_UP_TO) if _signed_rank_depth(n) > 0)


def enough_runs(count: int, reference: int, confidence: float = CONFIDENCE) -> bool:
    """Whether an interval can be made of that many runs on each side."""
    return min(count, reference) > 0 and _rank_sum_depth(count, reference, _one_in(confidence)) > 0


@functools.cache
def runs_needed(confidence: float = CONFIDENCE) -> int:
    """The fewest runs on each of two sides of which an interval can be made."""
    return next(n for n in range(1, EXACT_UP_TO) if enough_runs(n, n, confidence))


def _one_in(confidence: float) -> int:
    """Beyond each end of the interval lies one in so many: 40 for 95 %, 20 for 90 %."""
    return round(2 / (1 - confidence))


def _shift(ordered: npt.NDArray[np.float64], depth: int) -> Shift:
    estimate = float(np.median(ordered))
    if depth < 1:
        return Shift(estimate, None, None)
    return Shift(estimate, float(ordered[depth - 1]), float(ordered[-depth]))


@functools.cache
def _signed_rank_depth(count: int) -> int:
    """The k of `paired_shift`; 0: not even the least statistic is as rare as 2.5 %."""
    if count > EXACT_UP_TO:
        mean = count * (count + 1) / 4
        deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
        return math.floor(mean - _normal(_one_in(CONFIDENCE)) * deviation)
    # ways[t]: subsets of the ranks 1 … n whose sum is t
    ways = [1, *([0] * (count * (count + 1) // 2))]
    for rank in range(1, count + 1):
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    return _depth(ways, _one_in(CONFIDENCE))


@functools.cache
def _rank_sum_depth(count: int, reference: int, one_in: int) -> int:
    """The k of `unpaired_shift`; 0: not even the least statistic is as rare as one in so many."""
    if max(count, reference) > EXACT_UP_TO:
        mean = count * reference / 2
        deviation = math.sqrt(count * reference * (count + reference + 1) / 12)
        return max(0, math.floor(mean - _normal(one_in) * deviation))
    # The generating function of U is the Gaussian binomial coefficient (n + m over n): multiply by
    # 1 - q^(m + i) and divide by 1 - q^i, for i = 1 … n.
    ways = [1, *([0] * (count * reference))]
    for i in range(1, count + 1):
        for total in range(len(ways) - 1, reference + i - 1, -1):
            ways[total] -= ways[total - reference - i]
        for total in range(i, len(ways)):
            ways[total] += ways[total - i]
    return _depth(ways, one_in)


def _normal(one_in: int) -> float:
    """The normal quantile beyond which lies one in so many."""
    return NormalDist().inv_cdf(1 - 1 / one_in)


def _depth(ways: list[int], one_in: int) -> int:
    """The greatest k with P(statistic < k) <= 1 / one_in, in whole numbers: nothing is rounded."""
    total, below = sum(ways), 0
    for k, count in enumerate(ways):
        below += count
        if below * one_in > total:
            return k
    return 0
