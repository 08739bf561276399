# SPDX-License-Identifier: Apache-2.0
"""What goes to stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer

from netlab.report.text import printable


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns under a rule; numbers are not reformatted."""
    from tabulate import tabulate

    told = tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=True, missingval="-")
    typer.echo(printable(told))


def as_json(value: Any) -> None:
    """One JSON document."""
    typer.echo(printable(json.dumps(value, indent=2, ensure_ascii=False, default=str)))


def line(text: str = "") -> None:
    typer.echo(printable(text))


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 board`, `2 boards`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
