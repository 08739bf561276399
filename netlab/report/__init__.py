# SPDX-License-Identifier: Apache-2.0
"""A run as a table, CSV, JSON, Markdown, HTML or flent's data file. A report only reads; it changes no run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netlab.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from netlab.report.flent import Run
    from netlab.report.source import Source

FORMATS = ("table", "csv", "json", "markdown")


def render(source: Source, fmt: str = "table", width: int | None = None) -> str:
    """The report as text that ends in a newline. `width`: columns of a table; by default the terminal's."""
    from netlab.report import data, markdown, summary, table

    if fmt not in FORMATS:
        raise InvalidInput(
            [Problem(f"there is no format {fmt!r}", None, None, "--format", ", ".join(FORMATS))]
        )
    made = summary.summarise(source)
    match fmt:
        case "csv":
            return data.render_csv(made)
        case "json":
            return data.render_json(made)
        case "markdown":
            return markdown.render(made)
        case _:
            return table.render(made, width)


def write_html(source: Source, path: Path | None = None) -> Path:
    """Write the report as one HTML file, by default into the run's folder, whole or not at all."""
    from netlab.report import html, summary, whole_file
    from netlab.report.source import REPORT

    target = path or source.path / REPORT
    content = html.render(summary.summarise(source, figures=True)).encode("utf-8", "backslashreplace")
    whole_file.replace(target, content)
    return target


def write_flent(source: Run, path: Path | None = None) -> Path:
    """Write the run as a data file of flent's, by default into its folder."""
    from netlab.report import flent

    return flent.write(source, path)
