# SPDX-License-Identifier: Apache-2.0
"""Tails under each condition, a panel a path: what a load does to the slowest round trips."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from netlab.report.figures import axes as ax
from netlab.report.figures.curves import Curve, quantile
from netlab.report.figures.ecdf import tail
from netlab.report.figures.model import Entry, Figure, Grid
from netlab.report.figures.palette import Style
from netlab.report.figures.svg import Pen, draw
from netlab.report.text import figure as number

TITLE = "The tail under each condition"
ABREAST = {"wide": 3, "narrow": 1}
HEIGHT = 250.0  # of a panel, its labels included


def figure(key: str, panels: Mapping[str, Sequence[Curve]], styles: Mapping[str, Style]) -> Figure | None:
    """A panel for each path that has a distribution; all on the same axes."""
    shown = {
        path: [curve for curve in curves if len(curve.series.ecdf) > 1] for path, curves in panels.items()
    }
    shown = {path: curves for path, curves in shown.items() if curves}
    every = [curve for curves in shown.values() for curve in curves]
    whole = ax.span(us for curve in every for us, _ in curve.series.ecdf)
    if whole is None:
        return None
    least = min((1 - share for curve in every for _, share in curve.series.ecdf if share < 1), default=0.1)
    shares = (50, 99)
    grid = Grid(
        ["", *(f"p{share}" for share in shares)],
        [
            [
                f"{path}: {curve.label}",
                *(number(quantile(curve.series.ecdf, share / 100)) for share in shares),
            ]
            for path, curves in shown.items()
            for curve in curves
        ],
    )
    says = "; ".join(f"{line[0]}: half within {line[1]} us, 99 % within {line[2]} us" for line in grid.rows)

    def paint(pen: Pen) -> None:
        abreast = min(ABREAST[pen.kind], len(shown))
        width = pen.width / abreast
        for index, (path, curves) in enumerate(shown.items()):
            down, across = divmod(index, abreast)
            left = 54.0 + across * width
            axes = ax.place(
                pen, left, 30 + down * HEIGHT, pen.width - (across + 1) * width + 18,
                pen.height - (down + 1) * HEIGHT + 34,
            )  # fmt: skip
            ax.title(axes, pen, path)
            tail(pen, axes, curves, styles, least)
            ax.log_times(axes, "x", *whole, width - 70.0)

    wide, narrow = (HEIGHT * math.ceil(len(shown) / ABREAST[kind]) for kind in ("wide", "narrow"))
    caption = "Share of round trips slower than a time, log scale. All panels have the same axes."
    entries = tuple(Entry(label, styles[label]) for label in dict.fromkeys(curve.label for curve in every))
    return Figure(key, TITLE, says, caption, draw(key, TITLE, says, (wide, narrow), paint), entries, grid)
