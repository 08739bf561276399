# SPDX-License-Identifier: Apache-2.0
"""Axes as all figures have them: a time on a log scale in us, ms and s, hair lines, no box."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netlab.report.figures.palette import colour
from netlab.report.figures.svg import Pen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = (1, 2, 5)


def place(pen: Pen, left: float, top: float, right: float, bottom: float) -> Axes:
    """Axes within margins, in pixels from the drawing's edges."""
    axes = pen.sheet.add_axes(
        (
            left / pen.width,
            bottom / pen.height,
            (pen.width - left - right) / pen.width,
            (pen.height - top - bottom) / pen.height,
        )
    )
    axes.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(side == "bottom")
        axes.spines[side].set_color(colour("line"))
    axes.tick_params(which="both", length=0, labelsize=pen.text - 1, labelcolor=colour("soft"), pad=6)
    axes.grid(visible=True, color=colour("hair"), linewidth=1)
    return axes


def log_times(axes: Axes, which: str, low: float, high: float, pixels: float) -> None:
    """A log scale of microseconds from the 1, 2 or 5 below `low` to the one above `high`."""
    low, high = decades(low, high)
    values = ticks(low, high, pixels, 60.0 if which == "x" else 26.0)
    _scale(axes, which, "log", low, high)
    _ticks(axes, which, values, [short(value) for value in values])


def fixed(axes: Axes, which: str, values: Sequence[float], labels: Sequence[str]) -> None:
    """Ticks at these values and no others."""
    _ticks(axes, which, values, labels)


def title(axes: Axes, pen: Pen, words: str) -> None:
    """What a panel shows, over its left upper corner."""
    axes.set_title(words, loc="left", fontsize=pen.text, color=colour("ink"), pad=9)


def decades(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis: the next 1, 2 or 5 outside the values."""
    scale = 10.0 ** math.floor(math.log10(low))
    start = max((step * scale for step in STEPS if step * scale <= low), default=scale)
    scale = 10.0 ** math.floor(math.log10(high))
    end = min(step * scale for step in (*STEPS, 10) if step * scale >= high * (1 - 1e-12))
    return (start, end) if end > start else (start, start * 2)


def ticks(low: float, high: float, pixels: float, room: float) -> list[float]:
    """1, 2, 5 of each decade; where they would touch, fewer."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in (STEPS, (1, 3), (1,)):
        values = [step * 10.0**exponent for exponent in exponents for step in steps]
        found = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        share = pixels / math.log10(high / low)
        if all(math.log10(b / a) * share >= room for a, b in pairwise(found)):
            return found
    every = math.ceil(room / (pixels / math.log10(high / low)))
    return found[::every]


def short(value: float) -> str:
    """A tick's label: us, then ms and s from a thousand on."""
    for factor, unit in ((1e6, " s"), (1e3, " ms")):
        if value >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g} µs"


def span(values: Iterable[float | None]) -> tuple[float, float] | None:
    """Least and greatest of what a log scale can show; None where there is nothing."""
    found = [value for value in values if value is not None and value > 0 and math.isfinite(value)]
    return (min(found), max(found)) if found else None


def _scale(axes: Axes, which: str, scale: str, low: float, high: float) -> None:
    if which == "x":
        axes.set_xscale(scale)
        axes.set_xlim(low, high)
    else:
        axes.set_yscale(scale)
        axes.set_ylim(low, high)


def _ticks(axes: Axes, which: str, values: Sequence[float], labels: Sequence[str]) -> None:
    from matplotlib.ticker import NullLocator

    axis: Any = axes.xaxis if which == "x" else axes.yaxis
    axis.set_minor_locator(NullLocator())
    axis.set_ticks(list(values), labels=list(labels))
