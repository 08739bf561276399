# SPDX-License-Identifier: Apache-2.0
"""Flows that ran at once, as one result. Pure. Percentiles are never averaged.

Where every flow has samples, all figures are taken from all of them. Where every flow has a histogram, the
histograms are added. Else a percentile of the whole lies between the least and the greatest of the flows'
own (the share of samples below a value is a weighted mean of the flows' shares), and only that is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.figures import of_samples
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import (
    Flag,
    each_rule_once,
    flag,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Metrics, Result

SUMS = (
    *("transaction_rate", "transactions", "requests_sent", "requests_lost", "duplicates", "out_of_order"),
    *("late", "local_retransmissions", "remote_retransmissions"),
)
SAME = ("request_bytes", "response_bytes", "payload_bytes", "interval_ms", "messages_per_second")
PERCENTILES = ("p50", "p90", "p99")


def merged(results: Sequence[Result]) -> Result:
    """One result is itself. The samples stay with the flows: trial.py packs them."""
    if len(results) == 1:
        return results[0]
    every = [result.metrics for result in results]
    figures = _pooled(every)
    flags = each_rule_once([item for result in results for item in result.flags])
    samples = [result.samples for result in results if result.samples is not None]
    if len(samples) == len(results):
        figures |= of_samples(samples)
    elif all("histogram" in metrics for metrics in every):
        figures |= _by_histogram(every, figures)
    else:
        figures |= {f"{name}_us": None for name in PERCENTILES}
        figures |= _bounds(every)
        flags.append(_not_merged())
    paces = list(dict.fromkeys(result.pacing for result in results if result.pacing))
    return Result(figures, flags, "; ".join(paces) or None)


def _not_merged() -> Flag:
    said = "the percentiles of several flows cannot be had from those of each; only their bounds are known"
    return flag("percentiles_not_merged", said)


def _total(values: Sequence[Any]) -> Any:
    return None if any(value is None for value in values) else sum(values)


def _pooled(every: Sequence[Metrics]) -> Metrics:
    """What follows exactly from the flows' own figures."""
    count = sum(metrics["transactions"] for metrics in every)
    mean = math.fsum(metrics["mean_us"] * metrics["transactions"] for metrics in every) / count
    figures: Metrics = {
        "flows": len(every),
        "min_us": min(metrics["min_us"] for metrics in every),
        "mean_us": round(mean, 3),
        "max_us": max(metrics["max_us"] for metrics in every),
        "stddev_us": _stddev(every, mean, count),
    }
    if all("elapsed_s" in metrics for metrics in every):
        figures["elapsed_s"] = max(metrics["elapsed_s"] for metrics in every)
    for name in SUMS:
        if all(name in metrics for metrics in every):
            total = _total([metrics[name] for metrics in every])
            figures[name] = round(total, 3) if isinstance(total, float) else total
    for name in SAME:
        if all(name in metrics and metrics[name] == every[0][name] for metrics in every):
            figures[name] = every[0][name]
    return figures


def _stddev(every: Sequence[Metrics], mean: float, count: int) -> float | None:
    """Of the whole: within the flows and between their means (Chan, Golub, LeVeque 1979), divisor n."""
    if any(metrics["stddev_us"] is None for metrics in every):
        return None
    squares = math.fsum(
        metrics["transactions"] * (metrics["stddev_us"] ** 2 + (metrics["mean_us"] - mean) ** 2)
        for metrics in every
    )
    return round(math.sqrt(squares / count), 3)


def _bounds(every: Sequence[Metrics]) -> Metrics:
    """A flow whose own percentile is not known leaves the whole's within that flow's extremes."""
    found: Metrics = {}
    for name in PERCENTILES:
        spans = [
            metrics.get(f"{name}_bounds_us")
            or ([metrics[f"{name}_us"]] * 2 if metrics.get(f"{name}_us") is not None else None)
            or [metrics["min_us"], metrics["max_us"]]
            for metrics in every
        ]
        found[f"{name}_bounds_us"] = [min(low for low, _ in spans), max(high for _, high in spans)]
    return found


def _holding(buckets: Sequence[tuple[tuple[int, int], int]], rank: int) -> tuple[int, tuple[int, int], int]:
    """The bucket of the sample of that rank: how many samples lie below it, its edges, its count."""
    below = 0
    for edges, count in buckets:
        if below + count >= rank:
            return below, edges, count
        below += count
    raise AssertionError("a rank above the number of samples")


def _by_histogram(every: Sequence[Metrics], figures: Metrics) -> Metrics:
    counts: dict[tuple[int, int], int] = {}
    for metrics in every:
        for bucket in metrics["histogram"]:
            edges = (bucket["low_us"], bucket["high_us"])
            counts[edges] = counts.get(edges, 0) + bucket["count"]
    buckets = sorted(counts.items())
    total = sum(counts.values())
    found: Metrics = {
        "histogram": [{"low_us": low, "high_us": high, "count": count} for (low, high), count in buckets]
    }
    limits = _bounds(every)
    for name in PERCENTILES:
        rank = max(1, math.ceil(int(name[1:]) / 100 * total - 1e-9))
        below, (start, end), count = _holding(buckets, rank)
        least, most = limits[f"{name}_bounds_us"]
        low = max(start, least, figures["min_us"])
        high = min(end, most, figures["max_us"])
        inside = start + (end - start) * (rank - below) / count
        found[f"{name}_us"] = round(min(max(inside, low), high), 3)
        found[f"{name}_bounds_us"] = [low, high]
    return found
