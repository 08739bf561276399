# SPDX-License-Identifier: Apache-2.0
"""Figures combined from runs are those of the concatenated samples, where that can be known at all."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.analysis import combine

samples = st.lists(st.floats(1, 1e6), min_size=1, max_size=30)


def metrics(values: list[float]) -> dict[str, Any]:
    """What an instrument would report of these round trips, one after another."""
    seconds = math.fsum(values) / 1e6
    return {
        "min_us": min(values),
        "max_us": max(values),
        "mean_us": statistics.fmean(values),
        "stddev_us": statistics.pstdev(values),
        "transactions": len(values),
        "transaction_rate": len(values) / seconds,
    }


@given(st.lists(samples, min_size=1, max_size=5))
def test_pooled_figures_are_those_of_all_samples_together(runs: list[list[float]]) -> None:
    together = [value for values in runs for value in values]
    each = [metrics(values) for values in runs]
    assert combine.pooled_mean(each) == pytest.approx(statistics.fmean(together))
    # abs: the two-pass definition itself is only good to about 1e-9 of the values' size
    assert combine.pooled_stddev(each) == pytest.approx(
        statistics.pstdev(together), rel=1e-6, abs=1e-7 * max(together)
    )
    assert combine.extreme(each, "min_us", min) == min(together)
    assert combine.extreme(each, "max_us", max) == max(together)
    assert combine.pooled_rate(each) == pytest.approx(len(together) / (math.fsum(together) / 1e6))


def test_a_long_run_weighs_more_than_a_short_one() -> None:
    runs = [{"mean_us": 100.0, "transactions": 900}, {"mean_us": 200.0, "transactions": 100}]
    assert combine.pooled_mean(runs) == pytest.approx(110)


def test_the_spread_between_runs_counts() -> None:
    runs = [{"mean_us": mean, "stddev_us": 0.0, "transactions": 50} for mean in (100.0, 300.0)]
    assert combine.pooled_stddev(runs) == pytest.approx(100)


def test_a_slow_run_counts_for_the_time_it_took() -> None:
    """1000 in 1 s and 1000 in 4 s are 2000 in 5 s; the mean of the rates would say 625 a second."""
    runs = [{"transactions": 1000, "transaction_rate": rate} for rate in (1000.0, 250.0)]
    assert combine.pooled_rate(runs) == pytest.approx(400)
    runs = [{"transactions": 1000, "elapsed_s": seconds} for seconds in (1.0, 4.0)]
    assert combine.pooled_rate(runs) == pytest.approx(400)


@pytest.mark.parametrize("lacking", ["mean_us", "transactions"])
def test_what_cannot_be_weighed_is_not_guessed(lacking: str) -> None:
    whole = {"mean_us": 100.0, "stddev_us": 1.0, "transactions": 1000, "transaction_rate": 9000.0}
    part = {key: value for key, value in whole.items() if key != lacking}
    assert combine.pooled_mean([whole, part]) is None
    assert combine.pooled_stddev([whole, part]) is None
    if lacking == "transactions":
        assert combine.pooled_rate([whole, part]) is None


def test_a_single_run_needs_no_weight() -> None:
    only = [{"mean_us": 3.0, "stddev_us": 1.0, "transaction_rate": 5.0}]
    assert (combine.pooled_mean(only), combine.pooled_stddev(only), combine.pooled_rate(only)) == (3, 1, 5)


def test_a_run_of_no_transactions_changes_nothing() -> None:
    run = {"mean_us": 100.0, "stddev_us": 5.0, "transactions": 1000}
    empty = {"mean_us": None, "stddev_us": None, "transactions": 0}
    assert combine.pooled_mean([run, empty]) == pytest.approx(100)
    assert combine.pooled_stddev([run, empty]) == pytest.approx(5)


def test_no_runs() -> None:
    assert combine.pooled_mean([]) is None
    assert combine.pooled_stddev([]) is None
    assert combine.pooled_rate([]) is None
    assert combine.extreme([], "min_us", min) is None
    assert combine.median_percentile([], 50) is None


@pytest.mark.parametrize(
    ("transactions", "percent", "enough"),
    [(19, 50, False), (20, 50, True), (99, 90, False), (100, 90, True), (999, 99, False), (1000, 99, True)],
)
def test_ten_samples_beyond(transactions: int, percent: int, enough: bool) -> None:
    assert combine.enough_beyond(transactions, percent) is enough


def test_percentiles_are_medians_over_runs_and_never_averaged() -> None:
    runs = [{"p99_us": value, "transactions": 1000} for value in (100, 110, 9000)]
    assert combine.median_percentile(runs, 99) == 110
    short = {"p99_us": 1, "transactions": 999}
    assert combine.median_percentile([*runs, short, short], 99) == 110
    assert combine.median_percentile([short], 99) is None
    assert combine.median_percentile([{"p50_us": 5}], 50) is None  # nobody knows of how many samples


@pytest.mark.parametrize("value", [None, True, "12", float("nan"), float("inf"), [1]])
def test_what_is_no_number_is_none(value: object) -> None:
    assert combine.number({"x": value}, "x") is None
