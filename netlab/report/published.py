# SPDX-License-Identifier: Apache-2.0
"""Published tables with a run's own figures beside them, where the run used the published command."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from netlab.report.environment import Board
from netlab.report.hardware import hardware_of
from netlab.report.row import Row
from netlab.report.summary import Summary
from netlab.report.text import one_line

FIGURES = (("min", "min_us"), ("avg", "mean_us"), ("max", "max_us"), ("stddev", "stddev_us"))
DATA = "published.yml"
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Beside:
    """A published row, and ours. `says` stands in place of published figures, `why` in place of ours."""

    label: str
    figures: Mapping[str, float]
    says: str
    row: Row | None
    why: str
    hardware: str
    lines: tuple[Line, ...]

    @property
    def remark(self) -> str:
        """What cells have no room for; empty where there are figures on both sides."""
        parts = [f"published as {self.says}"] if self.says else []
        return "; ".join([*parts, *([f"here {self.why}"] if self.why else [])])

    def as_dict(self) -> dict[str, Any]:
        """For `--format json`."""
        own = {key: getattr(self.row, key) if self.row else None for _, key in FIGURES}
        return {
            "label": self.label,
            "topology": self.row.topology if self.row else None,
            "published": dict(self.figures) or None,
            "published_says": self.says or None,
            "here": own if self.row and self.row.runs else None,
            "here_says": self.why or None,
            "runs": self.row.runs if self.row else 0,
            "hardware": self.hardware or None,
        }


@dataclass(frozen=True)
class Table:
    """One published table."""

    issue: str
    title: str
    rows: tuple[Beside, ...]


@dataclass(frozen=True)
class Publication:
    """What was published, beside what this run has."""

    about: Mapping[str, Any]
    tables: tuple[Table, ...]

    @property
    def lines(self) -> list[Line]:
        """The good trials behind our figures."""
        return [line for table in self.tables for row in table.rows for line in row.lines]

    @property
    def rows(self) -> list[Row]:
        """Our rows that have figures."""
        return [own.row for table in self.tables for own in table.rows if own.row and own.row.runs]


def published(summary: Summary) -> list[Publication]:
    """Each publication whose command the run's plan names as a preset; mostly none."""
    named = [
        (str(_mapping(item).get("name")), preset)
        for item in summary.source.manifest.plan.get("instruments") or ()
        if (preset := _mapping(_mapping(item).get("parameters")).get("preset"))
    ]
    if not named:
        return []
    return [
        _beside(about, name, summary)
        for about in publications()
        for name, preset in named
        if preset == about["preset"]
    ]


@functools.cache
def publications() -> list[dict[str, Any]]:
    """The data file."""
    import yaml  # 15 ms that other runs do not need

    text = resources.files("netlab.report").joinpath(DATA).read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


def _beside(about: Mapping[str, Any], instrument: str, summary: Summary) -> Publication:
    good = [
        line
        for line in summary.source.outcomes()
        if line["status"] == "ok"
        and line["instrument"] == instrument
        and _mapping(line.get("parameters")).get("preset") == about["preset"]
    ]
    rows = [row for row in summary.rows if _of_instrument(row, instrument, str(about["preset"]))]
    tables = tuple(
        Table(
            table["issue"],
            table["title"],
            tuple(_row(own, str(table["scenario"]), rows, good, summary) for own in table["rows"]),
        )
        for table in about["tables"]
    )
    return Publication(about, tables)


def _of_instrument(row: Row, instrument: str, preset: str) -> bool:
    """A row's label is the instrument's name alone, unless a plan tells it several things."""
    return row.replica == 1 and (
        row.instrument == instrument
        or (row.instrument.split(" ")[0] == instrument and f"preset={preset}" in row.instrument.split(" "))
    )


def _row(
    own: Mapping[str, Any], scenario: str, rows: Sequence[Row], good: Sequence[Line], summary: Summary
) -> Beside:
    key = (str(own["topology"]), scenario, str(own.get("condition", "")))
    ours = next((row for row in rows if (row.topology, row.scenario, row.condition) == key), None)
    lines = tuple(
        line
        for line in good
        if (line["topology"], line["scenario"], line.get("condition") or "") == key
        and (line.get("replica") or 1) == 1
    )
    boards = {str(line.get("board")) for line in lines}
    measured = [board for board in summary.boards if board.name in boards]
    return Beside(
        label=str(own["label"]),
        figures=own.get("figures") or {},
        says=str(own.get("says", "")),
        row=ours,
        why=_why(ours),
        hardware=_hardware(measured, lines, summary) if lines else "",
        lines=lines,
    )


def _why(row: Row | None) -> str:
    if row is None:
        return "not part of this plan"
    if row.runs:
        return ""
    texts = [flag.text for flag in row.flags if flag.severity == "incomplete"]
    return f"not measured: {one_line(texts[0])}" if texts else "not measured"


def _hardware(boards: Sequence[Board], lines: Sequence[Line], summary: Summary) -> str:
    environment = summary.source.manifest.environment
    told = environment.before or environment.after or {}
    in_guest = any(line.get("guest") for line in lines)
    kinds = {hardware_of(board, _mapping(told.get(board.name)), in_guest=in_guest) for board in boards}
    return " / ".join(sorted(kinds)) or hardware_of(None, {}, in_guest=in_guest)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
