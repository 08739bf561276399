# SPDX-License-Identifier: Apache-2.0
"""Rows hold what was planned, in the plan's order, with everything that went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
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


def test_one_dut_makes_up_for_nothing_of_another(run: Run) -> None:
    """Two duts, three trials: one failed on both and was good on one again, one that the second never came to."""
    made = run(topologies=["host"], blocks=3)
    made.record("host", "a cable was out", metrics(100), metrics(100), board="a")
    made.record("host", "no guest", metrics(100), board="b")
    again = dict(made.lines[0], status="ok", metrics=metrics(100))
    made.lines.append(again)
    [row] = analysis.rows(made)
    assert row.runs == 4
    assert {rule: told for rule, told in rules(row).items() if rule.startswith("trial_")} == {
        "trial_failed": (1, "incomplete"),
        "trial_retried": (1, "note"),
        "trial_missing": (1, "incomplete"),
    }
    texts = {flag.rule: flag.text for flag in row.flags}
    assert texts["trial_failed"] == "no guest"
    assert texts["trial_retried"] == "succeeded after: a cable was out"


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
    assert any("board1, board3" in flag.text for flag in row.flags)


def test_means_that_cannot_be_weighed_are_told(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    made.record("host", {"mean_us": 5.0}, {"mean_us": 6.0})
    [row] = analysis.rows(made)
    assert row.mean_us is None
    assert rules(row) == {"not_pooled": (2, "note")}


def sampled_trial(base: int, count: int = 1000, seed: int = 0, lost: int = 0) -> dict[str, Any]:
    """Columns of samples in ns."""
    ns = base + np.random.default_rng(seed).integers(0, 10_000, count + lost)
    sent = 1_800_000_000_000_000_000 + np.arange(count + lost) * 10**6
    received = sent + ns
    ns[count:] = received[count:] = -(2**63)
    return {"ns": ns, "sent": sent, "received": received}


def with_samples(made: Any, topology: str, *columns: Any, figures: Any = None) -> None:
    start = len(made.lines)
    made.record(topology, *({"transactions": 1, **(figures or {})} for _ in columns))
    for line, own in zip(made.lines[start:], columns, strict=True):
        line["samples"] = own


def test_samples_are_pooled(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    columns = [sampled_trial(30_000, 4000, 1, lost=4), sampled_trial(90_000, 12_000, 2)]
    with_samples(made, "host", *columns, figures={"p50_us": 3.0})
    [row] = analysis.rows(made)
    together = np.sort(np.concatenate([columns[0]["ns"][:4000], columns[1]["ns"]]))
    assert (row.runs, row.samples) == (2, 16_000)
    assert row.loss == pytest.approx(4 / 16_004)
    for percent, value in ((50, row.p50_us), (90, row.p90_us), (99, row.p99_us), (99.9, row.p999_us)):
        assert value == together[-(-round(percent * 10) * 16_000 // 1000) - 1] / 1000
    assert row.p50_us > 90  # three quarters of all samples are the slow run's; a mean of medians is 65
    assert (row.min_us, row.max_us) == (together[0] / 1000, together[-1] / 1000)
    assert row.mean_us == pytest.approx(together.mean() / 1000)
    assert row.stddev_us == pytest.approx(together.std() / 1000)
    assert row.max_at.startswith("2027-01-15T08:00:")
    assert row.p50_ci is None  # of two runs
    assert rules(row)["samples_differ_from_figures"] == (2, "note")


def test_p999_needs_ten_thousand_samples(run: Run) -> None:
    made = run(topologies=["host"], blocks=1)
    with_samples(made, "host", sampled_trial(30_000, 9_999))
    assert analysis.rows(made)[0].p999_us is None
    assert analysis.rows(made)[0].p99_us is not None


def test_samples_that_are_enough_together_are_not_called_too_few(run: Run) -> None:
    few = [{"rule": "percentile_undersampled", "text": "too few transactions for p99"}]
    for runs, found in ((2, None), (1, (1, "note"))):
        made = run(topologies=["host"], blocks=runs)
        with_samples(made, "host", *(sampled_trial(30_000, 600, seed) for seed in range(runs)))
        for line in made.lines:
            line["flags"] = few
        [row] = analysis.rows(made)
        assert (row.p99_us is None) == (runs == 1)
        assert rules(row).get("percentile_undersampled") == found


def test_a_run_without_samples_among_others_with_them(run: Run) -> None:
    """Percentiles cannot be pooled then: the median over the runs, of which one's is printed."""
    made = run(topologies=["host"], blocks=3)
    with_samples(made, "host", sampled_trial(30_000), sampled_trial(50_000))
    made.lines.append({**made.manifest.order[2], "status": "ok", "flags": [], "metrics": metrics(40)})
    [row] = analysis.rows(made)
    assert row.p50_us == 49
    assert (row.min_us, row.samples) == (made.lines[0]["samples"]["ns"].min() / 1000, 3000)
    assert row.mad_us is None


def test_samples_that_cannot_be_read(run: Run) -> None:
    made = run(topologies=["host"], blocks=1)
    with_samples(made, "host", "the file is cut off", figures=metrics(40))
    [row] = analysis.rows(made)
    assert row.p50_us == 49
    assert rules(row) == {"samples_unreadable": (1, "note")}
    assert "the file is cut off" in row.flags[0].text


