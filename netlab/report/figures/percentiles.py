# SPDX-License-Identifier: Apache-2.0
"""Round trip by percentile; the axis gives each further nine the same room, so that the tail is seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from netlab.report.figures import axes as ax
from netlab.report.figures.curves import Curve, legend
from netlab.report.figures.ecdf import look
from netlab.report.figures.model import Figure
from netlab.report.figures.palette import Style
from netlab.report.figures.svg import Pen, draw

TITLE = "Round trip by percentile"
TICKS = (0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999)


def figure(key: str, curves: Sequence[Curve], styles: Mapping[str, Style]) -> Figure | None:
    """Curves that have percentiles up to where ten samples lie beyond."""
    shown = [curve for curve in curves if len(_points(curve)) > 1]
    within = ax.span(us for curve in shown for _, us in _points(curve))
    if within is None:
        return None
    last = max(percent for curve in shown for percent, _ in _points(curve))
    says = "; ".join(
        f"{curve.label}: up to p{_points(curve)[-1][0]:g}, {_points(curve)[-1][1]:.4g} us" for curve in shown
    )

    def paint(pen: Pen) -> None:
        axes = ax.place(pen, 62, 14, 26, 34)
        for curve in shown:
            style = styles[curve.label]
            xs, ys = zip(*_points(curve), strict=True)
            drawn = {**look(curve, style), "drawstyle": "default"}
            [line] = axes.plot([nines(percent) for percent in xs], ys, **drawn)
            pen.tip(line, curve.label)
        ax.log_times(axes, "y", *within, pen.height - 48.0)
        axes.set_xlim(-0.02 * nines(last), nines(last) * 1.02)
        marks = [percent for percent in TICKS if percent <= last * 1.0001]
        ax.fixed(axes, "x", [nines(percent) for percent in marks], [_name(percent) for percent in marks])

    caption = "Lower is faster. A curve ends where fewer than ten samples lie beyond."
    if not all(curve.series.exact for curve in shown):
        caption += " Of an instrument that prints only a few percentiles those are marked."
    drawings = draw(key, TITLE, says, (330, 300), paint)
    return Figure(key, TITLE, says, caption, drawings, legend(shown, styles))


def nines(percent: float) -> float:
    """0 for p0, 1 for p90, 2 for p99, 3 for p99.9."""
    return -math.log10(1 - percent / 100)


def _points(curve: Curve) -> list[tuple[float, float]]:
    return [(percent, us) for percent, us in curve.series.percentiles if percent < 100 and us > 0]


def _name(percent: float) -> str:
    return "min" if percent == 0 else f"p{percent:g}"
