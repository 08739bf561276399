# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML file that needs nothing else: no network, script, font or picture beside it."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlab.report import differences, protocol, published, published_text
from netlab.report.figures import figures_of
from netlab.report.summary import Summary, Table, TableRow, combination, order_by_block, plan_lines
from netlab.report.text import figure as number
from netlab.report.text import one_line

if TYPE_CHECKING:
    import jinja2

TEMPLATE = "report.html.j2"


def render(summary: Summary) -> str:
    """The whole file's text."""
    manifest = summary.source.manifest
    outcomes = summary.source.outcomes()
    sections = [
        (table, figures_of(table, summary.series, manifest.order, f"t{index}"))
        for index, table in enumerate(summary.tables, 1)
    ]
    return _template().render(
        summary=summary,
        run=summary.source,
        manifest=manifest,
        sections=sections,
        columns=columns,
        cell=cell,
        against=differences.against,
        resolution=differences.resolution,
        plan_text=plan_lines(manifest.plan),
        blocks=order_by_block(manifest.order),
        outcomes=outcomes,
        trials=[_trial(line) for line in outcomes],
        commands=commands(outcomes),
        publications=[(own, protocol.differences(own, summary)) for own in published.published(summary)],
        published_headers=published_text.headers(),
        published_labels=published_text.labels(),
        published_cells=published_text.cells,
    )


COLUMNS = {
    "runs": "runs",
    "samples": "samples",
    "loss": "loss",
    "min": "min_us",
    "avg": "mean_us",
    "p50": "p50_us",
    "p90": "p90_us",
    "p99": "p99_us",
    "p99.9": "p999_us",
    "max": "max_us",
    "stddev": "stddev_us",
    "trans/s": "transaction_rate",
}
SELDOM = ("samples", "loss", "p99.9")  # left out where no row has one


def columns(table: Table) -> list[str]:
    """Headings of a table: what the rows have, and flags where there are any."""
    shown = [
        name
        for name, key in COLUMNS.items()
        if name not in SELDOM or any(getattr(row.row, key) for row in table.rows)
    ]
    return [*shown, *(["flags"] if any(row.marks for row in table.rows) else [])]


def cell(row: TableRow, name: str) -> str:
    """One figure as it is printed."""
    if name == "flags":
        return row.marks
    value = getattr(row.row, COLUMNS[name])
    if name == "loss":
        return "-" if value is None else f"{100 * value:.3g} %"
    return str(value or 0) if name in ("runs", "samples") else number(value)


def _trial(line: Mapping[str, Any]) -> dict[str, Any]:
    metrics = line.get("metrics") or {}
    return {
        **{key: line.get(key) for key in ("order", "block", "status", "reason")},
        "name": combination(line),
        "figures": [metrics.get(key) for key in ("min_us", "p50_us", "p99_us", "max_us")],
        "flags": list(dict.fromkeys(str(flag.get("rule")) for flag in line.get("flags") or ())),
    }


def commands(outcomes: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Each different command that was run, after the first trial that ran it."""
    found: dict[str, str] = {}
    for line in outcomes:
        for words in (line.get("command"), *(load.get("command") for load in line.get("loads") or ())):
            if words:
                told = one_line(shlex.join(str(word) for word in words))
                found.setdefault(told, f"trial {line['order']}, {line['topology']}")
    return [(where, told) for told, where in found.items()]


@functools.cache
def _template() -> jinja2.Template:
    import jinja2  # 60 ms that a table on a terminal does not need
    import markupsafe

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("netlab.report", "templates"),
        autoescape=True,  # reasons and facts come from boards
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["one_line"] = one_line
    environment.filters["number"] = number
    environment.filters["drawing"] = markupsafe.Markup  # figures.svg wrote it, and escaped what it holds
    return environment.get_template(TEMPLATE)
