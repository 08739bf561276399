# SPDX-License-Identifier: Apache-2.0
"""What figures draw: never more points than an eye can tell apart, never a percentile that is not known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.analysis import series as module
from netlab.analysis.series import series
from tests.unit.netlab.analysis import simulation

Run = Callable[..., Any]


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=3000))
def test_points_are_on_the_distribution_function(ns: list[int]) -> None:
    ordered = np.sort(np.array(ns))
    ecdf, percentiles = module._of_samples(ordered)
    assert ecdf[-1] == (ordered[-1] / 1000, 1.0)
    assert ecdf[0][0] == ordered[0] / 1000
    for us, share in ecdf:
        assert share == np.count_nonzero(ordered <= round(us * 1000)) / ordered.size
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(ecdf))
    for percent, us in percentiles:
        assert np.count_nonzero(ordered <= round(us * 1000)) >= percent / 100 * ordered.size - 1e-6
        assert ordered.size * (1 - percent / 100) >= 10 - 1e-6


def test_ten_million_samples_are_a_few_hundred_points_denser_in_the_tail() -> None:
    ecdf, _ = module._of_samples(np.arange(1, 10**7 + 1))
    assert len(ecdf) <= 500
    beyond = [sum(1 for _, share in ecdf if 1 - share <= limit) for limit in (0.1, 0.01, 0.001, 0.0001)]
    assert all(high - low >= 35 for low, high in pairwise(reversed(beyond)))


def test_from_samples(run: Run) -> None:
    made = simulation.fill(run(blocks=4, aa_pair=True), 1, {"tap": 1.5}, with_samples=True)
    host, again, tap = series(made)
    assert [(own.topology, own.replica) for own in (host, again, tap)] == [
        ("host", 1),
        ("host", 2),
        ("tap", 1),
    ]
    assert tap.exact
    assert tap.ecdf[-1][1] == 1
    assert 1200 * (1 - tap.percentiles[-1][0] / 100) == pytest.approx(10, abs=3)
    orders = [spec["order"] for spec in made.manifest.order if spec["topology"] == "tap"]
    assert [point[:2] for point in tap.by_order] == list(zip(orders, range(1, 5), strict=True))
    assert all(point[2] for point in tap.by_order)


def test_from_what_was_printed(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    figures = {"min_us": 1, "p50_us": 10, "p90_us": 20, "p99_us": 30, "max_us": 99, "transactions": 1000}
    made.record("host", figures, {**figures, "p50_us": 12, "max_us": 50, "min_us": 2})
    [own] = series(made)
    assert not own.exact
    assert own.ecdf == ((1, 0), (11, 0.5), (20, 0.9), (30, 0.99), (99, 1))
    assert own.percentiles == ((0, 1), (50, 11), (90, 20), (99, 30))
    assert own.as_dict()["ecdf"][0] == [1, 0]


def test_from_histograms(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    bins = [{"low_us": 10, "high_us": 20, "count": 90}, {"low_us": 20, "high_us": 30, "count": 10}]
    made.record("host", *({"histogram": bins, "transactions": 100} for _ in range(2)))
    [own] = series(made)
    assert not own.exact
    assert own.ecdf == ((10, 0), (20, 0.9), (30, 1))
    assert own.percentiles == ((0, 10), (90, 20))


def test_of_what_was_not_measured(run: Run) -> None:
    host, tap = series(run())
    assert (host.ecdf, host.percentiles, host.by_order, tap.ecdf) == ((), (), (), ())
