# SPDX-License-Identifier: Apache-2.0
"""Rules that figures of round trips must keep, whoever measured them; a broken one is a flag by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from netlab.analysis.combine import number
from netlab.report.row import Flag

ORDERED = ("min_us", "p50_us", "p90_us", "p99_us", "max_us")
LATENCIES = (*ORDERED, "mean_us", "stddev_us")

# A percentile read from a histogram lies anywhere in its bin; netperf's bins are up to a tenth of the value
# wide (src/netlib.c, HIST_add), so that its p50 can be a little below its own, exact, minimum.
BIN = 0.10
_ROUNDING = 0.011  # stddev is printed with two decimals


def check(figures: Mapping[str, Any]) -> list[Flag]:
    """Flags of every rule that one run's metrics, or a row's figures, break."""
    return [*_negative(figures), *_order(figures), *_mean(figures), *_spread(figures), *_lost(figures)]


def _negative(figures: Mapping[str, Any]) -> Iterator[Flag]:
    for key in LATENCIES:
        value = number(figures, key)
        if value is not None and value < 0:
            yield _broken("negative_latency", f"{_name(key)} is {value:g} us")


def _order(figures: Mapping[str, Any]) -> Iterator[Flag]:
    present = [(key, value) for key in ORDERED if (value := number(figures, key)) is not None]
    for (lower, low), (upper, high) in pairwise(present):
        if low <= high:
            continue
        said = f"{_name(lower)} {low:g} us is above {_name(upper)} {high:g} us"
        exact = {lower, upper} & {"min_us", "max_us"}
        if len(exact) == 1 and low - high <= BIN * low:
            text = f"{said}, by less than a bin of the histogram that the percentile comes from"
            yield Flag("order_of_figures", text)
        else:
            yield _broken("order_of_figures", said)


def _mean(figures: Mapping[str, Any]) -> Iterator[Flag]:
    low, mean, high = (number(figures, key) for key in ("min_us", "mean_us", "max_us"))
    if mean is None:
        return
    if low is not None and mean < low - _ROUNDING:
        yield _broken("mean_outside_range", f"mean {mean:g} us is below min {low:g} us")
    if high is not None and mean > high + _ROUNDING:
        yield _broken("mean_outside_range", f"mean {mean:g} us is above max {high:g} us")


def _spread(figures: Mapping[str, Any]) -> Iterator[Flag]:
    """No sample has a standard deviation above half its range (Popoviciu's inequality)."""
    low, spread, high = (number(figures, key) for key in ("min_us", "stddev_us", "max_us"))
    if low is None or spread is None or high is None:
        return
    if spread > (high - low) / 2 * 1.001 + _ROUNDING:  # 1.001: divisor n-1 at 1000 samples
        yield _broken("stddev_above_half_range", f"stddev {spread:g} us, range {low:g} to {high:g} us")


def _lost(figures: Mapping[str, Any]) -> Iterator[Flag]:
    lost, sent = number(figures, "requests_lost"), number(figures, "requests_sent")
    if lost is not None and sent is not None and lost > sent:
        yield _broken("lost_above_sent", f"{lost:g} lost of {sent:g} sent")


def _broken(rule: str, text: str) -> Flag:
    return Flag(rule, text, severity="broken")


def _name(key: str) -> str:
    return key.removesuffix("_us")
