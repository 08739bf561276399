# SPDX-License-Identifier: Apache-2.0
"""Everything that a report says of a run, gathered once; the formats only lay it out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from netlab.report import words
from netlab.report.environment import Board, boards
from netlab.report.footnotes import Footnote, footnotes_of
from netlab.report.row import Row
from netlab.report.source import Source
from netlab.report.text import one_line
from netlab.report.words import Note


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
    footnotes = footnotes_of(rows)
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
