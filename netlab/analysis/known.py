# SPDX-License-Identifier: Apache-2.0
"""How finely a figure is known: a clock ticks, a program prints whole microseconds, a histogram has bins.

A median of 14 us that was counted in whole microseconds is no 14.000: a figure is known to the interval in which it
lies, and runs repeated on a quiet machine all have the same 14, so that no scatter shows it. What is made of such
figures is the union over all values that they can have (Manski, Partial Identification of Probability
Distributions, 2003, chapter 1; Heitjan, "Inference from Grouped Continuous Data: A Review", Statistical Science
4(2), 1989). The estimates by ranks grow with each of their values, so that the union's ends are those of the lowest
and of the highest.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from netlab.analysis import combine
from netlab.analysis.readings import Reading

STEPS = (1.0, 0.1, 0.01, 0.001)  # to which figures are printed; a finer one counts as none
_LEAST = 1e-9  # us; below what any clock tells, and it has a logarithm


class Known(NamedTuple):
    """A figure, and the interval in which it lies."""

    value: float
    low: float
    high: float

    def less(self, other: Known) -> Known:
        """The difference of two figures of which each can lie anywhere in its interval."""
        return Known(self.value - other.value, self.low - other.high, self.high - other.low)

    def moved(self, by: float) -> Known:
        return Known(*(part + by for part in self))

    def log(self) -> Known:
        """The natural logarithm of a figure above 0."""
        return Known(*(math.log(max(part, _LEAST)) for part in self))


def median(several: Iterable[Known]) -> Known:
    """Their median; it lies between the medians of the low and of the high ends."""
    return Known(*map(statistics.median, zip(*several, strict=True)))


def mean(*several: Known) -> Known:
    return Known(*(math.fsum(parts) / len(several) for parts in zip(*several, strict=True)))


def of(readings: Sequence[Reading], key: str) -> list[Known | None]:
    """A figure of each result; None where it has none that can be quoted.

    A tick, wherever in it a program rounds or truncates, moves a difference of two figures by less than one tick:
    half of it is given to each. Bins are known by their edges, which an instrument gives as `<name>_bounds_us`.
    """
    values = [combine.known(reading.metrics, key) for reading in readings]
    printed = [
        value
        for reading, value in zip(readings, values, strict=True)
        if value is not None and not _of_samples(reading, key)
    ]
    step = printed_step(printed)
    return [
        None if value is None else _known(reading, key, value, step)
        for reading, value in zip(readings, values, strict=True)
    ]


def printed_step(values: Sequence[float]) -> float:
    """The coarsest step, at most 1, of which all values are multiples; 0 where they are finer than the finest."""
    fitting = (step for step in STEPS if all(abs(v / step - round(v / step)) < 1e-6 for v in values))
    return next(fitting, 0.0) if values else 0.0


def _of_samples(reading: Reading, key: str) -> bool:
    return reading.sampled is not None and key.endswith("_us")


def _known(reading: Reading, key: str, value: float, step: float) -> Known:
    if _of_samples(reading, key):
        assert reading.sampled is not None
        tick = reading.sampled.tick_ns / 1000
        return Known(value, value - tick / 2, value + tick / 2)
    low, high = value - step / 2, value + step / 2
    bounds = _bounds(reading, key)
    # A histogram of whole microseconds can name two bins for a figure on an edge; that is no more than its tick.
    if bounds is not None and bounds[1] - bounds[0] > 2 * step:
        low, high = min(low, bounds[0]), max(high, bounds[1])
    return Known(value, low, high)


def _bounds(reading: Reading, key: str) -> tuple[float, float] | None:
    told = reading.metrics.get(f"{key.removesuffix('_us')}_bounds_us")
    if not isinstance(told, list | tuple) or len(told) != 2:
        return None
    low, high = (combine.number({"end": end}, "end") for end in told)
    return None if low is None or high is None else (low, high)
