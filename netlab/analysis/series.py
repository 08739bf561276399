# SPDX-License-Identifier: Apache-2.0
"""What the figures draw: a row's distribution, and its runs in the order in which they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netlab.analysis import combine, quantiles
from netlab.analysis.combine import number
from netlab.analysis.quantiles import Bin
from netlab.analysis.readings import Reading
from netlab.analysis.rows import rows
from netlab.analysis.source import Run
from netlab.report.row import Row

Points = tuple[tuple[float, float], ...]

BODY = 250  # points up to p90, at even distances
TAIL = 40  # points for each factor of ten beyond it: 90 to 99 %, 99 to 99.9 %
MOST = 480


@dataclass(frozen=True)
class Series:
    """One row as points; at most about 500 each, denser towards the tail.

    `ecdf`: (us, share of the samples at or below). `percentiles`: (p in percent, us), up to where ten samples lie
    beyond. `by_order`: (order, block, p50_us, p99_us) of each run. `exact`: made from every sample of every run;
    else from a merged histogram, or from the figures that the instrument printed: then the least, the median over
    the runs of each percentile, and the greatest.
    """

    topology: str
    scenario: str
    condition: str
    instrument: str
    replica: int = 1
    ecdf: Points = ()
    percentiles: Points = ()
    by_order: tuple[tuple[int, int, float | None, float | None], ...] = ()
    exact: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            key: [list(point) for point in value] if isinstance(value, tuple) else value
            for key, value in vars(self).items()
        }


def series(run: Run) -> list[Series]:
    """A series for each row, in the order of the rows."""
    return rows_and_series(run)[1]


def rows_and_series(run: Run) -> tuple[list[Row], list[Series]]:
    """Both, from samples that are read once."""
    made: list[Series] = []
    return rows(run, beside=lambda row, good: made.append(_series(row, good))), made


def _series(row: Row, good: Sequence[Reading]) -> Series:
    ecdf, percentiles, exact = _distribution(good)
    return Series(
        row.topology,
        row.scenario,
        row.condition,
        row.instrument,
        row.replica,
        ecdf,
        percentiles,
        tuple(_by_order(good)),
        exact,
    )


def _by_order(good: Sequence[Reading]) -> list[tuple[int, int, float | None, float | None]]:
    return [
        (
            int(reading.line["order"]),
            int(reading.line.get("block") or 0),
            number(reading.metrics, "p50_us"),
            number(reading.metrics, "p99_us"),
        )
        for reading in good
    ]


def _distribution(good: Sequence[Reading]) -> tuple[Points, Points, bool]:
    sampled = [reading.sampled.ordered for reading in good if reading.sampled is not None]
    if sampled and len(sampled) == len(good):
        return *_of_samples(np.sort(np.concatenate(sampled), kind="stable")), True
    histograms = [quantiles.bins_of(reading.metrics) for reading in good]
    if histograms and all(histograms):
        return *_of_bins(quantiles.merge_bins(histograms)), False
    return *_of_printed(good), False


def _of_samples(ordered: quantiles.Nanoseconds) -> tuple[Points, Points]:
    count = ordered.size
    if not count:
        return (), ()
    ranks = np.unique(np.ceil(_shares(count) * count).astype(np.int64).clip(1, count))
    values = ordered[ranks - 1] / 1000
    # of samples that are the same, the last one has the share at or below
    shares = np.searchsorted(ordered, ordered[ranks - 1], side="right") / count
    ecdf = tuple(dict(zip(values.tolist(), shares.tolist(), strict=True)).items())
    known = count - ranks >= combine.SAMPLES_BEYOND
    percentiles = zip((100 * ranks[known] / count).tolist(), values[known].tolist(), strict=True)
    return ecdf, tuple(percentiles)


def _shares(count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """From the least sample to the greatest: even up to 90 %, then as many for each factor of ten."""
    factors = max(0.0, np.log10(count) - 1)
    steps = min(MOST - BODY, int(TAIL * factors) + 1)
    tail = 1 - np.logspace(-1, -1 - factors, steps) if steps > 1 else np.array([])
    return np.concatenate([[1 / count], np.linspace(0, 0.9, BODY, endpoint=False)[1:], tail, [1.0]])


def _of_bins(bins: Sequence[Bin]) -> tuple[Points, Points]:
    total = sum(count for _, _, count in bins)
    ecdf = [(bins[0][0], 0.0)]
    below = 0
    for _, high, count in bins:
        below += count
        ecdf.append((high, below / total))
    known = [point for point in ecdf if total * (1 - point[1]) >= combine.SAMPLES_BEYOND]
    return tuple(ecdf), tuple((100 * share, us) for us, share in known)


def _of_printed(good: Sequence[Reading]) -> tuple[Points, Points]:
    runs = [reading.metrics for reading in good]
    told = [
        (0.0, combine.extreme(runs, "min_us", min)),
        *((percent, combine.median_percentile(runs, percent)) for percent in quantiles.PERCENTILES),
        (100.0, combine.extreme(runs, "max_us", max)),
    ]
    known = [(percent, us) for percent, us in told if us is not None]
    ecdf = tuple((us, percent / 100) for percent, us in known)
    return ecdf, tuple(point for point in known if point[0] < 100)
