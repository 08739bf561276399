# SPDX-License-Identifier: Apache-2.0
"""Every run in the order in which it was made: drift, warm-up and a bad block are seen here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlab.report.figures import axes as ax
from netlab.report.figures.curves import Curve
from netlab.report.figures.model import Entry, Figure
from netlab.report.figures.palette import Style, colour
from netlab.report.figures.svg import Pen, draw
from netlab.report.text import figure as number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP, FOOT, GAP = 24.0, 50.0, 32.0  # pixels: for the blocks' numbers, the trials', and a panel's name
STEP_ONE, STEP_MANY = 260.0, 176.0  # height of a panel
TITLE = "Every run, in the order it was made"


def figure(
    key: str,
    panels: Mapping[str, Sequence[Curve]],
    styles: Mapping[str, Style],
    trials: Sequence[Mapping[str, object]],
) -> Figure | None:
    """A panel a condition; None where each row is a single run, of which a table says all."""
    shown = {name: [curve for curve in curves if _medians(curve)] for name, curves in panels.items()}
    shown = {name: curves for name, curves in shown.items() if curves}
    every = [curve for curves in shown.values() for curve in curves]
    within = ax.span(us for curve in every for _, _, *both in curve.series.by_order for us in both)
    if within is None or max(len(_medians(curve)) for curve in every) < 2:
        return None
    blocks = _blocks(trials)
    says = "; ".join(
        f"{name + ', ' if name else ''}{curve.label}: p50 of the runs {number(min(found))} to "
        f"{number(max(found))} us"
        for name, curves in shown.items()
        for curve in curves
        for found in [[us for _, us in _medians(curve)]]
    )

    gap = GAP if len(shown) > 1 else 0.0
    step = STEP_MANY if len(shown) > 1 else STEP_ONE

    def paint(pen: Pen) -> None:
        for index, (name, curves) in enumerate(shown.items()):
            top, plot = TOP + index * step + gap, step - gap
            axes = ax.place(pen, 62, top, 18, pen.height - top - plot)
            axes.grid(visible=False, axis="x")
            for curve in curves:
                _runs(pen, axes, curve, styles[curve.label])
            ax.log_times(axes, "y", *within, plot)
            _bands(pen, axes, blocks, above=1 + (8 + gap) / plot if index == 0 else None)
            axes.text(0, 1 + 9 / plot, name, fontsize=pen.text, color=colour("ink"), transform=axes.transAxes)
            last = index == len(shown) - 1
            _numbers(pen, axes, blocks if last else ())

    caption = "Filled: the run's p50; hollow: its p99. Blocks alternate in shade; each holds every combination once."
    height = TOP + step * len(shown) + FOOT
    drawings = draw(key, TITLE, says, (height, height), paint)
    labels = dict.fromkeys(curve.label for curve in every)
    entries = (
        *(Entry(label, styles[label], "dot") for label in labels),
        Entry("p99", Style("soft"), "hollow"),
    )
    return Figure(key, TITLE, says, caption, drawings, entries)


def _medians(curve: Curve) -> list[tuple[int, float]]:
    return [(order, us) for order, _, us, _ in curve.series.by_order if us]


def _runs(pen: Pen, axes: Axes, curve: Curve, style: Style) -> None:
    size = 5.0 if pen.narrow else 6.5
    p50 = _medians(curve)
    p99 = [(order, us) for order, _, _, us in curve.series.by_order if us]
    common: dict[str, Any] = {
        "color": style.stand_in,
        "marker": style.marker,
        "markersize": size,
        "clip_on": False,
    }
    [line] = axes.plot(*zip(*p50, strict=True), linewidth=1, alpha=0.45, color=style.stand_in)
    pen.tip(line, curve.label)
    axes.plot(*zip(*p50, strict=True), linestyle="none", **common)
    if p99:
        axes.plot(
            *zip(*p99, strict=True), linestyle="none", markerfacecolor="none", markeredgewidth=1.2, **common
        )


def _blocks(order: Sequence[Mapping[str, object]]) -> list[tuple[int, int, int]]:
    """(block, first trial, last trial)."""
    found: dict[int, list[int]] = {}
    for spec in order:
        found.setdefault(int(str(spec["block"])), []).append(int(str(spec["order"])))
    return [(block, min(trials), max(trials)) for block, trials in found.items()]


def _bands(pen: Pen, axes: Axes, blocks: Sequence[tuple[int, int, int]], above: float | None) -> None:
    """Blocks alternate; their numbers stand `above`, as a share of the axes' height, as many as there is room for."""
    axes.set_xlim(blocks[0][1] - 1, blocks[-1][2] + 1)
    every = math.ceil(len(blocks) * 24.0 / (pen.width - 80.0))
    for index, (block, start, end) in enumerate(blocks):
        if index % 2 == 0:
            axes.axvspan(start - 0.5, end + 0.5, color=colour("hair"), linewidth=0, zorder=0)
        if above is not None and index % every == 0:
            axes.text((start + end) / 2, above, str(block), ha="center", fontsize=pen.text - 2,
                      color=colour("soft"), transform=axes.get_xaxis_transform())  # fmt: skip
    if above is not None:
        axes.text(-8 / axes.get_window_extent().width, above, "block", ha="right", fontsize=pen.text - 2,
                  color=colour("soft"), transform=axes.transAxes)  # fmt: skip


def _numbers(pen: Pen, axes: Axes, blocks: Sequence[tuple[int, int, int]]) -> None:
    """Trial numbers under the last panel only."""
    values: list[int] = []
    if blocks:
        first, last = blocks[0][1], blocks[-1][2]
        room = 5 if pen.narrow else 14
        step = next(step for power in range(7) for step in (10**power, 2 * 10**power, 5 * 10**power)
                    if (last - first) / step <= room)  # fmt: skip
        values = [first, *(value for value in range(step, last + 1, step) if value - first > step / 2)]
        axes.set_xlabel("trial, in running order", fontsize=pen.text - 1, color=colour("soft"), labelpad=6)
    ax.fixed(axes, "x", values, [str(value) for value in values])
