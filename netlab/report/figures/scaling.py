# SPDX-License-Identifier: Apache-2.0
"""What more guests (or programs, without guests) at once cost: p50 and p99 of all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from netlab.report.figures import axes as ax
from netlab.report.figures.model import Entry, Figure
from netlab.report.figures.palette import Style, colour
from netlab.report.figures.svg import Pen, draw
from netlab.report.summary import TableRow
from netlab.report.text import figure as number

TITLE = "By how many at once"


def figure(key: str, rows: Sequence[TableRow], styles: Mapping[str, Style]) -> Figure | None:
    """A pair of lines a topology; None where there is one number."""
    paths = {path: list(mine) for path, mine in groupby(rows, key=lambda row: row.path)}
    within = ax.span(us for row in rows for us in (row.row.p50_us, row.row.p99_us))
    counts = sorted({int(row.row.condition) for row in rows if row.row.p50_us})
    if within is None or len(counts) < 2:
        return None
    says = "; ".join(
        f"{row.label}: p50 {number(row.row.p50_us)}, p99 {number(row.row.p99_us)} us" for row in rows
    )

    def paint(pen: Pen) -> None:
        axes = ax.place(pen, 62, 14, 22, 50)
        for path, mine in paths.items():
            style = styles[path]
            for metric, dash, face in (("p50_us", None, style.stand_in), ("p99_us", (5, 3), colour("panel"))):
                points = [
                    (int(row.row.condition), us)
                    for row in mine
                    if (us := getattr(row.row, metric)) is not None
                ]
                if not points:
                    continue
                [line] = axes.plot(
                    *zip(*sorted(points), strict=True), color=style.stand_in, linewidth=2,
                    linestyle=(0, dash), marker=style.marker, markersize=7, markerfacecolor=face,
                    markeredgewidth=1.5,
                )  # fmt: skip
                pen.tip(line, f"{path}, {metric.removesuffix('_us')}")
            for row in mine:
                if row.row.p50_ci:
                    axes.vlines(int(row.row.condition), row.row.p50_ci.low, row.row.p50_ci.high,
                                color=style.stand_in, linewidth=7, alpha=0.3)  # fmt: skip
        ax.log_times(axes, "y", *within, pen.height - 64.0)
        axes.set_xlim(counts[0] - 0.25, counts[-1] + 0.25)
        ax.fixed(axes, "x", counts, [str(count) for count in counts])
        axes.set_xlabel("at once", fontsize=pen.text - 1, color=colour("soft"), labelpad=6)

    caption = (
        "The round trips of all that run at once, in one distribution. Solid and filled: p50, with its 95 % interval; "
        "dashed and hollow: p99."
    )
    drawings = draw(key, TITLE, says, (330, 320), paint)
    return Figure(key, TITLE, says, caption, drawings, tuple(Entry(path, styles[path]) for path in paths))
