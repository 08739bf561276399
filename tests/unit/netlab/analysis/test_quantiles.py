# SPDX-License-Identifier: Apache-2.0
"""Percentiles are round trips that were measured; of histograms, no better known than a bin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.analysis import quantiles

samples = st.lists(st.integers(0, 10**9), min_size=20, max_size=400)


@pytest.mark.parametrize(("percent", "key"), [(50, "p50_us"), (99, "p99_us"), (99.9, "p999_us")])
def test_names(percent: float, key: str) -> None:
    assert quantiles.key(percent) == key


@given(samples, st.sampled_from(quantiles.PERCENTILES))
def test_the_least_sample_with_that_share_at_or_below_it(values: list[int], percent: float) -> None:
    """In whole numbers: 0.999 * 16000 is a little more than 15984, and the next sample would be taken."""
    ordered = np.sort(np.array(values))
    found = ordered[quantiles.rank(ordered.size, percent)]
    wanted = round(percent * 10) * ordered.size
    assert np.count_nonzero(ordered <= found) * 1000 >= wanted
    assert np.count_nonzero(ordered < found) * 1000 < wanted


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (19, []),
        (20, ["p50"]),
        (100, ["p50", "p90"]),
        (9999, ["p50", "p90", "p99"]),
        (10000, ["p50", "p90", "p99", "p999"]),
    ],
)
def test_ten_samples_must_lie_beyond(count: int, known: list[str]) -> None:
    found = quantiles.of_sorted_runs([np.arange(1000, 1000 + count)])
    assert [
        key.removesuffix("_us") for key, value in found.items() if value is not None and key[0] == "p"
    ] == known
    assert (found["mad_us"] is not None) == (count >= 20)


@given(st.lists(samples, min_size=1, max_size=4))
def test_several_runs_are_one_set_of_samples(runs: list[list[int]]) -> None:
    together = [value for run in runs for value in run]
    found = quantiles.of_sorted_runs([np.sort(np.array(run)) for run in runs])
    assert found == quantiles.of_sorted_runs([np.sort(np.array(together))])
    median = sorted(together)[quantiles.rank(len(together), 50)]
    deviations = sorted(abs(value - median) for value in together)
    assert found["mad_us"] == deviations[quantiles.rank(len(together), 50)] / 1000


def test_percentiles_are_not_averaged() -> None:
    """A fast and a slow run, p50 1 and 9 ms: the median of both together is neither 5 ms nor either's own."""
    fast, slow = np.full(1000, 1_000_000), np.full(3000, 9_000_000)
    assert quantiles.of_sorted_runs([fast, slow])["p50_us"] == 9000


@given(samples)
def test_a_histogram_tells_a_percentile_within_its_bin(values: list[int]) -> None:
    edges = np.unique(np.geomspace(1, 2e9, 40).astype(np.int64))
    where = np.searchsorted(edges, values, side="right")
    edges = np.concatenate([[0], edges])
    bins = quantiles.merge_bins([[(float(edges[i]), float(edges[i + 1]), 1)] for i in where])
    assert sum(count for _, _, count in bins) == len(values)
    exact = sorted(values)[quantiles.rank(len(values), 50)]
    found = quantiles.of_bins(bins, 50)
    assert found is not None
    [(low, high)] = {(low, high) for low, high, _ in bins if low <= exact < high}
    assert low <= found <= high


def test_bins_of_an_instrument() -> None:
    told = [{"low_us": 20, "high_us": 30, "count": 5}, {"low_us": 30, "high_us": 40, "count": 0}]
    assert quantiles.bins_of({"histogram": told}) == [(20, 30, 5)]
    for wrong in (
        None,
        "x",
        [1],
        [{"low_us": 3, "high_us": 2, "count": 1}],
        [{"low_us": 1}],
        [{**told[0], "count": -1}],
    ):
        assert quantiles.bins_of({"histogram": wrong}) == []
    assert quantiles.of_bins([(20, 30, 19)], 50) is None
