# SPDX-License-Identifier: Apache-2.0
"""netlab query"""

from __future__ import annotations

import gc
from enum import StrEnum
from typing import Annotated

import typer

from netlab.cli.options import DEFAULT_RESULTS, Json, Results


class Format(StrEnum):
    """How an answer can be printed."""

    table = "table"
    csv = "csv"
    json = "json"


def command(
    sql: Annotated[
        str | None,
        typer.Argument(metavar="SQL", help="One SELECT; without it the views and their columns are listed."),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", envvar="NETLAB_FORMAT", help="How to print the answer.")
    ] = Format.table,
    time_limit: Annotated[
        float,
        typer.Option(
            min=0, envvar="NETLAB_TIME_LIMIT", help="Seconds to wait for a further row; 0: for ever."
        ),
    ] = 300,
    results: Results = DEFAULT_RESULTS,
    json: Json = False,
) -> None:
    """Answer a question in SQL over all runs.

    Its views are runs, trials and samples. Nothing is written, and no other file is read.
    """
    from netlab.cli import answers, inputs
    from netlab.results import statement, views

    if json:
        other = form not in (Format.table, Format.json)
        inputs.refuse_with("--json", {f"--format {form.value}": other}, "one of them says how")
    chosen = Format.json if json else form
    if sql is None:
        answers.show_views(chosen.value)
        return
    try:
        database = views.connect(results, lambda text: typer.echo(f"netlab: warning: {text}", err=True))
        answers.show(statement.ask(database, sql, time_limit), chosen.value)
    finally:
        gc.collect()  # DuckDB 2.0 prints pages about whatever of it is still there when Python ends
