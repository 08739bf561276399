# SPDX-License-Identifier: Apache-2.0
"""Percentiles of samples, and of histograms where there are no samples. None is ever an average of percentiles.

The percentile p of n samples is the one of rank ceil(n p), from 1: a round trip that was really measured (the
inverted distribution function; type 1 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American
Statistician 50(4), 1996).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from netlab.analysis.combine import enough_beyond, number

PERCENTILES = (50, 90, 99, 99.9)

Nanoseconds = npt.NDArray[np.int64]
Bin = tuple[float, float, int]  # from, to (us; not included), how many


def key(percent: float) -> str:
    """The name of a percentile among the metrics: p50_us, p999_us."""
    return f"p{percent:g}_us".replace(".", "")


def rank(count: int, percent: float) -> int:
    """Place of a percentile among so many samples in ascending order, from 0."""
    return max(0, -(-count * round(percent * 10) // 1000) - 1)


def of_sorted(ordered: Nanoseconds, percent: float) -> float | None:
    """A percentile in us of samples in ascending order; None with fewer than ten samples beyond it."""
    if not enough_beyond(ordered.size, percent):
        return None
    return int(ordered[rank(ordered.size, percent)]) / 1000


def of_sorted_runs(runs: Sequence[Nanoseconds]) -> dict[str, float | None]:
    """Percentiles and `mad_us`, the median absolute deviation from the median, of all samples together.

    The deviation is as it is, not scaled to resemble a standard deviation (Hampel, "The Influence Curve and its
    Role in Robust Estimation", JASA 69(346), 1974).
    """
    together = runs[0] if len(runs) == 1 else np.sort(np.concatenate(runs), kind="stable")
    found: dict[str, float | None] = {key(percent): of_sorted(together, percent) for percent in PERCENTILES}
    found["mad_us"] = None
    if enough_beyond(together.size, 50):
        deviations = np.abs(together - together[rank(together.size, 50)])
        middle = rank(together.size, 50)
        deviations.partition(middle)
        found["mad_us"] = int(deviations[middle]) / 1000
    return found


def bins_of(metrics: Mapping[str, Any]) -> list[Bin]:
    """An instrument's histogram, where it gives one: `[{low_us, high_us, count}]`."""
    told = metrics.get("histogram")
    if not isinstance(told, list):
        return []
    found = []
    for item in told:
        if not isinstance(item, Mapping):
            return []
        low, high, count = (number(item, name) for name in ("low_us", "high_us", "count"))
        if low is None or high is None or count is None or high < low or count < 0:
            return []
        if count:
            found.append((low, high, int(count)))
    return found


def merge_bins(histograms: Iterable[Sequence[Bin]]) -> list[Bin]:
    """Histograms of the same bins as one: their counts added."""
    counts: dict[tuple[float, float], int] = {}
    for histogram in histograms:
        for low, high, count in histogram:
            counts[low, high] = counts.get((low, high), 0) + count
    return [(low, high, count) for (low, high), count in sorted(counts.items())]


def of_bins(bins: Sequence[Bin], percent: float) -> float | None:
    """A percentile from a histogram, by linear interpolation in its bin: no better known than its width."""
    total = sum(count for _, _, count in bins)
    if not enough_beyond(total, percent):
        return None
    wanted, below = rank(total, percent) + 1, 0
    for low, high, count in bins:
        if below + count >= wanted:
            return low + (high - low) * (wanted - below) / count
        below += count
    return None
