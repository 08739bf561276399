# SPDX-License-Identifier: Apache-2.0
"""Each row's difference from the baseline with its interval, beside what the baseline differs from itself."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.report.differences import Against, signed
from netlab.report.figures import axes as ax
from netlab.report.figures.model import Entry, Figure
from netlab.report.figures.palette import Style, colour
from netlab.report.figures.svg import LETTER, WIDE, Pen, draw

STEP = {"wide": 40.0, "narrow": 56.0}
COLOURS = {"higher": "higher", "lower": "lower"}
LEGEND = {
    "higher": Entry("higher than the baseline", Style("higher"), "interval"),
    "lower": Entry("lower than the baseline", Style("lower"), "interval"),
    "not resolved": Entry("not resolved", Style("soft"), "interval"),
    "insufficient samples": Entry("insufficient samples", Style("soft"), "interval"),
}
BAND = Entry("what the baseline differs from itself", Style("range"), "band")


def figure(key: str, rows: Sequence[Against]) -> Figure | None:
    """A line a row with a shift; None where no row has one."""
    shown = [row for row in rows if row.difference.shift_us is not None]
    if not shown:
        return None
    reaches = [
        end
        for row in shown
        for end in (
            row.difference.shift_us or 0.0,
            *((row.difference.shift_ci.low, row.difference.shift_ci.high) if row.difference.shift_ci else ()),
        )
    ]
    resolution = max((row.difference.resolution_us or 0.0 for row in shown), default=0.0)
    low, high = min(0.0, -resolution, *reaches), max(0.0, resolution, *reaches)
    room = (high - low or 1.0) * 0.06
    title = f"Difference from {shown[0].difference.baseline}"
    says = "; ".join(row.says for row in shown)

    def paint(pen: Pen) -> None:
        left = 12.0 if pen.narrow else min(max(len(row.label) for row in shown) * LETTER + 24, WIDE * 0.34)
        right = 16.0 if pen.narrow else 150.0
        axes = ax.place(pen, left, 8, right, 48)
        axes.set_xlim(low - room, high + room)
        step = STEP[pen.kind]
        axes.set_ylim(step * len(shown), 0)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=4 if pen.narrow else 9)
        axes.axvline(0, color=colour("soft"), linewidth=1.2)
        wide = axes.get_window_extent().width
        mixed = axes.get_yaxis_transform()
        for index, row in enumerate(shown):
            y = step * (index + (0.66 if pen.narrow else 0.5))
            if limit := row.difference.resolution_us:
                band = (step * (index + 0.06), step * 0.88)
                axes.broken_barh([(-limit, 2 * limit)], band, color=colour("range"), alpha=0.22, linewidth=0)
            shade = colour(COLOURS.get(row.difference.verdict, "soft"))
            if row.difference.shift_ci:
                ends = [row.difference.shift_ci.low, row.difference.shift_ci.high]
                [line] = axes.plot(ends, [y, y], color=shade, linewidth=2.5, marker="|", markersize=10,
                                   markeredgewidth=2.5)  # fmt: skip
                pen.tip(line, row.says)
            axes.plot([row.difference.shift_us or 0.0], [y], marker="o", markersize=9, color=shade,
                      markeredgecolor=colour("panel"), markeredgewidth=1.2)  # fmt: skip
            told = f"{signed(row.difference.shift_us)} µs"
            if pen.narrow:
                axes.text(
                    0, y - 14, f"{row.label}: {told}", fontsize=pen.text, color=colour("ink"), transform=mixed
                )
            else:
                axes.text(-14 / wide, y + 4, row.label, ha="right", fontsize=pen.text, color=colour("ink"),
                          transform=mixed)  # fmt: skip
                axes.text(1 + 12 / wide, y - 1, told, fontsize=pen.text, color=colour("ink"), transform=mixed)
                axes.text(1 + 12 / wide, y + 14, row.difference.verdict, fontsize=pen.text - 2, color=shade,
                          transform=mixed)  # fmt: skip
        axes.set_xlabel("µs, with 95 % interval", fontsize=pen.text - 1, color=colour("soft"), labelpad=6)

    verdicts = {row.difference.verdict for row in shown}
    entries = tuple(entry for verdict, entry in LEGEND.items() if verdict in verdicts)
    entries += (BAND,) if resolution else ()
    caption = "Paired by block: the Hodges-Lehmann estimate. Right of zero is slower."
    heights = (STEP["wide"] * len(shown) + 56, STEP["narrow"] * len(shown) + 56)
    drawings = draw(key, title, says, heights, paint)
    return Figure(key, title, says, caption, drawings, entries)
