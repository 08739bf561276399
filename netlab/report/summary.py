# SPDX-License-Identifier: Apache-2.0
"""Everything that a report says of a run, gathered once; the formats only lay it out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from netlab.report import names, words
from netlab.report.differences import Against
from netlab.report.environment import Board, boards
from netlab.report.footnotes import Footnote, footnotes_of
from netlab.report.row import Row
from netlab.report.source import Series, Source
from netlab.report.surroundings import Surroundings, surroundings
from netlab.report.text import one_line
from netlab.report.words import Note

# Where a path ends in a scenario whose traffic does not leave for the peer.
_ENDS = {"guest-to-guest": "vm-to-vm"}


@dataclass(frozen=True)
class TableRow:
    """A row with the name it has in the 2022 report's manner, and the marks of its footnotes.

    `path` names where the frames went, `condition` under what load; `label` both.
    """

    path: str
    row: Row
    marks: str
    condition: str = ""

    @property
    def label(self) -> str:
        """The row's whole name."""
        return names.joined(self.path, self.condition)

    @property
    def short(self) -> str:
        """Its name without the ends of its path."""
        return names.joined(self.short_path, self.condition)

    @property
    def short_path(self) -> str:
        """The path without its ends."""
        return self.path.split(", ")[-1]

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

    @property
    def conditions(self) -> list[str]:
        """Ids of the conditions; none where a scenario has but one."""
        return list(dict.fromkeys(row.row.condition for row in self.rows if row.row.condition))

    @property
    def against(self) -> list[Against]:
        """The rows that are compared with the baseline's."""
        return [
            Against(row.label, row.short, row.row.difference)
            for row in self.rows
            if row.row.difference and row.row.difference.verdict != "baseline"
        ]


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
    environment: Surroundings
    series: tuple[Series, ...] = ()


def summarise(source: Source, *, figures: bool = False) -> Summary:
    """Read the run once and work out everything that is said of it; `figures`: also what they draw."""
    rows, series = source.rows_and_series() if figures else (source.rows(), ())
    outcomes = source.outcomes()
    found, around = boards(source), surroundings(source)
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
        tables=_tables(rows, _paths(rows, outcomes), footnotes),
        footnotes=footnotes,
        notes=tuple(words.notes(source, rows, outcomes, found, counts, around)),
        boards=tuple(found),
        counts=counts,
        command=_command(source.manifest.plan, source.manifest.inventory),
        environment=around,
        series=tuple(series),
    )


def _paths(rows: Sequence[Row], outcomes: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, int], str]:
    """A name for each topology, scenario and replica: `host`, `host (again)`, `vm-to-peer, tap`."""
    with_guest = {(line["topology"], line["scenario"]) for line in outcomes if line.get("guest")}
    found = {}
    for row in rows:
        ends = _ENDS.get(row.scenario, "vm-to-peer")
        name = f"{ends}, {row.topology}" if (row.topology, row.scenario) in with_guest else row.topology
        found[row.topology, row.scenario, row.replica] = name + (names.AGAIN if row.replica > 1 else "")
    return found


def _tables(
    rows: Sequence[Row],
    paths: Mapping[tuple[str, str, int], str],
    footnotes: Sequence[Footnote],
) -> tuple[Table, ...]:
    marks = {note.rule: note.mark for note in footnotes}
    keys = list(dict.fromkeys((row.scenario, row.instrument) for row in rows))
    return tuple(
        Table(
            scenario,
            instrument,
            tuple(
                TableRow(
                    paths[row.topology, row.scenario, row.replica],
                    row,
                    " ".join(sorted(marks[flag.rule] for flag in row.flags)),
                    names.of_condition(row.condition),
                )
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
    """Each block with its combinations in running order."""
    varied = {key: len({spec.get(key) for spec in order}) > 1 for key in ("scenario", "instrument")}
    return [
        (block, [combination(spec, **varied) for spec in specs])
        for block, specs in groupby(order, key=lambda spec: spec["block"])
    ]


def combination(spec: Mapping[str, Any], *, scenario: bool = True, instrument: bool = True) -> str:
    """A planned trial in words: `tap`, `host (again)`, `tap, interference: same CPU`."""
    name = str(spec["topology"]) + (names.AGAIN if spec.get("replica", 1) > 1 else "")
    condition = str(spec.get("condition") or "")
    where = str(spec["scenario"]) if scenario else ""
    if condition:
        where = f"{where}: {condition}" if where else condition
    return ", ".join(filter(None, (name, where, str(spec["instrument"]) if instrument else "")))
