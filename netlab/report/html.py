# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML file that needs nothing else: no network, script, font or picture beside it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from netlab.report import figure
from netlab.report.summary import Summary, order_by_block, plan_lines
from netlab.report.table import cells, headers
from netlab.report.text import figure as number
from netlab.report.text import one_line

if TYPE_CHECKING:
    import jinja2

TEMPLATE = "report.html.j2"


def render(summary: Summary) -> str:
    """The whole file's text."""
    drawings = [
        [drawing for narrow in (False, True) if (drawing := figure.draw(table.rows, narrow=narrow))]
        for table in summary.tables
    ]
    return _template().render(
        summary=summary,
        run=summary.source,
        manifest=summary.source.manifest,
        drawings=drawings,
        headers=headers(),
        cells=cells,
        plan_text=plan_lines(summary.source.manifest.plan),
        blocks=order_by_block(summary.source.manifest.order),
        outcomes=summary.source.outcomes(),
    )


@functools.cache
def _template() -> jinja2.Template:
    import jinja2  # 60 ms that a table on a terminal does not need

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("netlab.report", "templates"),
        autoescape=True,  # reasons and facts come from boards
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["one_line"] = one_line
    environment.filters["number"] = number
    return environment.get_template(TEMPLATE)
