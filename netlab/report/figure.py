# SPDX-License-Identifier: Apache-2.0
"""Geometry of the figure: for each row a line from min to max with marks at p50, p90 and p99, on a log axis.

Made for two widths, because an SVG scaled down to a telephone has letters nobody can read. The template draws
what is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from netlab.report.summary import TableRow
from netlab.report.text import figure as number

LETTER = 7.2  # width of a letter at the labels' 13 px, generously
STEPS = (1, 2, 5)
MARKS = (("p50", "p50_us"), ("p90", "p90_us"), ("p99", "p99_us"))


@dataclass(frozen=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True)
class Mark:
    name: str
    x: float
    text: str


@dataclass(frozen=True)
class Line:
    """One row; `why` stands in place of the line where nothing was measured."""

    label: str
    y: float
    low: float = 0.0
    high: float = 0.0
    low_text: str = ""
    high_text: str = ""
    marks: tuple[Mark, ...] = ()
    why: str = ""
    says: str = ""


@dataclass(frozen=True)
class Figure:
    """One drawing, in SVG user units, which are CSS pixels at its full width."""

    kind: str
    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    label_above: bool


def draw(rows: Sequence[TableRow], *, narrow: bool) -> Figure | None:
    """The figure of one table; None where no row has a range to draw."""
    values = [value for row in rows for value in _range(row) if value is not None and value > 0]
    if not values:
        return None
    width = 350 if narrow else 1040
    widest = max(len(row.label) for row in rows) * LETTER
    left = 14.0 if narrow else min(max(120.0, widest + 24), 300.0)
    right, top, step = width - (14.0 if narrow else 24.0), 14.0, 64.0 if narrow else 52.0
    axis = _Axis(*_decades(min(values), max(values)), left, right)
    bottom = top + step * len(rows)
    lines = tuple(
        _line(row, top + step * (index + (0.54 if narrow else 0.55)), axis) for index, row in enumerate(rows)
    )
    ticks = axis.ticks(room=66.0 if narrow else 56.0)
    kind = "narrow" if narrow else "wide"
    return Figure(kind, width, round(bottom + 44), left, right, top, bottom, ticks, lines, label_above=narrow)


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    left: float
    right: float

    def x(self, value: float) -> float:
        share = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return round(self.left + share * (self.right - self.left), 1)

    def ticks(self, room: float) -> tuple[Tick, ...]:
        """1, 2, 5 of each decade, left to right; where they would touch, fewer."""
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in (STEPS, (1, 3), (1,)):
            values = [step * 10.0**exponent for exponent in exponents for step in steps]
            found = [Tick(self.x(value), _short(value)) for value in values if self.low <= value <= self.high]
            if all(b.x - a.x >= room for a, b in pairwise(found)):
                return tuple(found)
        return tuple(found)


def _decades(low: float, high: float) -> tuple[float, float]:
    """Ends of the axis: the next 1, 2 or 5 outside the values."""
    scale = 10.0 ** math.floor(math.log10(low))
    start = max(step * scale for step in STEPS if step * scale <= low)
    scale = 10.0 ** math.floor(math.log10(high))
    end = min(step * scale for step in (*STEPS, 10) if step * scale >= high)
    return (start, end) if end > start else (start, start * 2)


def _range(row: TableRow) -> tuple[float | None, ...]:
    return (row.row.min_us, *(getattr(row.row, key) for _, key in MARKS), row.row.max_us)


def _line(row: TableRow, y: float, axis: _Axis) -> Line:
    present = [value for value in _range(row) if value is not None and value > 0]
    if not present:
        return Line(row.label, y, why=row.why_empty)
    low, high = min(present), max(present)
    marks = tuple(
        Mark(name, axis.x(value), number(value))
        for name, key in MARKS
        if (value := getattr(row.row, key)) is not None and value > 0
    )
    told = [f"min {number(low)}", *(f"{mark.name} {mark.text}" for mark in marks), f"max {number(high)}"]
    return Line(
        row.label,
        y,
        low=axis.x(low),
        high=axis.x(high),
        low_text=number(low),
        high_text=number(high),
        marks=marks,
        says=f"{row.label}: {', '.join(told)} us",
    )


def _short(value: float) -> str:
    """A tick's label: us, then ms and s from a thousand on."""
    for factor, unit in ((1e6, " s"), (1e3, " ms")):
        if value >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g} µs"
