# SPDX-License-Identifier: Apache-2.0
"""Figures from samples, flows as one result, and samples packed: against numpy, and by what always holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.measuring import rules
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.figures import of_samples
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Result
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.merge import merged
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import (
    COLUMNS,
    MISSING,
    Samples,
    decode,
    encode,
)

TRIPS = st.lists(st.integers(0, 10**10), min_size=1, max_size=300)


def sampled(values: list[int], lost: int = 0) -> Samples:
    samples = Samples()
    for number, value in enumerate(values):
        samples.add(number, sent=1_700_000_000 * 10**9 + number, received=MISSING, ns=value)
    for number in range(lost):
        samples.add(len(values) + number)
    return samples


# --- figures -----------------------------------------------------------------------------------------------


@given(TRIPS)
def test_figures_are_numpys(values: list[int]) -> None:
    figures = of_samples([sampled(values, lost=3)])
    assert figures["transactions"] == len(values)
    for name, share in (("p50_us", 50), ("p90_us", 90), ("p99_us", 99)):
        assert figures[name] == pytest.approx(
            np.percentile(values, share, method="inverted_cdf") / 1000, abs=6e-4
        )
    assert figures["mean_us"] == pytest.approx(np.mean(values) / 1000, abs=6e-4)
    assert figures["stddev_us"] == pytest.approx(np.std(values) / 1000, rel=1e-6, abs=6e-4)
    assert (figures["min_us"], figures["max_us"]) == (
        round(min(values) / 1000, 3),
        round(max(values) / 1000, 3),
    )


def test_a_percentile_needs_ten_samples_beyond() -> None:
    assert of_samples([sampled([5] * 9_999)])["p999_us"] is None
    assert of_samples([sampled([5_000] * 10_000)])["p999_us"] == 5


def test_when_the_slowest_was_sent() -> None:
    figures = of_samples([sampled([1, 9, 2])])
    assert figures["max_at"].startswith("2023-11-14T22:13:20")
    blank = Samples()
    blank.add(0, ns=7)
    assert of_samples([blank])["max_at"] is None


def test_of_nothing_there_are_no_figures() -> None:
    assert of_samples([Samples(), sampled([], lost=4)]) == {}


# --- samples -----------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.lists(TRIPS, min_size=1, max_size=3))
def test_what_is_packed_can_be_had_back(flows: list[list[int]]) -> None:
    packed = encode([sampled(values, lost=1) for values in flows])
    assert packed is not None
    assert set(packed["columns"]) == set(COLUMNS)
    assert packed["count"] == sum(len(values) + 1 for values in flows)
    back = {name: list(decode(column)) for name, column in packed["columns"].items()}
    assert back["flow"] == [number for number, values in enumerate(flows) for _ in range(len(values) + 1)]
    assert back["ns"] == [value for values in flows for value in (*values, MISSING)]
    assert set(back["intended"]) == {MISSING}


def test_flows_without_samples_are_passed_over() -> None:
    assert encode([None, None]) is None
    packed = encode([None, sampled([1, 2])])
    assert packed is not None
    assert list(decode(packed["columns"]["flow"])) == [1, 1]


def test_a_number_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(OverflowError):
        Samples().add(0, ns=2**63)


# --- flows as one ------------------------------------------------------------------------------------------


def result(values: list[int], keep: bool, histogram: bool = False) -> Result:
    """As an instrument would give it, of round trips in ns that are whole microseconds."""
    samples = sampled(values)
    metrics: dict[str, Any] = of_samples([samples])
    metrics |= {"transaction_rate": 10.0, "requests_lost": 1, "elapsed_s": len(values) / 10}
    if histogram:
        buckets = {}
        for value in values:
            low = value // 10_000 * 10
            buckets[low] = buckets.get(low, 0) + 1
        metrics["histogram"] = [
            {"low_us": low, "high_us": low + 10, "count": count} for low, count in buckets.items()
        ]
    return Result(metrics, [], "back to back", samples if keep else None)


US = st.lists(st.integers(0, 500).map(lambda value: value * 1000), min_size=1, max_size=100)
FLOWS = st.lists(US, min_size=2, max_size=4)


def test_one_flow_is_itself() -> None:
    one = result([1000, 2000], keep=True)
    assert merged([one]) is one


@settings(max_examples=60)
@given(FLOWS)
def test_with_samples_all_figures_are_of_all_of_them(flows: list[list[int]]) -> None:
    whole = merged([result(values, keep=True) for values in flows])
    together = of_samples([sampled([value for values in flows for value in values])])
    for name in ("min_us", "p50_us", "p90_us", "p99_us", "max_us", "mad_us", "transactions"):
        assert whole.metrics[name] == together[name]
    assert whole.metrics["requests_lost"] == len(flows)
    assert whole.flags == []


@settings(max_examples=60)
@given(FLOWS)
def test_without_samples_what_follows_exactly_is_exact(flows: list[list[int]]) -> None:
    whole = merged([result(values, keep=False) for values in flows])
    everything = [value / 1000 for values in flows for value in values]
    assert whole.metrics["mean_us"] == pytest.approx(np.mean(everything), abs=0.002)
    assert whole.metrics["stddev_us"] == pytest.approx(np.std(everything), rel=1e-3, abs=0.05)
    assert whole.metrics["transactions"] == len(everything)
    for name, share in (("p50", 50), ("p90", 90), ("p99", 99)):
        assert whole.metrics[f"{name}_us"] is None
        low, high = whole.metrics[f"{name}_bounds_us"]
        assert low <= np.percentile(everything, share, method="inverted_cdf") <= high
    assert [flag["rule"] for flag in whole.flags] == ["percentiles_not_merged"]


@settings(max_examples=60)
@given(FLOWS)
def test_histograms_are_added(flows: list[list[int]]) -> None:
    whole = merged([result(values, keep=False, histogram=True) for values in flows])
    everything = [value / 1000 for values in flows for value in values]
    assert sum(bucket["count"] for bucket in whole.metrics["histogram"]) == len(everything)
    for name, share in (("p50", 50), ("p90", 90), ("p99", 99)):
        true = np.percentile(everything, share, method="inverted_cdf")
        low, high = whole.metrics[f"{name}_bounds_us"]
        assert low <= true <= high
        assert low <= whole.metrics[f"{name}_us"] <= high
    assert whole.flags == []


def test_a_percentile_that_one_flow_lacks_lies_within_its_extremes() -> None:
    lacking = result([1000, 900_000], keep=False)
    lacking.metrics["p50_us"] = None
    whole = merged([lacking, result([50_000, 60_000], keep=False)])
    assert whole.metrics["p50_bounds_us"] == [1, 900]


def test_what_a_kernel_does_not_tell_of_one_flow_is_unknown_of_all() -> None:
    flows = [result([1000], keep=False), result([2000], keep=False)]
    flows[0].metrics["local_retransmissions"] = 3
    flows[1].metrics["local_retransmissions"] = None
    assert merged(flows).metrics["local_retransmissions"] is None


# --- rules -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "lost", "rule"),
    [
        (100.0, 0, None),
        (49.0, 0, "half_round_trip_suspected"),
        (49.0, 5, None),
        (103.0, 0, "latencies_exceed_elapsed"),
        (30.0, 0, None),
    ],
)
def test_latencies_that_make_half_of_the_time_are_suspected(mean: float, lost: int, rule: str | None) -> None:
    metrics = {"transactions": 10_000, "mean_us": mean, "elapsed_s": 1.0, "requests_lost": lost}
    assert [flag["rule"] for flag in rules.back_to_back(metrics)] == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("max_us", "name", "rise", "speaks"),
    [
        (200_000, "tcp_timeouts", 1, True),
        (200_000, "tcp_retransmitted_segments", 2, True),
        (200_000, "tcp_timeouts", 0, False),
        (200_000, "udp_input_errors", 1, False),
        (199_999, "tcp_timeouts", 1, False),
        (None, "tcp_timeouts", 1, False),
    ],
)
def test_a_timeout_that_tcp_counted_is_no_latency(max_us: Any, name: str, rise: int, speaks: bool) -> None:
    flags = rules.retransmission({"max_us": max_us}, {name: 5}, {name: 5 + rise})
    assert [flag["rule"] for flag in flags] == (["retransmission_timeout_counted"] if speaks else [])