def test_conditions_and_replicas_have_rows_of_their_own(run: Run) -> None:
    made = run(
        topologies=["tap", "host"],
        blocks=7,
        aa_pair=True,
        scenarios=[{"name": "interference", "conditions": ["same-cpu", "alone"]}],
    )
    for spec in made.manifest.order:
        base = {"tap": 300, "host": 30}[spec["topology"]] + spec["block"] + 2 * spec["replica"]
        loads = [{"name": "bulk", "achieved": {"mbit_per_s": 900 + spec["block"]}}]
        loads = loads if spec["condition"] == "same-cpu" else []
        made.lines.append({**spec, "status": "ok", "flags": [], "metrics": metrics(base), "loads": loads})
    found = analysis.rows(made)
    assert [(row.topology, row.replica, row.condition) for row in found] == [
        (topology, replica, condition)
        for topology, replica in (("tap", 1), ("host", 1), ("host", 2))
        for condition in ("same-cpu", "alone")
    ]
    assert {row.runs for row in found} == {7}
    assert [row.load for row in found[:2]] == ["bulk 904 Mbit/s (901 to 907)", ""]
    tap, _, host, _, again, _ = found
    assert host.difference.verdict == "baseline"
    assert (again.difference.shift_us, again.difference.verdict) == (2, "not resolved")
    # two apart, and a tick of netperf's: whole microseconds
    assert (
        host.difference.resolution_us == again.difference.resolution_us == tap.difference.resolution_us == 3
    )
    assert rules(again) == {"aa_pair_differs": (1, "note")}
    assert (tap.difference.baseline, tap.difference.verdict, tap.difference.pairs) == ("host", "higher", 7)
    assert tap.difference.shift_us == pytest.approx(270)
    assert tap.difference.cliffs_delta == 1
    assert tap.difference.share == pytest.approx(270 / 45)
    json.dumps([row.as_dict() for row in found], allow_nan=False)
    assert {tuple(row.as_cells()) for row in found} == {tuple(analysis.Row.columns())}


def test_what_is_below_the_a_a_pair_is_not_resolved(run: Run) -> None:
    """tap is 2 us above host in every block, but host is up to 3 us above itself."""
    made = run(topologies=["host", "tap"], blocks=8, aa_pair=True)
    made.record("host", *(metrics(100) for _ in range(8)))
    made.record("host", *(metrics(100 + block % 4) for block in range(8)), replica=2)
    made.record("tap", *(metrics(102) for _ in range(8)))
    tap = analysis.rows(made)[-1].difference
    assert (tap.shift_us, tap.shift_ci.low, tap.shift_ci.high) == (2, 1, 3)  # of whole microseconds
    assert tap.resolution_us >= 2
    assert tap.verdict == "not resolved"


def test_pairs_are_of_one_block_and_one_board(run: Run) -> None:
    """Two duts: each is paired with itself, and both together are one pair of their block."""
    made = run(topologies=["host", "tap"], blocks=6)
    for spec in made.manifest.order:
        for board, more in (("board1", 0), ("board3", 500)):
            if (spec["topology"], spec["block"], board) == ("tap", 4, "board3"):
                continue
            base = {"host": 100, "tap": 110}[spec["topology"]] + more
            made.lines.append(
                {**spec, "board": board, "status": "ok", "flags": [], "metrics": metrics(base), "guest": None}
            )
    made.outcomes = lambda: made.lines
    host, tap = analysis.rows(made)
    assert (tap.difference.pairs, tap.difference.shift_us, tap.difference.verdict) == (6, 10, "higher")
    assert host.difference.pairs == 6


def test_an_a_a_pair_of_few_blocks_is_no_resolution(run: Run) -> None:
    """Five differences, or one, say little of what the next would be."""
    made = run(topologies=["host", "tap"], blocks=8, aa_pair=True)
    made.record("host", *(metrics(100 + block % 2) for block in range(8)))
    made.record("host", *(metrics(101) for _ in range(5)), replica=2)
    made.record("tap", *(metrics(110) for _ in range(8)))
    host, again, tap = (row.difference for row in analysis.rows(made))
    assert {own.resolution_us for own in (host, again, tap)} == {None}
    assert (again.verdict, again.pairs, tap.verdict) == ("insufficient samples", 5, "higher")


def test_a_row_alone_is_compared_with_nothing(run: Run) -> None:
    made = run(topologies=["host"], blocks=2)
    made.record("host", metrics(100), metrics(100))
    assert analysis.rows(made)[0].difference is None


def test_without_the_baseline_there_is_no_shift(run: Run) -> None:
    made = run(topologies=["host", "tap"], blocks=7)
    made.record("tap", *(metrics(100) for _ in range(7)))
    host, tap = analysis.rows(made)
    assert (tap.difference.verdict, tap.difference.pairs, tap.difference.shift_us) == (
        "insufficient samples",
        0,
        None,
    )
    assert host.difference.verdict == "baseline"


def test_where_no_percentile_is_known_the_mean_is_compared(run: Run) -> None:
    made = run(topologies=["host", "tap"], blocks=7)
    for topology, base in (("host", 10.0), ("tap", 14.0)):
        made.record(topology, *({"mean_us": base + block, "transactions": 15} for block in range(7)))
    tap = analysis.rows(made)[-1].difference
    assert (tap.metric, tap.shift_us, tap.verdict) == ("mean_us", 4, "higher")


def test_a_plan_of_the_first_netlab_is_still_read(run: Run) -> None:
    """No conditions, no replicas, no baseline in the plan, no samples and no flows in the trials."""
    made = run(blocks=6)
    for key in ("baseline", "aa_pair", "warm_up_s", "pause_s", "retries", "quiet"):
        made.manifest.plan.pop(key, None)
    for spec in made.manifest.order:
        del spec["condition"], spec["replica"]
    made.record("host", *(metrics(100) for _ in range(6)))
    made.record("tap", *(metrics(300) for _ in range(6)))
    host, tap = analysis.rows(made)
    assert (host.condition, host.replica, host.difference.resolution_us) == ("", 1, None)
    assert tap.difference.verdict == "higher"
