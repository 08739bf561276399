# SPDX-License-Identifier: Apache-2.0
"""What a figure is to the page: drawings, their legend, and the words beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netlab.report.figures.palette import Style


@dataclass(frozen=True)
class Entry:
    """One line of a legend. `shape`: line (with its marker), dot, diamond, triangle, range, interval or band."""

    label: str
    style: Style
    shape: str = "line"


@dataclass(frozen=True)
class Grid:
    """The figures of a drawing as a table, for who cannot see it."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """`key` is unique in the page; `says` is what the drawing shows, for who cannot see it."""

    key: str
    title: str
    says: str
    caption: str
    drawings: tuple[str, ...]  # SVG, wide and narrow
    legend: tuple[Entry, ...] = ()
    grid: Grid | None = field(default=None, repr=False)
