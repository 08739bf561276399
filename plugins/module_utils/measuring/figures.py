# SPDX-License-Identifier: Apache-2.0
"""A trial's figures from its samples. Pure, without numpy, which boards do not have.

A percentile p of n samples is the sample of rank ceil(p * n) from 1 (nearest rank: a round trip that was
really seen). Mean and standard deviation are over all samples, divisor n, in two passes. ``mad_us`` is the
median distance from the median (Hampel, "The Influence Curve", 1974), not scaled.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, flag
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import MISSING, Samples

SAMPLES_BEYOND = 10  # a percentile with fewer samples beyond it is hardly more than a maximum
PERCENTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999}


def ranked(ordered: Sequence[int], share: float) -> int:
    """The percentile of sorted samples."""
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def _us(nanoseconds: float) -> float:
    return round(nanoseconds / 1000, 3)


def of_samples(flows: Sequence[Samples]) -> dict[str, Any]:
    """Figures over the answered probes of all flows together; nothing where none was answered.

    ``max_at`` is when the longest one was sent, ISO 8601 by the clock of the place that sent it; None where
    that is not known. ``p999_us`` is None where fewer than ten samples lie beyond it.
    """
    values = sorted(value for samples in flows for value in samples.answered())
    if not values:
        return {}
    count = len(values)
    mean = math.fsum(values) / count
    median = ranked(values, 0.5)
    figures: dict[str, Any] = {"min_us": _us(values[0]), "mean_us": _us(mean)}
    for name, share in PERCENTILES.items():
        enough = name != "p999_us" or count * (1 - share) >= SAMPLES_BEYOND - 1e-6
        figures[name] = _us(ranked(values, share)) if enough else None
    return figures | {
        "max_us": _us(values[-1]),
        "max_at": _sent_at(flows, values[-1]),
        "stddev_us": _us(math.sqrt(math.fsum((value - mean) ** 2 for value in values) / count)),
        "mad_us": _us(ranked(sorted(abs(value - median) for value in values), 0.5)),
        "transactions": count,
    }


def _sent_at(flows: Sequence[Samples], longest: int) -> str | None:
    for samples in flows:
        for sent, value in zip(samples.sent, samples.ns, strict=True):
            if value == longest and sent != MISSING:
                moment = datetime.datetime.fromtimestamp(sent / 1e9, datetime.UTC)
                return moment.isoformat(timespec="microseconds")
    return None


def undersampled(count: int) -> list[Flag]:
    """Of p50, p90 and p99, those that have fewer than ten samples beyond them."""
    few = [n for n, share in (("p50", 2), ("p90", 10), ("p99", 100)) if count < SAMPLES_BEYOND * share]
    if not few:
        return []
    said = f"too few transactions for {', '.join(few)}: fewer than {SAMPLES_BEYOND} lie beyond"
    return [flag("percentile_undersampled", said)]
