# SPDX-License-Identifier: Apache-2.0
"""Rows against the baseline: shift, interval, Cliff's delta and verdict, as every format prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netlab.report.row import Difference, Row
from netlab.report.text import NOTHING, figure

HEADERS = ("shift", "95 % interval", "share", "delta", "blocks", "verdict")


@dataclass(frozen=True)
class Against:
    """A row's difference with the row's name."""

    label: str
    short: str  # without what a narrow terminal has no room for
    difference: Difference

    @property
    def cells(self) -> list[str]:
        """Under HEADERS."""
        own = self.difference
        return [
            signed(own.shift_us),
            interval(own),
            NOTHING if own.share is None else f"{100 * own.share:+.{0 if abs(own.share) >= 1 else 1}f} %",
            NOTHING if own.cliffs_delta is None else f"{own.cliffs_delta:+.2f}",
            f"{own.pairs}" if own.pairs >= own.pairs_needed else f"{own.pairs} of {own.pairs_needed}",
            own.verdict,
        ]

    @property
    def says(self) -> str:
        """In words: `tap: +321 us (95 % interval +310 to +333), higher than host`."""
        own = self.difference
        within = (
            f" (95 % interval {signed(own.shift_ci.low)} to {signed(own.shift_ci.high)})"
            if own.shift_ci
            else ""
        )
        than = f" than {own.baseline}" if own.verdict in ("higher", "lower") else ""
        return f"{self.label}: {signed(own.shift_us)} us{within}, {own.verdict}{than}"


def against(rows: Sequence[Against]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of the comparison alone, without columns that nothing stands in."""
    return _filled(HEADERS, [row.cells for row in rows], always=0)


def certainty(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells: how well each row's median is known, and what its comparison says.

    Columns that no row has anything in are left out; none is left where nothing is known.
    """
    names, cells = _filled(
        ("p50", "95 % interval", "shift", "95 % interval", "delta", "verdict"),
        [_certain(row) for row in rows],
        1,
    )
    return (names, cells) if len(names) > 1 else ([], [[] for _ in rows])


def _filled(
    names: Sequence[str], lines: Sequence[list[str]], always: int
) -> tuple[list[str], list[list[str]]]:
    """The first `always` columns, and those in which any row has something."""
    kept = [
        index
        for index in range(len(names))
        if index < always or any(line[index] not in ("", NOTHING) for line in lines)
    ]
    return [names[index] for index in kept], [[line[index] for index in kept] for line in lines]


def _certain(row: Row) -> list[str]:
    own = row.difference
    known = f"{figure(row.p50_ci.low)} to {figure(row.p50_ci.high)}" if row.p50_ci else NOTHING
    if own is None:
        return [figure(row.p50_us), known, NOTHING, NOTHING, NOTHING, NOTHING]
    if own.verdict == "baseline":
        return [figure(row.p50_us), known, "", "", "", own.verdict]
    delta = NOTHING if own.cliffs_delta is None else f"{own.cliffs_delta:+.2f}"
    return [figure(row.p50_us), known, signed(own.shift_us), interval(own), delta, own.verdict]


def signed(value: float | None) -> str:
    """A difference in microseconds; its sign is the point of it."""
    if value is None:
        return NOTHING
    return f"{value:+.1f}" if abs(value) < 99.95 else f"{value:+.0f}"


def interval(difference: Difference) -> str:
    """`+310 to +333`."""
    ci = difference.shift_ci
    return f"{signed(ci.low)} to {signed(ci.high)}" if ci else NOTHING


def are_too_few(against: Sequence[Against], rows: Sequence[Row]) -> bool:
    """Whether `certainty` has no more to say than that verdicts need more blocks, which `resolution` does."""
    verdicts = {row.difference.verdict for row in against}
    return verdicts == {"insufficient samples"} and not any(row.p50_ci for row in rows)


def resolution(rows: Sequence[Against]) -> str:
    """How small a difference can be told, in a sentence: what the A/A pairs and the number of blocks say."""
    if not rows:
        return ""
    baseline, needed = rows[0].difference.baseline, rows[0].difference.pairs_needed
    most = max(row.difference.pairs for row in rows)
    if most < needed:
        return (
            f"A verdict needs {needed} blocks that hold both; there {'is' if most == 1 else 'are'} {most} "
            "(--blocks)."
        )
    known = sorted({row.difference.resolution_us for row in rows if row.difference.resolution_us is not None})
    if not known:
        return (
            f"{baseline} was not measured twice in {needed} blocks or more: how small a difference is none, "
            "nothing says."
        )
    least = signed(known[0])[1:] + (f" to {signed(known[-1])[1:]}" if len(known) > 1 else "")
    return (
        f"Measured twice in each block, {baseline} differs from itself by up to {least} us: a smaller difference "
        "is not resolved."
    )
