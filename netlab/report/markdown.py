# SPDX-License-Identifier: Apache-2.0
"""The report for an issue, a wiki or a mail: GitHub's flavour of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlab.report import differences, published_text
from netlab.report.footnotes import Footnote
from netlab.report.summary import Summary, Table
from netlab.report.table import cells, headers
from netlab.report.text import one_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def render(summary: Summary) -> str:
    """Tables, footnotes and notes."""
    parts = [f"## {_plain(summary.source.name)}"]
    for table in summary.tables:
        parts += [f"Round trip, µs ({_plain(table.scenario)}, {_plain(table.instrument)}):", _table(table)]
        if certain := _certainty(table):
            if not differences.are_too_few(table.against, [row.row for row in table.rows]):
                parts.append(certain)
            if said := differences.resolution(table.against):
                parts.append(_plain(said))
    if summary.footnotes:
        parts.append("\n".join(line for note in summary.footnotes for line in _footnote(note)))
    parts += published_text.markdown(summary)
    for note in summary.notes:
        parts.append(f"**{note.title}.** {_plain(note.text)}")
        if note.command:
            parts.append(f"    {one_line(note.command)}")
    return "\n\n".join(parts) + "\n"


def _footnote(note: Footnote) -> Iterator[str]:
    severity = " **rule broken**" if note.severity == "broken" else ""
    for text, where in note.said:
        yield f"- **{note.mark}**{severity} `{note.rule}`: {_plain(text)} ({_plain(where)})"


def _table(table: Table) -> str:
    loaded = any(row.row.load for row in table.rows)
    names = [*headers(), *(["load"] if loaded else [])]
    lines = [["", *names], [":--", *(":--" if name in ("flags", "load") else "--:" for name in names)]]
    lines += [
        [_plain(row.label), *cells(row), *([_plain(row.row.load)] if loaded else [])] for row in table.rows
    ]
    return _laid_out(lines)


def _certainty(table: Table) -> str:
    measured = [row for row in table.rows if row.row.runs]
    names, found = differences.certainty([row.row for row in measured])
    if not names:
        return ""
    lines = [["", *names], [":--", *(":--" if name == "verdict" else "--:" for name in names)]]
    lines += [[_plain(row.label), *cells] for row, cells in zip(measured, found, strict=True)]
    return _laid_out(lines)


def _laid_out(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return _SPECIAL.sub(r"\\\1", one_line(text))
