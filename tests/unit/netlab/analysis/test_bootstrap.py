# SPDX-License-Identifier: Apache-2.0
"""Intervals over runs hold the truth about as often as they say, and are the same every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab.analysis import bootstrap
from netlab.report.row import Interval

runs = st.lists(st.floats(1, 1e6), min_size=6, max_size=30)


def test_the_tail_is_wider_than_nominal_for_few_runs() -> None:
    """Hesterberg 2015, table 1: at n = 10 the nominal 2.5 % become 0.86 %."""
    assert bootstrap.tail(10) == pytest.approx(0.0086, abs=1e-4)
    assert bootstrap.tail(6) < bootstrap.tail(20) < 0.025
    assert bootstrap.tail(10**6) == pytest.approx(0.025, abs=1e-5)


@pytest.mark.parametrize("count", range(6))
def test_below_six_runs_there_is_none(count: int) -> None:
    assert bootstrap.of_median([1.0] * count) is None
    assert bootstrap.of_mean([1.0] * count, [10] * count) is None
    assert bootstrap.of_pooled_median([np.array([1, 2, 3])] * count) is None


@settings(max_examples=40, deadline=None)
@given(runs)
def test_the_figure_itself_is_inside(values: list[float]) -> None:
    median, mean = bootstrap.of_median(values), bootstrap.of_mean(values, [7.0] * len(values))
    assert median is not None
    assert mean is not None
    assert min(values) <= median.low <= np.median(values) <= median.high <= max(values)
    assert mean.low <= np.mean(values) * (1 + 1e-12)
    assert mean.high >= np.mean(values) * (1 - 1e-12)
    assert bootstrap.of_median(values) == median


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(1, 10**7), min_size=1, max_size=30), min_size=6, max_size=9))
def test_the_pooled_median_is_inside_and_between_the_runs_medians(drawn: list[list[int]]) -> None:
    ordered = [np.sort(np.array(run)) for run in drawn]
    found = bootstrap.of_pooled_median(ordered)
    assert found is not None
    medians = [run[(run.size - 1) // 2] for run in ordered]
    assert min(medians) <= found.low <= found.high <= max(medians)
    together = np.sort(np.concatenate(ordered))
    step = (max(medians) - min(medians)) / 511 + 1
    assert found.low - step <= together[(together.size - 1) // 2] <= found.high + step


def test_runs_are_drawn_and_not_samples() -> None:
    """A million samples of runs that differ by a fifth do not make a narrow interval."""
    chance = np.random.default_rng(1)
    ordered = [
        np.sort(chance.normal(level, 1000, 100_000).astype(np.int64)) for level in range(50_000, 60_000, 1000)
    ]
    found = bootstrap.of_pooled_median(ordered)
    assert found is not None
    assert found.high - found.low > 2000


def test_a_long_run_weighs_more() -> None:
    even = bootstrap.of_mean([1.0] * 9 + [2.0], [10] * 10)
    heavy = bootstrap.of_mean([1.0] * 9 + [2.0], [10] * 9 + [1000])
    assert even is not None
    assert heavy is not None
    assert heavy.high > even.high


@pytest.mark.parametrize("count", [6, 10])
@pytest.mark.parametrize("estimate", ["median", "mean"])
def test_coverage_on_skewed_levels(count: int, estimate: str) -> None:
    """Runs whose levels are log-normal, as placements make them: 95 % hold at least 92 times in 100."""
    chance = np.random.default_rng(count)
    of: dict[str, Callable[[list[float]], Interval | None]] = {
        "median": bootstrap.of_median,
        "mean": lambda values: bootstrap.of_mean(values, [1] * len(values)),
    }
    truth = {"median": 100.0, "mean": 100 * np.exp(0.2**2 / 2)}[estimate]
    held = 0
    for _ in range(250):
        found = of[estimate]((100 * np.exp(0.2 * chance.normal(size=count))).tolist())
        assert found is not None
        held += found.low <= truth <= found.high
    assert held >= 0.92 * 250
