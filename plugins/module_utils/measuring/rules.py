# SPDX-License-Identifier: Apache-2.0
"""Rules that hold of every instrument; each that speaks becomes a flag. Pure.

docs/instruments/index.md lists them. What no figure may be at all (not a number, negative, more lost than
sent, half a round trip) is a MeasurementError with the rule's name: such a trial has failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, broken, flag

# Linux TCP_RTO_MIN: what waited this long on a lab's cable most likely waited for a retransmission.
RETRANSMISSION_TIMEOUT_US = 200_000
ROUNDING = 0.011  # microseconds: figures are printed to the hundredth or thousandth

Metrics = Mapping[str, Any]


def moments(metrics: Metrics) -> list[Flag]:
    """Mean and standard deviation against the extremes (Popoviciu's inequality bounds the latter)."""
    flags = []
    low, mean, high = (metrics[f"{name}_us"] for name in ("min", "mean", "max"))
    if not low - ROUNDING <= mean <= high + ROUNDING:
        flags.append(broken("mean_outside_range", f"the mean, {mean:g} us, is not within {low}–{high} us"))
    stddev = metrics["stddev_us"]
    if stddev is not None and stddev > (high - low) / 2 + ROUNDING:
        said = f"no samples from {low} to {high} us have a standard deviation of {stddev:g} us"
        flags.append(broken("stddev_above_half_range", said))
    return flags


def back_to_back(metrics: Metrics) -> list[Flag]:
    """One request under way at a time, each after the last answer: the latencies lie end to end in the run.

    So their sum is the run's time, less what lies between an answer and the next request. A sum of half
    of it is what a tool prints that halves each round trip.
    """
    count, mean, elapsed = metrics["transactions"], metrics["mean_us"], metrics["elapsed_s"]
    if mean * count > elapsed * 1e6 * 1.01 + 1000:
        said = f"{count} latencies of {mean:g} us are more than the {elapsed:g} s that the run took"
        return [broken("latencies_exceed_elapsed", f"{said}: the clock was set, or the unit is not us")]
    if count >= 1000 and not metrics.get("requests_lost") and 0.45 <= mean * count / (elapsed * 1e6) <= 0.5:
        said = "the latencies make half of the run's time, as they do where each is half of a round trip"
        return [flag("half_round_trip_suspected", said)]
    return []


def retransmission(metrics: Metrics, before: Metrics, after: Metrics) -> list[Flag]:
    """The longest round trip against what TCP counted meanwhile at this end."""
    if (metrics.get("max_us") or 0) < RETRANSMISSION_TIMEOUT_US:
        return []
    names = ("tcp_timeouts", "tcp_retransmitted_segments")
    rose = any(after[name] > before[name] for name in names if name in before and name in after)
    if not rose:
        return []
    said = "max is not below 200 ms, TCP's least retransmission timeout, and TCP retransmitted meanwhile:"
    return [flag("retransmission_timeout_counted", f"{said} a lost segment's wait, not a latency")]
