# SPDX-License-Identifier: Apache-2.0
"""How the round trips are spread: the share up to a time, and the share beyond it on a log scale, the tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlab.report.figures import axes as ax
from netlab.report.figures.curves import Curve, legend, quantile
from netlab.report.figures.model import Figure, Grid
from netlab.report.figures.palette import Style
from netlab.report.figures.svg import Pen, draw
from netlab.report.text import figure as number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Distribution, and its tail"
BODY = 0.99  # the left panel ends a little beyond this share; what lies beyond is the right panel's
FEW = 12  # points: percentiles as an instrument printed them, not a histogram
SHARES = (50, 90, 99, 99.9)


def figure(key: str, curves: Sequence[Curve], styles: Mapping[str, Style]) -> Figure | None:
    """Both panels of curves that have a distribution."""
    shown = [curve for curve in curves if len(curve.series.ecdf) > 1]
    whole = ax.span(us for curve in shown for us, _ in curve.series.ecdf)
    if whole is None:
        return None
    body = (whole[0], max(quantile(curve.series.ecdf, BODY) for curve in shown) * 1.1)
    least = min((1 - share for curve in shown for _, share in curve.series.ecdf if share < 1), default=0.1)
    grid = Grid(
        ["", *(f"p{share:g}" for share in SHARES)],
        [
            [curve.label, *(number(quantile(curve.series.ecdf, share / 100)) for share in SHARES)]
            for curve in shown
        ],
    )
    says = "; ".join(f"{line[0]}: half within {line[1]} us, 99 % within {line[3]} us" for line in grid.rows)

    def paint(pen: Pen) -> None:
        if pen.narrow:
            left = ax.place(pen, 52, 30, 12, 372)
            right = ax.place(pen, 52, 372, 12, 34)
            pixels = pen.width - 64.0
        else:
            pixels = pen.width / 2 - 70.0
            left = ax.place(pen, 48, 30, pen.width / 2 + 22, 34)
            right = ax.place(pen, pen.width / 2 + 34, 30, 22, 34)
        ax.title(left, pen, "share of round trips up to this time")
        ax.title(right, pen, "share slower than this (log scale)")
        _body(pen, left, shown, styles)
        tail(pen, right, shown, styles, least)
        ax.log_times(left, "x", *body, pixels)
        ax.log_times(right, "x", *whole, pixels)

    caption = "Steeper is steadier; further left is faster. In the tail each line down is a tenth of the round trips."
    if not all(curve.series.exact for curve in shown):
        caption += (
            " Without samples, what the instrument printed is drawn: its histogram, or the points marked."
        )
    drawings = draw(key, TITLE, says, (360, 684), paint)
    return Figure(key, TITLE, says, caption, drawings, legend(shown, styles), grid)


def _body(pen: Pen, axes: Axes, curves: Sequence[Curve], styles: Mapping[str, Style]) -> None:
    for curve in curves:
        style = styles[curve.label]
        xs, ys = zip(*curve.series.ecdf, strict=True)
        [line] = axes.plot(xs, ys, **look(curve, style))
        pen.tip(line, curve.label)
    axes.set_ylim(0, 1.02)
    ax.fixed(axes, "y", [0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])


def tail(pen: Pen, axes: Axes, curves: Sequence[Curve], styles: Mapping[str, Style], least: float) -> None:
    """The share beyond each time, down to `least`."""
    for curve in curves:
        style = styles[curve.label]
        beyond = [(us, 1 - share) for us, share in curve.series.ecdf if share < 1]
        if curve.series.exact and beyond:  # the last step ends at the greatest
            beyond.append((curve.series.ecdf[-1][0], beyond[-1][1]))
        xs, ys = [us for us, _ in beyond], [share for _, share in beyond]
        [line] = axes.plot(xs, ys, **look(curve, style))
        pen.tip(line, curve.label)
    values = [1.0]
    while values[-1] / 10 > least * 0.9999:
        values.append(values[-1] / 10)
    axes.set_yscale("log")
    axes.set_ylim(least * 0.7, 1.15)
    ax.fixed(axes, "y", values, [_share(value) for value in values])


def look(curve: Curve, style: Style) -> dict[str, Any]:
    """Samples make steps; a few percentiles are points, and what lies between them is not known."""
    few = not curve.series.exact and len(curve.series.ecdf) <= FEW
    return {
        "color": style.stand_in,
        "linewidth": 1.2 if few else 2,
        "linestyle": style.pattern,
        "drawstyle": "steps-post" if curve.series.exact else "default",
        **({"marker": style.marker, "markersize": 6} if few else {}),
    }


def _share(value: float) -> str:
    return f"{value * 100:g} %" if value >= 0.9e-4 else f"{value * 1e6:g} ppm"
