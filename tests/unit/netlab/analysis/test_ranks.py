# SPDX-License-Identifier: Apache-2.0
"""Shifts by ranks give what the books and R give, and never say more than the values can."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from netlab.analysis import ranks

values = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=1, max_size=40)

# Hollander, Wolfe and Chicken, example 3.1: Hamilton depression scale factor IV, after less before.
DEPRESSION = [-0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010]
# The same, example 4.1: permeability of the human chorioamnion, as in R's help page of wilcox.test.
AT_TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
EARLIER = [1.15, 0.88, 0.90, 0.74, 1.21]


def test_paired_as_in_the_book() -> None:
    """wilcox.test(x, conf.int = TRUE): -0.46, -0.786 to -0.010."""
    shift = ranks.paired_shift(DEPRESSION)
    assert shift is not None
    assert (shift.estimate, shift.low, shift.high) == pytest.approx((-0.46, -0.786, -0.010))
    assert shift.excludes_zero


def test_unpaired_as_in_r() -> None:
    """wilcox.test(x, y, conf.int = TRUE): 0.305, -0.15 to 0.76."""
    shift = ranks.unpaired_shift(AT_TERM, EARLIER)
    assert shift is not None
    assert (shift.estimate, shift.low, shift.high) == pytest.approx((0.305, -0.15, 0.76))
    assert not shift.excludes_zero


@pytest.mark.parametrize(("count", "depth"), [(5, 0), (6, 1), (7, 3), (8, 4), (10, 9), (25, 90)])
def test_depth_is_that_of_the_tables(count: int, depth: int) -> None:
    """qsignrank(0.025, n) of R, which is one above the critical value of the tables."""
    averages = sorted((i + j) / 2 for i, j in itertools.combinations_with_replacement(range(count), 2))
    shift = ranks.paired_shift(np.arange(count))
    assert shift is not None
    assert shift.low == (averages[depth - 1] if depth else None)


@pytest.mark.parametrize(
    ("one", "other", "depth"), [(3, 3, 0), (4, 4, 1), (2, 8, 1), (10, 5, 9), (10, 10, 24), (20, 20, 128)]
)
def test_depth_of_two_samples_is_that_of_the_tables(one: int, other: int, depth: int) -> None:
    """qwilcox(0.025, n, m) of R."""
    differences = sorted(i - 100 * j for i in range(one) for j in range(other))
    shift = ranks.unpaired_shift(range(one), [100 * j for j in range(other)])
    assert shift is not None
    assert shift.low == (differences[depth - 1] if depth else None)
    assert ranks.enough_runs(one, other) is bool(depth)


def test_how_many_are_needed() -> None:
    assert ranks.pairs_needed() == 6
    assert ranks.runs_needed() == 4


def test_exact_and_approximate_depths_meet() -> None:
    """Where the normal approximation takes over, the interval does not jump."""
    for count in (50, 51):
        mean, deviation = count * (count + 1) / 4, (count * (count + 1) * (2 * count + 1) / 24) ** 0.5
        averages = sorted((i + j) / 2 for i in range(count) for j in range(i, count))
        shift = ranks.paired_shift(range(count))
        assert shift is not None
        at = int(mean - 1.96 * deviation)
        assert averages[at - 3] <= (shift.low or 0) <= averages[at + 3]


@given(values)
def test_the_estimate_is_inside_and_turns_with_the_sign(own: list[float]) -> None:
    shift, turned = ranks.paired_shift(own), ranks.paired_shift([-value for value in own])
    assert shift is not None
    assert turned is not None
    assert turned.estimate == pytest.approx(-shift.estimate)
    if shift.low is None or shift.high is None:
        assert len(own) < 6
    else:
        assert min(own) <= shift.low <= shift.estimate <= shift.high <= max(own)


@given(values, values, st.floats(-1e4, 1e4))
def test_a_constant_added_to_all_is_the_shift(own: list[float], other: list[float], more: float) -> None:
    before, after = (
        ranks.unpaired_shift(own, other),
        ranks.unpaired_shift([value + more for value in own], other),
    )
    assert before is not None
    assert after is not None
    assert after.estimate == pytest.approx(before.estimate + more, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_zero_is_outside_where_the_test_rejects_it(seed: int) -> None:
    """scipy's exact tests, whose inversion the intervals are."""
    chance = np.random.default_rng(seed)
    own, other = chance.normal(0.8, 1, 9), chance.normal(0, 1, 8)
    paired, unpaired = ranks.paired_shift(own), ranks.unpaired_shift(own, other)
    assert paired is not None
    assert unpaired is not None
    assert paired.excludes_zero == (stats.wilcoxon(own, method="exact").pvalue <= 0.05)
    assert unpaired.excludes_zero == (stats.mannwhitneyu(own, other, method="exact").pvalue <= 0.05)


def test_cliffs_delta() -> None:
    assert ranks.cliffs_delta([3, 4], [1, 2]) == 1
    assert ranks.cliffs_delta([1, 2], [3, 4]) == -1
    assert ranks.cliffs_delta([1, 2], [1, 2]) == 0
    assert ranks.cliffs_delta([1, 3, 5], [2]) == pytest.approx(1 / 3)
    assert ranks.cliffs_delta([], [1]) is None


@given(values, values)
def test_cliffs_delta_is_twice_the_chance_of_superiority_less_one(
    own: list[float], other: list[float]
) -> None:
    statistic = sum((x > y) + 0.5 * (x == y) for x in own for y in other)
    assert ranks.cliffs_delta(own, other) == pytest.approx(2 * statistic / (len(own) * len(other)) - 1)


def test_of_nothing_nothing_is_said() -> None:
    assert ranks.paired_shift([]) is None
    assert ranks.unpaired_shift([], [1]) is None
    one = ranks.paired_shift([5.0])
    assert one is not None
    assert (one.estimate, one.low, one.excludes_zero) == (5, None, False)
