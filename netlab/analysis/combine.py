# SPDX-License-Identifier: Apache-2.0
"""Figures of several runs made into one, without the samples.

Each run is a mapping of metrics; a metric that a run does not have is None or absent.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Metrics = Mapping[str, Any]

SAMPLES_BEYOND = 10  # fewer above a percentile, and it is an anecdote
_PERCENTILE = re.compile(r"p(\d{2,4})_us")
LOSSES = (("requests_sent", "requests_lost"), ("sent", "lost"))  # as instruments call them


def number(metrics: Metrics, key: str) -> float | None:
    """A metric as a number, or None."""
    value = metrics.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def extreme(runs: Iterable[Metrics], key: str, pick: Callable[[list[float]], float]) -> float | None:
    """The least minimum or the greatest maximum: exactly that of the concatenated samples."""
    values = [value for run in runs if (value := number(run, key)) is not None]
    return pick(values) if values else None


def _counted(runs: Sequence[Metrics], *keys: str) -> list[tuple[float, ...]] | None:
    """(transactions, metric, …) of every run, or None if a run with transactions lacks one."""
    found = []
    for run in runs:
        values = tuple(number(run, key) for key in ("transactions", *keys))
        if values[0] == 0:
            continue
        if any(value is None for value in values):
            return None
        found.append(tuple(value for value in values if value is not None))
    return found or None


def pooled_mean(runs: Sequence[Metrics]) -> float | None:
    """Mean of the concatenated samples: the runs' means weighted by their transactions.

    None when one of several runs has no mean or no count of transactions: a mean of means would weigh a short
    run like a long one.
    """
    if len(runs) == 1:
        return number(runs[0], "mean_us")
    counted = _counted(runs, "mean_us")
    if counted is None:
        return None
    return math.fsum(n * mean for n, mean in counted) / math.fsum(n for n, _ in counted)


def pooled_stddev(runs: Sequence[Metrics]) -> float | None:
    """Standard deviation of the concatenated samples, from each run's n, mean m and stddev s.

    s^2 = sum(n_i * (s_i^2 + (m_i - m)^2)) / sum(n_i): the variance within the runs plus that between them
    (law of total variance; Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances", 1979). Divisor n throughout, as netperf has it (src/netlib.c, HIST_get_stats); an
    instrument with divisor n-1 differs by half a thousandth at 1000 samples.
    """
    if len(runs) == 1:
        return number(runs[0], "stddev_us")
    counted = _counted(runs, "mean_us", "stddev_us")
    mean = pooled_mean(runs)
    if counted is None or mean is None:
        return None
    total = math.fsum(n for n, _, _ in counted)
    return math.sqrt(math.fsum(n * (s * s + (m - mean) ** 2) for n, m, s in counted) / total)


def pooled_rate(runs: Sequence[Metrics]) -> float | None:
    """Transactions per second: all transactions over all time spent on them.

    A run's time is its `elapsed_s` if it says so, else transactions / rate. The mean of the rates themselves
    would count a slow run, which takes longer, for too little (Fleming and Wallace, "How not to lie with
    statistics", CACM 29(3), 1986; Jain, The Art of Computer Systems Performance Analysis, 12.3).
    """
    if len(runs) == 1:
        return number(runs[0], "transaction_rate")
    transactions = seconds = 0.0
    for run in runs:
        count, rate, elapsed = (number(run, key) for key in ("transactions", "transaction_rate", "elapsed_s"))
        if count is None or (elapsed is None and not rate):
            return None
        transactions += count
        seconds += elapsed if elapsed is not None else count / rate if rate else 0.0
    return transactions / seconds if seconds > 0 else None


def enough_beyond(transactions: float | None, percent: float) -> bool:
    """Whether at least ten samples lie beyond a percentile: p99 needs 1000, p99.9 10000."""
    return transactions is not None and transactions * (1000 - round(percent * 10)) >= SAMPLES_BEYOND * 1000


def median_percentile(runs: Sequence[Metrics], percent: float) -> float | None:
    """Median over the runs of each run's own percentile.

    Percentiles cannot be averaged or pooled without the samples; the median says what a typical run had. Runs
    with too few samples beyond the percentile are left out.
    """
    values = percentiles_of_runs(runs, percent)
    return statistics.median(values) if values else None


def percentiles_of_runs(runs: Sequence[Metrics], percent: float) -> list[float]:
    """A percentile of each run that knows it and has ten samples beyond it."""
    key = f"p{percent:g}_us".replace(".", "")
    return [
        value
        for run in runs
        if (value := number(run, key)) is not None and enough_beyond(number(run, "transactions"), percent)
    ]


def known(metrics: Metrics, key: str) -> float | None:
    """A run's figure as far as it can be quoted: a percentile only with ten samples beyond it."""
    if found := _PERCENTILE.fullmatch(key):
        digits = found[1]
        percent = float(f"{digits[:2]}.{digits[2:] or 0}")
        if not enough_beyond(number(metrics, "transactions"), percent):
            return None
    return number(metrics, key)


def median_of(runs: Sequence[Metrics], key: str) -> float | None:
    """Median over the runs of a figure that cannot be pooled, such as `mad_us`."""
    values = [value for run in runs if (value := number(run, key)) is not None]
    return statistics.median(values) if values else None


def transactions(runs: Sequence[Metrics]) -> int | None:
    """Samples of all runs; None where none says how many it had."""
    counts = [count for run in runs if (count := number(run, "transactions")) is not None]
    return int(math.fsum(counts)) if counts else None


def sent_and_lost(metrics: Metrics) -> tuple[float, float] | None:
    """Requests of a run and those of them without an answer; None where it does not say."""
    for sent_key, lost_key in LOSSES:
        sent, lost = number(metrics, sent_key), number(metrics, lost_key)
        if sent is not None and lost is not None:
            return sent, lost
    return None


def loss(runs: Sequence[Metrics]) -> float | None:
    """Share of all requests that had no answer, over the runs that say it."""
    told = [found for run in runs if (found := sent_and_lost(run)) is not None]
    sent, lost = math.fsum(sent for sent, _ in told), math.fsum(lost for _, lost in told)
    return lost / sent if sent > 0 else None
