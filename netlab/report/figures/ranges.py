# SPDX-License-Identifier: Apache-2.0
"""Each row as a line from min to max with marks at p50, p90 and p99, on a log axis; conditions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netlab.report.figures import axes as ax
from netlab.report.figures.model import Entry, Figure
from netlab.report.figures.palette import Style, colour
from netlab.report.figures.svg import LETTER, WIDE, Pen, draw
from netlab.report.summary import TableRow
from netlab.report.text import figure as number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS = (("p50", "p50_us", "o", 9.0), ("p90", "p90_us", "D", 7.5), ("p99", "p99_us", "^", 9.0))
LEGEND = (
    Entry("min to max", Style("range"), "range"),
    Entry("p50 and its 95 % interval", Style("p50"), "interval"),
    Entry("p90", Style("p90"), "diamond"),
    Entry("p99", Style("p99"), "triangle"),
)
STEP = {"wide": 46.0, "narrow": 58.0}
HEAD = 30.0  # of a topology over its conditions
FOOT = 34.0


def figure(key: str, rows: Sequence[TableRow]) -> Figure | None:
    """The figure of one table; None where no row has a range to draw."""
    grouped = any(row.condition for row in rows)
    within = ax.span(value for row in rows for value in _range(row))
    if within is None:
        return None
    lanes = _lanes(rows, grouped)
    says = "; ".join(says_of(row) for row in rows)

    def paint(pen: Pen) -> None:
        left = 12.0 if pen.narrow else _margin(rows, grouped)
        made = ax.place(pen, left, 8.0, 16.0 if pen.narrow else 26.0, FOOT)
        ax.log_times(made, "x", *within, pen.width - left - 26.0)
        made.set_ylim(_height(lanes, pen.kind), 0)
        made.set_yticks([])
        y = 0.0
        for head, row in lanes:
            if row is None:
                made.text(
                    *_at(made, -left if not pen.narrow else 0, y + HEAD - 10),
                    head,
                    fontsize=pen.text,
                    color=colour("ink"),
                    fontweight="bold",
                    transform=_mixed(made),
                )
                y += HEAD
                continue
            step = STEP[pen.kind]
            _lane(pen, made, row, y + step * (0.62 if pen.narrow else 0.56), grouped)
            y += step

    title = "Conditions side by side" if grouped else "Range of the round trips"
    caption = "The number is the p50 in µs. Left is faster."
    if any(row.row.load for row in rows):
        caption += " Under a condition stands the load that was really achieved."
    heights = (_height(lanes, "wide") + 8 + FOOT, _height(lanes, "narrow") + 8 + FOOT)
    drawings = draw(key, title, says, heights, paint)
    return Figure(key, title, says, caption, drawings, LEGEND)


def says_of(row: TableRow) -> str:
    """A row in words: `tap: min 211, p50 354, p90 459, p99 671, max 3186 us`."""
    present = [value for value in _range(row) if value is not None]
    if not present:
        return f"{row.label}: not measured"
    named = [("min", row.row.min_us), *((name, getattr(row.row, key)) for name, key, _, _ in MARKS)]
    told = [
        f"{name} {number(value)}" for name, value in [*named, ("max", row.row.max_us)] if value is not None
    ]
    return f"{row.label}: {', '.join(told)} us"


def _lanes(rows: Sequence[TableRow], grouped: bool) -> list[tuple[str, TableRow | None]]:
    lanes: list[tuple[str, TableRow | None]] = []
    before = None
    for row in rows:
        if grouped and row.path != before:
            lanes.append((row.path, None))
            before = row.path
        lanes.append(("", row))
    return lanes


def _height(lanes: Sequence[tuple[str, TableRow | None]], kind: str) -> float:
    return sum(HEAD if row is None else STEP[kind] for _, row in lanes)


def _margin(rows: Sequence[TableRow], grouped: bool) -> float:
    widest = max(max(len(row.condition if grouped else row.label), len(row.row.load)) for row in rows)
    return min(max(110.0, widest * LETTER + 20), WIDE * 0.34)


def _range(row: TableRow) -> tuple[float | None, ...]:
    return (row.row.min_us, *(getattr(row.row, key) for _, key, _, _ in MARKS), row.row.max_us)


def _lane(pen: Pen, axes: Axes, row: TableRow, y: float, grouped: bool) -> None:
    label = row.condition if grouped else row.label
    _label(pen, axes, label, row.row.load, y)
    within = ax.span(_range(row))
    if within is None:
        axes.text(
            *_at(axes, 0 if pen.narrow else 8, y + 4),
            "not measured",
            fontsize=pen.text - 1,
            color=colour("soft"),
            transform=_mixed(axes),
        )
        return
    low, high = within
    [line] = axes.plot(
        [low, high], [y, y], color=colour("range"), linewidth=2, marker="|", markersize=10, markeredgewidth=2
    )
    pen.tip(line, says_of(row))
    if row.row.p50_ci:
        axes.plot(
            [row.row.p50_ci.low, row.row.p50_ci.high],
            [y, y],
            color=colour("p50"),
            linewidth=8,
            alpha=0.35,
            solid_capstyle="butt",
        )
    for name, key, marker, size in reversed(MARKS):
        value = getattr(row.row, key)
        if value is not None and value > 0:
            axes.plot(
                [value],
                [y],
                marker=marker,
                markersize=size,
                color=colour(name),
                linestyle="none",
                markeredgecolor=colour("panel"),
                markeredgewidth=1.2,
            )
    if row.row.p50_us is not None and row.row.p50_us > 0:
        axes.text(
            row.row.p50_us,
            y + (20 if pen.narrow else -10),
            number(row.row.p50_us),
            ha="center",
            fontsize=pen.text,
            fontweight="bold",
            color=colour("p50"),
        )


def _label(pen: Pen, axes: Axes, label: str, load: str, y: float) -> None:
    place: dict[str, Any] = {"transform": _mixed(axes)}
    if pen.narrow:
        words = f"{label} · {load}" if load else label
        axes.text(*_at(axes, 0, y - 13), words, fontsize=pen.text, color=colour("ink"), **place)
        return
    x = -14.0
    axes.text(
        *_at(axes, x, y + (-2 if load else 4)),
        label,
        ha="right",
        fontsize=pen.text,
        color=colour("ink"),
        **place,
    )
    if load:
        axes.text(
            *_at(axes, x, y + 14), load, ha="right", fontsize=pen.text - 2, color=colour("soft"), **place
        )


def _mixed(axes: Axes) -> Any:
    """x as a share of the axes, y as data."""
    return axes.get_yaxis_transform()


def _at(axes: Axes, pixels: float, y: float) -> tuple[float, float]:
    """A place `pixels` right of the axes' left edge."""
    return (pixels / axes.get_window_extent().width, y)
