# SPDX-License-Identifier: Apache-2.0
"""Rules that a sceptic holds netperf's figures against; each that speaks becomes a flag. Pure.

Every function takes the metrics of netperf_parser.py and returns flags; none changes a figure. The rules and
what to do about each are listed in docs/instruments/netperf.md.
"""

from __future__ import annotations

import math
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.netperf_command import Asked, Pace
from ansible_collections.netlab.testbed.plugins.module_utils.netperf_output import Flag, flag

# Linux TCP_RTO_MIN: what waited this long on a lab's cable most likely waited for a retransmission.
RETRANSMISSION_TIMEOUT_US = 200_000
SAMPLES_BEYOND = 10  # a percentile with fewer samples beyond it is hardly more than a maximum
PACE_TOLERANCE = 0.1
ROUNDING = 0.011  # mean and standard deviation are printed to the hundredth

Metrics = dict[str, Any]


def percentiles(metrics: Metrics) -> list[Flag]:
    flags = []
    known = [name for name in ("p50", "p90", "p99") if f"{name}_bounds_us" in metrics]
    spans = {name: metrics[f"{name}_bounds_us"] for name in known}
    # bins of 1 us are no coarser than the clock
    if any(high - low > 2 for low, high in spans.values()):
        said = ", ".join(f"{name} {low}–{high}" for name, (low, high) in spans.items())
        flags.append(
            flag(
                "percentiles_binned",
                "netperf takes percentiles from bins, 10 us wide from 100 us, 100 us wide from 1 ms, and so "
                f"on; the samples lie within {said} us",
            )
        )
    count = metrics["transactions"]
    few = [n for n, share in (("p50", 2), ("p90", 10), ("p99", 100)) if count < SAMPLES_BEYOND * share]
    if few:
        said = f"{count} transactions leave fewer than {SAMPLES_BEYOND} samples beyond {', '.join(few)}"
        flags.append(flag("percentile_undersampled", said))
    return flags


def moments(metrics: Metrics) -> list[Flag]:
    """Mean and standard deviation against the extremes, and against the time that the run took."""
    flags = []
    low, mean, high, stddev = (metrics[f"{name}_us"] for name in ("min", "mean", "max", "stddev"))
    if not low - ROUNDING <= mean <= high + ROUNDING:
        flags.append(flag("mean_outside_range", f"the mean, {mean:g} us, is not within {low}–{high} us"))
    if stddev is None:
        flags.append(flag("stddev_not_a_number", "netperf's one-pass formula cancelled; left out"))
    elif stddev > (high - low) / 2 + ROUNDING:
        said = f"no samples from {low} to {high} us have a standard deviation of {stddev:g} us"
        flags.append(flag("stddev_above_half_range", said))
    # One request is under way at a time, so the latencies lie end to end within the run.
    count, elapsed = metrics["transactions"], metrics["elapsed_s"]
    if mean * count > elapsed * 1e6 * 1.01 + 1000:
        said = f"{count} latencies of {mean:g} us are more than the {elapsed:g} s that the run took"
        flags.append(flag("latencies_exceed_elapsed", f"{said}: the clock was set, or the unit is not us"))
    return flags


def gaps(metrics: Metrics, paced: bool) -> list[Flag]:
    """Unpaced, netperf sends again at once: time that no latency covers was spent waiting for nothing."""
    covered = metrics["mean_us"] * metrics["transactions"] / 1e6
    short = metrics["transactions"] < 100  # setting up and tearing down would weigh too much
    if paced or short or metrics.get("requests_lost") or covered >= 0.5 * metrics["elapsed_s"]:
        return []
    said = f"all latencies together are {covered:.3f} s of the {metrics['elapsed_s']:g} s that the run took"
    return [flag("latencies_miss_elapsed", f"{said}: netperf was kept from running, or from an answer")]


def pacing(metrics: Metrics, pace: Pace | None, can_pace: bool) -> list[Flag]:
    rate = metrics["transaction_rate"]
    if pace is None:
        return []
    said = f"{pace.burst} each {pace.interval_us / 1000:g} ms were asked for, {rate:.1f} a second were made"
    if not can_pace:
        return [flag("unpaced_although_asked", f"{said}: this build cannot pace (no --enable-intervals)")]
    if rate > pace.rate() * (1 + PACE_TOLERANCE):
        return [flag("paced_faster_than_asked", f"{said}: without --enable-spin it counts in clock ticks")]
    if rate < pace.rate() * (1 - PACE_TOLERANCE):
        return [flag("paced_slower_than_asked", said)]
    return []


def tcp(metrics: Metrics) -> list[Flag]:
    """Connecting and retransmitting, which TCP_RR counts as latency."""
    count, mean, high = metrics["transactions"], metrics["mean_us"], metrics["max_us"]
    said = f"one of {count} samples contains connect(); it counts in max, mean and stddev"
    if count > 1:
        # The first sample is at most the maximum, so this is the least that the others' mean can be.
        least = max(float(metrics["min_us"]), (count * mean - high) / (count - 1))
        said += f". The mean of the others is at least {math.floor(least * 100) / 100:.2f} us"
    flags = [flag("first_sample_contains_connect", said)]
    local, remote = metrics["local_retransmissions"] or 0, metrics["remote_retransmissions"] or 0
    if local or remote:
        said = f"the measured connection retransmitted: {local} segments from here, {remote} from the peer"
        flags.append(flag("tcp_retransmissions", said))
    if high >= RETRANSMISSION_TIMEOUT_US:
        said = (
            f"max, {high} us, is not below TCP's least retransmission timeout of 200 ms: most likely a lost"
        )
        flags.append(
            flag("retransmission_timeout_suspected", f"{said} segment's wait; it counts in mean and stddev")
        )
    return flags


def udp(metrics: Metrics, timeout_s: int | None) -> list[Flag]:
    """Losses and stalls, which UDP_RR leaves out or counts as latency."""
    flags = []
    sent, lost, high = metrics["requests_sent"], metrics["requests_lost"], metrics["max_us"]
    if lost:
        said = (
            f"{lost} of {sent} requests had no answer within {timeout_s} s and count in no latency; an answer"
        )
        flags.append(flag("udp_timeouts", f"{said} later than that is taken for the next request's"))
    if high >= RETRANSMISSION_TIMEOUT_US:
        said = f"max, {high} us, is no latency of a path: a packet waited, as for a neighbour's address"
        flags.append(flag("stall_suspected", said))
    return flags


def length(metrics: Metrics, asked: Asked) -> list[Flag]:
    elapsed = metrics["elapsed_s"]
    if asked.duration_s is None or elapsed >= 0.95 * asked.duration_s:
        return []
    return [flag("ended_early", f"the run took {elapsed:.2f} s of the {asked.duration_s} s asked for")]


def bound(asked: Asked) -> list[Flag]:
    if asked.remote_cpu is None:
        return []
    said = f"netserver was asked to run on CPU {asked.remote_cpu}; it says nothing if it cannot"
    return [flag("remote_cpu_unverified", said)]


def samples(metrics: Metrics, counted: int | None) -> list[Flag]:
    """Against the histogram's total, where there is one: a sample of negative length is dropped unsaid."""
    if "histogram" not in metrics:
        return []
    binned = sum(bucket["count"] for bucket in metrics["histogram"])
    if binned == counted == metrics["transactions"]:
        return []
    said = f"of {metrics['transactions']} transactions {binned} are in the histogram: the others took longer"
    return [flag("samples_dropped", f"{said} than 100 s, or the clock was set back")]
