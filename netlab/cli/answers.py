# SPDX-License-Identifier: Apache-2.0
"""The answer to a query on stdout, row by row: it may be larger than memory."""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from netlab.cli import output

if TYPE_CHECKING:
    from netlab.results.statement import Answer

LOOKED_AT = 500  # rows that decide how wide a table's columns are
NOTHING = "-"
_OWN_WORDS = (bool, dict, list, tuple)  # Python would write them otherwise than JSON does
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


def show(answer: Answer, form: str) -> None:
    """Print an answer as table, csv or json; whoever reads it may stop reading, as `head` does."""
    try:
        match form:
            case "csv":
                _csv(answer.names, answer.rows)
            case "json":
                _json(answer)
            case _:
                for line in _table(answer.names, answer.kinds, answer.rows):
                    sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        raise typer.Exit(1) from None


def show_views(form: str) -> None:
    """The views and their columns."""
    from netlab.results.columns import SAYS, VIEWS

    if form == "json":
        output.as_json(
            {
                "views": {
                    view: {"description": SAYS[view], "columns": [vars(column) for column in columns]}
                    for view, columns in VIEWS.items()
                }
            }
        )
    elif form == "csv":
        rows = [(view, *vars(column).values()) for view, columns in VIEWS.items() for column in columns]
        _csv(("view", "column", "type", "holds"), rows)
    else:
        for view, columns in VIEWS.items():
            output.line(f"{view}: {SAYS[view]}\n")
            output.table(("column", "type", "holds"), [tuple(vars(column).values()) for column in columns])
            output.line()
        output.line(
            'netlab query "SELECT topology, median(p50_us) FROM trials WHERE counted GROUP BY topology"'
        )


def _csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Null is an empty cell; lists, structs and maps are JSON."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(value) if isinstance(value, _OWN_WORDS) else value for value in row])


def _json(answer: Answer) -> None:
    """One document, written as the rows come. NaN and infinity, which JSON does not have, are null."""
    columns = [{"name": name, "type": kind} for name, kind in zip(answer.names, answer.kinds, strict=True)]
    written = [kind == "JSON" for kind in answer.kinds]
    sys.stdout.write(f'{{"columns": {json.dumps(columns)},\n "rows": [')
    before = "\n"
    for row in answer.rows:
        cells = [
            json.loads(value) if is_json and isinstance(value, str) else _plain(value)
            for value, is_json in zip(row, written, strict=True)
        ]
        told = dict(zip(answer.names, cells, strict=True))
        sys.stdout.write(f"{before}  {json.dumps(told, ensure_ascii=False, allow_nan=False)}")
        before = ",\n"
    sys.stdout.write("\n ]}\n")


def _table(names: Sequence[str], kinds: Sequence[str], rows: Iterator[Sequence[Any]]) -> Iterator[str]:
    """As wide as its first rows need; a longer cell further down pushes its line out."""
    first = [[_cell(value) for value in row] for row in itertools.islice(rows, LOOKED_AT)]
    right = [kind.startswith(_NUMBERS) or kind.endswith("INT") for kind in kinds]
    heads = [_cell(name) for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *first, strict=True)]

    def laid_out(cells: Sequence[str]) -> str:
        told = (
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(cells, widths, right, strict=True)
        )
        return "  ".join(told).rstrip()

    yield laid_out(heads)
    yield "  ".join("-" * width for width in widths)
    for cells in first:
        yield laid_out(cells)
    for row in rows:
        yield laid_out([_cell(value) for value in row])


def _cell(value: Any) -> str:
    """One line, nothing in which can drive a terminal; numbers are not rounded."""
    from netlab.report.text import one_line

    if value is None:
        return NOTHING
    if isinstance(value, _OWN_WORDS):
        return one_line(json.dumps(_plain(value), ensure_ascii=False))
    return one_line(value)


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
