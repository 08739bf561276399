# SPDX-License-Identifier: Apache-2.0
"""Rows hold what was planned, in the plan's order, with everything that went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from netlab import analysis

KEYS = [
    "topology", "scenario", "instrument", "runs", "condition", "replica", "samples", "loss", "min_us", "mean_us",
    "p50_us", "p90_us", "p99_us", "p999_us", "max_us", "max_at", "stddev_us", "mad_us", "transaction_rate",
    "p50_ci", "mean_ci", "difference", "load", "flags",
]  # fmt: skip


def metrics(base: float, transactions: int = 1000) -> dict[str, Any]:
    return {
        "min_us": base,
        "mean_us": base + 10.0,
        "p50_us": base + 9,
        "p90_us": base + 20,
        "p99_us": base + 40,
        "max_us": base + 100,
        "stddev_us": 8.5,
        "transactions": transactions,
        "transaction_rate": 5000.0,
    }


Run = Callable[..., Any]


def rules(row: analysis.Row) -> dict[str, tuple[int, str]]:
    return {flag.rule: (flag.count, flag.severity) for flag in row.flags}


def test_a_row_has_exactly_the_published_keys(run: Run) -> None:
    made = run()
    made.record("host", metrics(100), metrics(120))
    row, _ = analysis.rows(made)
    assert list(row.as_dict()) == KEYS
    assert (row.topology, row.scenario, row.instrument, row.runs) == ("host", "latency", "netperf", 2)
    assert (row.min_us, row.max_us, row.mean_us) == (100, 220, 120)
    assert (row.p50_us, row.p90_us, row.p99_us) == (119, 130, 150)
    assert row.stddev_us == pytest.approx((8.5**2 + 10**2) ** 0.5)
    assert row.transaction_rate == pytest.approx(5000)
    assert row.flags == ()


@pytest.mark.parametrize("seed", range(5))
def test_rows_come_in_the_order_of_the_plan_whatever_the_order_of_the_run(run: Run, seed: int) -> None:
    made = run(topologies=["tap", "host", "ovs"], seed=seed)
    assert [row.topology for row in analysis.rows(made)] == ["tap", "host", "ovs"]


def test_nothing_planned_is_left_out(run: Run) -> None:
    made = run(topologies=["host", "tap", "ovs", "xdp"])
    made.record("host", metrics(100))
    made.record("tap", "the guest did not answer", "the guest did not answer")
    made.record("ovs", "no Open vSwitch", status="skipped")
    host, tap, ovs, xdp = analysis.rows(made)
    assert [row.runs for row in (host, tap, ovs, xdp)] == [1, 0, 0, 0]
    assert rules(host) == {"trial_missing": (1, "incomplete")}
    assert rules(tap) == {"trial_failed": (2, "incomplete")}
    assert tap.flags[0].text == "the guest did not answer"
    assert rules(ovs) == {"trial_skipped": (1, "incomplete"), "trial_missing": (1, "incomplete")}
    assert rules(xdp) == {"trial_missing": (2, "incomplete")}
    assert tap.min_us is None
    assert analysis.broken([host, tap, ovs, xdp]) == []


def test_a_failure_that_a_retry_made_good_is_still_told(run: Run) -> None:
    made = run(topologies=["host"], blocks=1)
    made.record("host", "a cable was out")
    made.record("host", metrics(100))
    [row] = analysis.rows(made)
    assert row.runs == 1
    assert rules(row) == {"trial_retried": (1, "note")}
    assert "a cable was out" in row.flags[0].text


def test_flags_of_trials_are_merged(run: Run) -> None:
    made = run(topologies=["host"], blocks=3)
    connect = {"rule": "first-sample", "text": "it contains connect()"}
    made.record("host", *(metrics(100) for _ in range(3)), flags=[connect])
    [row] = analysis.rows(made)
    [flag] = row.flags
    assert (flag.rule, flag.count, flag.text, flag.severity) == ("first-sample", 3, connect["text"], "note")


def test_many_wordings_of_one_rule_are_cut_short(run: Run) -> None:
    made = run(topologies=["host"], blocks=5)
    made.record("host", *(f"reason {number}" for number in range(5)))
    [row] = analysis.rows(made)
    assert row.flags[0].text == "reason 0; reason 1; reason 2; and 2 more in trials.jsonl"


def test_notes_that_differ_in_figures_alone_are_one_wording(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    made.record("host", metrics(100), metrics(100))
    for line, samples in zip(made.lines, (4711, 1000), strict=True):
        line["flags"] = [{"rule": "connect", "text": f"one of {samples} samples contains connect()"}]
    [row] = analysis.rows(made)
    assert [(flag.text, flag.count) for flag in row.flags] == [("one of 4711 samples contains connect()", 2)]


def test_a_rule_that_the_instrument_flagged_too_counts_once(run: Run) -> None:
    """Its words are kept, and that the rule is broken is not lost."""
    made = run(topologies=["host"], blocks=1)
    said = {"rule": "stddev_above_half_range", "text": "no samples from 1 to 2 have that"}
    made.record("host", {"min_us": 1, "max_us": 2, "stddev_us": 9, "transactions": 1000}, flags=[said])
    [row] = analysis.rows(made)
    [flag] = row.flags
    assert (flag.rule, flag.text, flag.count, flag.severity) == (*said.values(), 1, "broken")


def test_a_broken_rule_is_on_the_row_and_in_broken(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    made.record("host", {**metrics(100), "p50_us": 150}, metrics(100))
    rows = analysis.rows(made)
    assert rules(rows[0])["order_of_figures"] == (1, "broken")
    assert analysis.broken(rows) == [
        "host, latency, netperf: order_of_figures: p50 150 us is above p90 120 us"
    ]


def test_a_rule_that_only_the_row_breaks_is_found(run: Run) -> None:
    """Runs that measured different percentiles can be in order each, and not together."""
    made = run(topologies=["host"], blocks=2)
    made.record("host", {"p50_us": 90, "transactions": 5000}, {"p90_us": 50, "transactions": 5000})
    [row] = analysis.rows(made)
    assert rules(row)["order_of_figures"] == (1, "broken")


def test_an_instrument_can_break_a_run_itself(run: Run) -> None:
    made = run(topologies=["host"], blocks=1)
    made.record("host", metrics(1), flags=[{"rule": "not_a_number", "text": "t", "severity": "broken"}])
    assert analysis.broken(analysis.rows(made)) == ["host, latency, netperf: not_a_number: t"]


def test_too_few_samples_are_not_printed(run: Run) -> None:
    made = run(topologies=["host"], blocks=1)
    made.record("host", metrics(100, transactions=500))
    [row] = analysis.rows(made)
    assert (row.p50_us, row.p90_us, row.p99_us) == (109, 120, None)
    assert row.flags[0].text == "500 transactions leave fewer than ten samples beyond p99: not printed"


def test_the_same_instrument_told_different_things_makes_rows_of_its_own(run: Run) -> None:
    told = [{"name": "netperf", "parameters": {"test": test, "n": 5}} for test in ("UDP_RR", "TCP_RR")]
    made = run(topologies=["host"], blocks=1, instruments=told)
    assert [row.instrument for row in analysis.rows(made)] == ["netperf test=UDP_RR", "netperf test=TCP_RR"]


def test_two_boards_in_a_row_are_told(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    made.record("host", metrics(100), metrics(100))
    made.lines[0]["board"], made.lines[1]["board"] = "board1", "board3"
    [row] = analysis.rows(made)
    assert "board1, board3" in row.flags[0].text


def test_means_that_cannot_be_weighed_are_told(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    made.record("host", {"mean_us": 5.0}, {"mean_us": 6.0})
    [row] = analysis.rows(made)
    assert row.mean_us is None
    assert rules(row) == {"not_pooled": (2, "note")}
