# SPDX-License-Identifier: Apache-2.0
"""Rules that a sceptic holds netperf's figures against; each that speaks becomes a flag. Pure.

Every function takes the metrics of parser.py and returns flags; none changes a figure. The rules and
what to do about each are listed in docs/instruments/netperf.md.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring import rules as shared
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.figures import undersampled
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, flag
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.rules import (
    RETRANSMISSION_TIMEOUT_US,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.command import Asked, Pace

PACE_TOLERANCE = 0.1

Metrics = dict[str, Any]


def percentiles(metrics: Metrics) -> list[Flag]:
    flags = []
    spans = [metrics[key] for key in ("p50_bounds_us", "p90_bounds_us", "p99_bounds_us") if key in metrics]
    # bins of 1 us are no coarser than the clock
    if any(high - low > 2 for low, high in spans):
        said = (
            "percentiles come from netperf's bins, 10 us wide from 100 us, 100 us wide from 1 ms, and so on"
        )
        flags.append(flag("percentiles_binned", said))
    return flags + undersampled(metrics["transactions"])


def moments(metrics: Metrics) -> list[Flag]:
    """Mean and standard deviation against the extremes, and against the time that the run took."""
    flags = shared.moments(metrics)
    if metrics["stddev_us"] is None:
        flags.append(flag("stddev_not_a_number", "netperf's one-pass formula for stddev cancelled; left out"))
    return flags + shared.back_to_back(metrics)


def gaps(metrics: Metrics, paced: bool) -> list[Flag]:
    """Unpaced, netperf sends again at once: time that no latency covers was spent waiting for nothing."""
    covered = metrics["mean_us"] * metrics["transactions"] / 1e6
    short = metrics["transactions"] < 100  # setting up and tearing down would weigh too much
    if paced or short or metrics.get("requests_lost") or covered >= 0.5 * metrics["elapsed_s"]:
        return []
    said = "less than half of the run's time is in its latencies: netperf was kept from running or an answer"
    return [flag("latencies_miss_elapsed", said)]


def pacing(metrics: Metrics, pace: Pace | None, can_pace: bool) -> list[Flag]:
    rate = metrics["transaction_rate"]
    if pace is None:
        return []
    if not can_pace:
        said = f"{pace.says()} was asked for, but this build of netperf cannot pace (no --enable-intervals)"
        return [flag("unpaced_although_asked", said)]
    if rate > pace.rate() * (1 + PACE_TOLERANCE):
        said = f"{pace.says()} was asked for; without --enable-spin this build counts in clock ticks"
        return [flag("paced_faster_than_asked", said)]
    if rate < pace.rate() * (1 - PACE_TOLERANCE):
        return [flag("paced_slower_than_asked", f"{pace.says()} was asked for; fewer were made")]
    return []


def tcp(metrics: Metrics) -> list[Flag]:
    """Connecting and retransmitting, which TCP_RR counts as latency."""
    said = "the first sample of TCP_RR contains connect(); it counts in max, mean and stddev"
    flags = [flag("first_sample_contains_connect", said)]
    if metrics["local_retransmissions"] or metrics["remote_retransmissions"]:
        said = "segments of the measured connection were lost and sent again"
        flags.append(flag("tcp_retransmissions", said))
    if metrics["max_us"] >= RETRANSMISSION_TIMEOUT_US:
        said = (
            "max is not below 200 ms, TCP's least retransmission timeout: most likely a lost segment's wait, "
        )
        said += "not a latency; it counts in mean and stddev"
        flags.append(flag("retransmission_timeout_suspected", said))
    return flags


def udp(metrics: Metrics, timeout_s: int | None) -> list[Flag]:
    """Losses and stalls, which UDP_RR leaves out or counts as latency."""
    flags = []
    if metrics["requests_lost"]:
        said = f"requests without an answer within {timeout_s} s count in no latency; a later answer is taken"
        flags.append(flag("udp_timeouts", f"{said} for the next request's"))
    if metrics["max_us"] >= RETRANSMISSION_TIMEOUT_US:
        said = "max, 200 ms or more, is no latency of a path: a packet waited, as for a neighbour's address"
        flags.append(flag("stall_suspected", said))
    return flags


def length(metrics: Metrics, asked: Asked) -> list[Flag]:
    if asked.duration_s is None or metrics["elapsed_s"] >= 0.95 * asked.duration_s:
        return []
    return [flag("ended_early", f"the run was shorter than the {asked.duration_s} s asked for")]


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
    said = "the histogram has fewer samples than there were transactions: some took over 100 s, or the clock"
    return [flag("samples_dropped", f"{said} was set back")]
