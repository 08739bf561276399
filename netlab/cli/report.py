# SPDX-License-Identifier: Apache-2.0
"""netlab report"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from netlab.cli.options import DEFAULT_RESULTS, Json, Results


class Format(StrEnum):
    """How a run can be presented."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"
    html = "html"
    flent = "flent"


def command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's name (see `netlab runs`), or `latest`.")
    ] = "latest",
    form: Annotated[
        Format, typer.Option("--format", envvar="NETLAB_FORMAT", help="How to present it.")
    ] = Format.table,
    results: Results = DEFAULT_RESULTS,
    json: Json = False,
) -> None:
    """Present a run as table, csv, json, markdown, html or flent.

    Goes to stdout; of --format html and flent, which make a file, the path does.
    """
    from netlab import report
    from netlab.cli import inputs, output
    from netlab.results import RunStore

    if json:
        other = form not in (Format.table, Format.json)
        inputs.refuse_with("--json", {f"--format {form.value}": other}, "one of them says how")
    store = RunStore.open(results, run)
    chosen = Format.json if json else form
    if chosen is Format.html:
        output.line(str(report.write_html(store)))
    elif chosen is Format.flent:
        output.line(str(report.write_flent(store)))
    else:
        output.line(report.render(store, chosen.value).rstrip("\n"))
