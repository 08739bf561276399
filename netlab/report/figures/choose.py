# SPDX-License-Identifier: Apache-2.0
"""Which figures a table has: those that its scenario asks for, and that there are data for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlab.report import names
from netlab.report.figures import differences, ecdf, order, panels, percentiles, ranges, scaling
from netlab.report.figures.curves import Curve
from netlab.report.figures.model import Figure
from netlab.report.figures.palette import styles
from netlab.report.source import Series
from netlab.report.summary import Table, TableRow


@dataclass(frozen=True)
class Figures:
    """The figures of one table, by where they stand: over it, beside the comparison, and after both."""

    over: tuple[Figure, ...]
    compared: tuple[Figure, ...]
    after: tuple[Figure, ...]


def figures_of(
    table: Table, series: Sequence[Series], trials: Sequence[Mapping[str, object]], key: str
) -> Figures:
    """What there is to draw of one table. `trials`: the run's order; `key` is the table's in the page."""
    mine = _matched(table, series)
    baseline = next((row.path for row in table.rows if _is_baseline(row)), None)
    again = next((row.path for row in table.rows if row.row.replica > 1), None)
    paths = styles((row.path for row in table.rows), baseline, again)
    over: list[Figure | None] = []
    after: list[Figure | None] = []
    if names.is_number(table.conditions):
        over.append(scaling.figure(f"{key}-scaling", table.rows, paths))
    elif len(table.conditions) > 1:
        by_path = _grouped([(row.path, Curve(row.condition, one)) for row, one in mine])
        shown = styles((row.condition for row in table.rows), table.rows[0].condition)
        after.append(panels.figure(f"{key}-tails", by_path, shown))
    else:
        curves = [Curve(row.path, one) for row, one in mine]
        after.append(ecdf.figure(f"{key}-ecdf", curves, paths))
        after.append(percentiles.figure(f"{key}-percentiles", curves, paths))
    if not any(over):
        over.append(ranges.figure(f"{key}-range", table.rows))
    by_condition = _grouped([(row.condition, Curve(row.path, one)) for row, one in mine])
    after.append(order.figure(f"{key}-order", by_condition, paths, trials))
    return Figures(_made(over), _made([differences.figure(f"{key}-difference", table.against)]), _made(after))


def _made(found: Sequence[Figure | None]) -> tuple[Figure, ...]:
    return tuple(figure for figure in found if figure is not None)


def _matched(table: Table, series: Sequence[Series]) -> list[tuple[TableRow, Series]]:
    by_key = {(one.topology, one.scenario, one.condition, one.instrument, one.replica): one for one in series}
    keyed = (
        ((row.row.topology, row.row.scenario, row.row.condition, row.row.instrument, row.row.replica), row)
        for row in table.rows
    )
    return [(row, by_key[key]) for key, row in keyed if key in by_key]


def _is_baseline(row: TableRow) -> bool:
    return row.row.difference is not None and row.row.difference.verdict == "baseline"


def _grouped(pairs: Sequence[tuple[str, Curve]]) -> dict[str, list[Curve]]:
    made: dict[str, list[Curve]] = {}
    for name, curve in pairs:
        made.setdefault(name, []).append(curve)
    return made
