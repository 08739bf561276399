# SPDX-License-Identifier: Apache-2.0
"""Each rule is broken by what it is about, and by nothing that a real run gives."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.analysis import rules

# netperf 2.7.0 (Debian 12), TCP_RR over loopback, 2000 transactions
REAL = {
    "min_us": 12,
    "mean_us": 53.67,
    "p50_us": 54,
    "p90_us": 64,
    "p99_us": 76,
    "max_us": 196,
    "stddev_us": 10.52,
    "transactions": 2000,
}


def broken(**change: Any) -> list[str]:
    return [flag.rule for flag in rules.check({**REAL, **change}) if flag.severity == "broken"]


def test_a_real_run_keeps_every_rule() -> None:
    assert rules.check(REAL) == []


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("negative_latency", {"min_us": -1}),
        ("order_of_figures", {"p50_us": 70}),
        ("order_of_figures", {"min_us": 61}),
        ("order_of_figures", {"p99_us": 300}),
        (
            "order_of_figures",
            {"min_us": 200, "p50_us": None, "p90_us": None, "p99_us": None, "mean_us": None},
        ),
        ("mean_outside_range", {"mean_us": 11.5}),
        ("mean_outside_range", {"mean_us": 197}),
        ("stddev_above_half_range", {"stddev_us": 93}),
        ("lost_above_sent", {"requests_lost": 3, "requests_sent": 2}),
    ],
)
def test_each_rule_can_be_broken(rule: str, change: dict[str, Any]) -> None:
    assert rule in broken(**change)


def test_the_flag_says_which_figures() -> None:
    [flag] = rules.check({"p50_us": 70, "p90_us": 64})
    assert (flag.rule, flag.text) == ("order_of_figures", "p50 70 us is above p90 64 us")


def test_a_percentile_from_a_histogram_may_miss_the_exact_end_by_a_bin() -> None:
    """netperf puts 214 to 219 us into one bin and says 213 for their median: known, noted, not broken."""
    [flag] = rules.check({"min_us": 214, "p50_us": 213})
    assert (flag.rule, flag.severity) == ("order_of_figures", "note")
    [flag] = rules.check({"p99_us": 219, "max_us": 214})
    assert flag.severity == "note"
    [flag] = rules.check({"min_us": 214, "p50_us": 190})
    assert flag.severity == "broken"


def test_what_is_not_there_breaks_nothing() -> None:
    assert rules.check({}) == []
    assert rules.check({"min_us": None, "max_us": 3}) == []


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=40))
def test_no_sample_breaks_a_rule(values: list[int]) -> None:
    """Whatever the round trips were, their own figures keep the rules, with either divisor of the stddev."""
    ordered = sorted(values)
    figures: dict[str, Any] = {
        "min_us": ordered[0],
        "mean_us": statistics.fmean(values),
        "max_us": ordered[-1],
        "stddev_us": statistics.pstdev(values),
    }
    figures |= {f"p{p}_us": ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 90, 99)}
    assert rules.check(figures) == []
