# SPDX-License-Identifier: Apache-2.0
"""Flags of rows as footnotes: a mark for each rule, and under it what it says, of which rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from netlab.report import names
from netlab.report.row import Flag, Row, Severity
from netlab.report.text import one_line, without_figures


@dataclass(frozen=True)
class Footnote:
    """A rule that rows are marked with; `said` pairs each wording with the rows that it is about."""

    mark: str
    rule: str
    severity: Severity
    said: tuple[tuple[str, str], ...]


def footnotes_of(rows: Sequence[Row]) -> tuple[Footnote, ...]:
    """A footnote for each rule that any row is flagged with, in the order of their first row."""
    by_rule: dict[str, list[tuple[Row, Flag]]] = {}
    for row in rows:
        for flag in row.flags:
            by_rule.setdefault(flag.rule, []).append((row, flag))
    notes = []
    for number, (rule, found) in enumerate(by_rule.items()):
        said = []
        for places in _by_wording(found):
            differ = "; figures differ" if len({flag.text for _, flag in places}) > 1 else ""
            said.append((one_line(places[0][1].text), _where(places, rows) + differ))
        severities: list[Severity] = [flag.severity for _, flag in found]
        worst: Severity = next((s for s in ("incomplete", "broken") if s in severities), "note")
        notes.append(Footnote(_mark(number), rule, worst, tuple(said)))
    return tuple(notes)


def _where(places: Sequence[tuple[Row, Flag]], rows: Sequence[Row]) -> str:
    """The rows of a wording: `host, tap (1 of 2 runs)` or `every row`; of several tables also which one."""
    measured = [row for row in rows if row.runs]
    marked = [row for row, _ in places]
    if len(measured) > 1 and marked == measured and all(_all_runs(row, flag) for row, flag in places):
        return "every row"
    tables = list(dict.fromkeys((row.scenario, row.instrument) for row in rows))
    parts = []
    for scenario, instrument in tables:
        mine = [
            (row, flag) for row, flag in places if (row.scenario, row.instrument) == (scenario, instrument)
        ]
        if not mine:
            continue
        whole = [row for row in measured if (row.scenario, row.instrument) == (scenario, instrument)]
        every = (
            len(whole) > 1 and [row for row, _ in mine] == whole and all(_all_runs(*pair) for pair in mine)
        )
        told = "every row" if every else ", ".join(_place(row, flag) for row, flag in mine)
        parts.append(told if len(tables) == 1 else f"{told} of {scenario}, {instrument}")
    return "; ".join(parts)


def _all_runs(row: Row, flag: Flag) -> bool:
    return flag.severity != "incomplete" and flag.count == row.runs


def _place(row: Row, flag: Flag) -> str:
    name = names.of_row(row)
    if _all_runs(row, flag):
        return name
    if flag.severity == "incomplete" or flag.count > row.runs:
        return f"{name} ({flag.count} times)" if flag.count > 1 else name
    return f"{name} ({flag.count} of {row.runs} runs)"


def _by_wording(found: Sequence[tuple[Row, Flag]]) -> list[list[tuple[Row, Flag]]]:
    """Places that are told the same; of notes, figures aside: the first one's stand for all."""
    wordings: dict[str, list[tuple[Row, Flag]]] = {}
    for row, flag in found:
        key = without_figures(flag.text) if flag.severity == "note" else flag.text
        wordings.setdefault(key, []).append((row, flag))
    return list(wordings.values())


def _mark(number: int) -> str:
    """a to z, then aa, ab, …"""
    high, low = divmod(number, len(ascii_lowercase))
    return (_mark(high - 1) if high else "") + ascii_lowercase[low]
