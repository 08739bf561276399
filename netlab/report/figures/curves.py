# SPDX-License-Identifier: Apache-2.0
"""A series with the name that it has in this figure, and what figures ask of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlab.report.figures.model import Entry
from netlab.report.figures.palette import Style
from netlab.report.source import Series


@dataclass(frozen=True)
class Curve:
    """A series and its label."""

    label: str
    series: Series


def legend(curves: Sequence[Curve], styles: Mapping[str, Style], shape: str = "line") -> tuple[Entry, ...]:
    """An entry a curve."""
    return tuple(Entry(curve.label, styles[curve.label], shape) for curve in curves)


def quantile(ecdf: Sequence[tuple[float, float]], share: float) -> float:
    """The least time that at least `share` of the round trips do not exceed."""
    found = bisect_left(ecdf, share - 1e-12, key=lambda point: point[1])
    return ecdf[min(found, len(ecdf) - 1)][0]
