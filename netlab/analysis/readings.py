# SPDX-License-Identifier: Apache-2.0
"""A trial's result as figures: from its samples where it has some, else from what its instrument printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlab.analysis import combine, flags, quantiles, rules, sampled
from netlab.analysis.combine import Metrics, number
from netlab.analysis.sampled import Sampled
from netlab.analysis.source import Run
from netlab.errors import NetlabError
from netlab.report.row import Flag

UNREADABLE = "samples_unreadable"


@dataclass(frozen=True)
class Reading:
    """One good result: its figures, its samples if there are any, and everything that is to be said of it."""

    line: Mapping[str, Any]
    metrics: Metrics
    sampled: Sampled | None
    flags: tuple[Flag, ...]

    @property
    def block(self) -> tuple[int, str]:
        """What it shares with the results that it is compared with: the block, and the board."""
        return (int(self.line.get("block") or 0), str(self.line.get("board") or ""))


def read(run: Run, lines: Iterable[Mapping[str, Any]]) -> list[Reading]:
    """The good ones among these results. Memory: the samples of all of them, 8 bytes each."""
    return [_read(run, line) for line in lines if line.get("status") == "ok"]


def _read(run: Run, line: Mapping[str, Any]) -> Reading:
    metrics, found = _of_flows(line)
    own: Sampled | None = None
    try:
        columns = run.read_samples(line) if line.get("samples") else None
        own = sampled.digest(columns) if columns is not None else None
    except (OSError, ValueError, NetlabError) as error:
        found.append(Flag(UNREADABLE, f"samples cannot be read, the printed figures stand in: {error}"))
    printed = metrics
    if own is not None:
        metrics = {**metrics, **own.figures()}
        found = [*rules.of_samples(own, printed)]
    broken = [*found, *rules.check(metrics), *rules.of_trial(line, metrics), *_undersampled(metrics)]
    return Reading(line, metrics, own, tuple(flags.of_run(line, broken)))


def _of_flows(line: Mapping[str, Any]) -> tuple[Metrics, list[Flag]]:
    """A trial's metrics; of several flows at once those of all their samples together, as far as they can be known.

    Rates of flows that run side by side add up. Percentiles come from the histograms, or there are none.
    """
    printed: Metrics = line.get("metrics") or {}
    own = [flow.get("metrics") or {} for flow in line.get("flows") or ()]
    if len(own) < 2 or not any(own):
        return printed, []
    merged = {key: value for key, value in printed.items() if key not in _MERGED}
    merged |= {
        "min_us": combine.extreme(own, "min_us", min),
        "max_us": combine.extreme(own, "max_us", max),
        "mean_us": combine.pooled_mean(own),
        "stddev_us": combine.pooled_stddev(own),
        "transactions": combine.transactions(own),
        "transaction_rate": _sum(own, "transaction_rate"),
    }
    told = [combine.sent_and_lost(flow) for flow in own]
    if all(told):
        merged["requests_sent"] = sum(pair[0] for pair in told if pair)
        merged["requests_lost"] = sum(pair[1] for pair in told if pair)
    histograms = [quantiles.bins_of(flow) for flow in own]
    found: list[Flag] = []
    if all(histograms):
        bins = quantiles.merge_bins(histograms)
        merged |= {quantiles.key(p): quantiles.of_bins(bins, p) for p in quantiles.PERCENTILES}
        merged["histogram"] = [{"low_us": low, "high_us": high, "count": count} for low, high, count in bins]
    elif not line.get("samples"):
        text = (
            "percentiles of flows at once cannot be merged: there are neither samples nor histograms of each"
        )
        found.append(Flag("flows_not_merged", text))
    return merged, found


_MERGED = (
    *(quantiles.key(percent) for percent in quantiles.PERCENTILES),
    "mad_us",
    "histogram",
    "elapsed_s",
    *(key for pair in combine.LOSSES for key in pair),
)


def _sum(flows: Sequence[Metrics], key: str) -> float | None:
    values = [number(flow, key) for flow in flows]
    return None if None in values else sum(value for value in values if value is not None)


def _undersampled(metrics: Metrics) -> list[Flag]:
    count = number(metrics, "transactions")
    unprinted = [
        f"p{percent}"
        for percent in (50, 90, 99)
        if number(metrics, f"p{percent}_us") is not None and not combine.enough_beyond(count, percent)
    ]
    if not unprinted:
        return []
    had = "an unknown number of" if count is None else f"{count:g}"
    text = f"{had} transactions leave fewer than ten samples beyond {', '.join(unprinted)}: not printed"
    return [Flag("percentile_undersampled", text)]
