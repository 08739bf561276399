# SPDX-License-Identifier: Apache-2.0
"""Everything that a report says of a run, gathered once; the formats only lay it out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import ascii_lowercase
from typing import Any

from netlab.report import words
from netlab.report.environment import Board, boards
from netlab.report.row import Flag, Row, Severity
from netlab.report.source import Source
from netlab.report.text import one_line, without_figures
from netlab.report.words import Note


@dataclass(frozen=True)
class Footnote:
    """A rule that rows are marked with; `said` pairs each wording with the rows that it is about."""

    mark: str
    rule: str
    severity: Severity
    said: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TableRow:
    """A row with the name it has in the 2022 report's manner, and the marks of its footnotes."""

    label: str
    row: Row
    marks: str

    @property
    def why_empty(self) -> str:
        """For a row without runs: what became of its trials."""
        texts = [flag.text for flag in self.row.flags if flag.severity == "incomplete"]
        return one_line(texts[0]) if texts else "not measured"


@dataclass(frozen=True)
class Table:
    """Rows of one scenario and one instrument."""

    scenario: str
    instrument: str
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Summary:
    """A run, ready to be laid out."""

    source: Source
    rows: tuple[Row, ...]
    tables: tuple[Table, ...]
    footnotes: tuple[Footnote, ...]
    notes: tuple[Note, ...]
    boards: tuple[Board, ...]
    counts: Mapping[str, int]
    command: str


def summarise(source: Source) -> Summary:
    """Read the run once and work out everything that is said of it."""
    rows, outcomes = source.rows(), source.outcomes()
    found = boards(source)
    with_guest = {line["topology"] for line in outcomes if line.get("guest")}
    labels = {row.topology: _label(row.topology, row.topology in with_guest) for row in rows}
    footnotes = _footnotes(rows)
    counts = {
        "planned": len(source.manifest.order),
        **{
            status: len({line["order"] for line in outcomes if line["status"] == status})
            for status in words.STATUSES
        },
    }
    return Summary(
        source=source,
        rows=tuple(rows),
        tables=_tables(rows, labels, footnotes),
        footnotes=footnotes,
        notes=tuple(words.notes(source, rows, outcomes, found, counts)),
        boards=tuple(found),
        counts=counts,
        command=_command(source.manifest.plan, source.manifest.inventory),
    )


def _label(topology: str, has_guest: bool) -> str:
    return f"vm-to-peer, {topology}" if has_guest else topology


def _tables(
    rows: Sequence[Row], labels: Mapping[str, str], footnotes: Sequence[Footnote]
) -> tuple[Table, ...]:
    marks = {note.rule: note.mark for note in footnotes}
    keys = list(dict.fromkeys((row.scenario, row.instrument) for row in rows))
    return tuple(
        Table(
            scenario,
            instrument,
            tuple(
                TableRow(labels[row.topology], row, " ".join(sorted(marks[flag.rule] for flag in row.flags)))
                for row in rows
                if (row.scenario, row.instrument) == (scenario, instrument)
            ),
        )
        for scenario, instrument in keys
    )


def _footnotes(rows: Sequence[Row]) -> tuple[Footnote, ...]:
    by_rule: dict[str, list[tuple[Row, Flag]]] = {}
    for row in rows:
        for flag in row.flags:
            by_rule.setdefault(flag.rule, []).append((row, flag))
    one_table = len({(row.scenario, row.instrument) for row in rows}) == 1
    measured = sum(1 for row in rows if row.runs)
    notes = []
    for number, (rule, found) in enumerate(by_rule.items()):
        said = []
        for places in _by_wording(found):
            named = ", ".join(_place(row, flag, one_table) for row, flag in places)
            where = "every row" if len(places) == measured > 1 else named
            texts = {flag.text for _, flag in places}
            where += "" if len(texts) == 1 else "; figures differ"
            said.append((one_line(places[0][1].text), where))
        severities: list[Severity] = [flag.severity for _, flag in found]
        worst: Severity = next((s for s in ("incomplete", "broken") if s in severities), "note")
        notes.append(Footnote(_mark(number), rule, worst, tuple(said)))
    return tuple(notes)


def _by_wording(found: Sequence[tuple[Row, Flag]]) -> list[list[tuple[Row, Flag]]]:
    """Places that are told the same; of notes, figures aside: the first one's stand for all."""
    wordings: dict[str, list[tuple[Row, Flag]]] = {}
    for row, flag in found:
        key = without_figures(flag.text) if flag.severity == "note" else flag.text
        wordings.setdefault(key, []).append((row, flag))
    return list(wordings.values())


def _place(row: Row, flag: Flag, one_table: bool) -> str:
    where = row.topology if one_table else f"{row.topology} {row.scenario} {row.instrument}"
    return f"{where} ({flag.count} times)" if flag.count > 1 else where


def _mark(number: int) -> str:
    """a to z, then aa, ab, …"""
    high, low = divmod(number, len(ascii_lowercase))
    return (_mark(high - 1) if high else "") + ascii_lowercase[low]


def _command(plan: Mapping[str, Any], inventory: Any) -> str:
    """What to type to measure the same again; the plan's file holds the seed."""
    path = inventory.get("path") if isinstance(inventory, Mapping) else inventory
    where = ["-i", path] if isinstance(path, str) else []
    return shlex.join(["netlab", "bench", f"{plan['name']}.yml", *where])


def plan_lines(plan: Mapping[str, Any]) -> str:
    """The plan as the YAML file that would say it."""
    import yaml  # PyYAML takes 15 ms to import, and only files need it

    text: str = yaml.safe_dump(
        dict(plan), sort_keys=False, default_flow_style=None, allow_unicode=False, width=100
    )
    return text


def order_by_block(order: Sequence[Mapping[str, Any]]) -> list[tuple[int, list[str]]]:
    """Each block with its topologies in running order."""
    return [
        (block, list(dict.fromkeys(str(spec["topology"]) for spec in specs)))
        for block, specs in groupby(order, key=lambda spec: spec["block"])
    ]
