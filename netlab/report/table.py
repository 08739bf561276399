# SPDX-License-Identifier: Apache-2.0
"""The table of the 2022 report, for a terminal, with what it means under it."""

from __future__ import annotations

import shlex
import shutil
from typing import Any

from tabulate import SEPARATING_LINE, tabulate

from netlab.report import differences, published_text
from netlab.report.footnotes import Footnote
from netlab.report.source import REPORT
from netlab.report.summary import Summary, Table, TableRow
from netlab.report.text import ascii_safe, figure, shortened, wrapped

COLUMNS = (
    ("min", "min_us"),
    ("avg", "mean_us"),
    ("max", "max_us"),
    ("stddev", "stddev_us"),
    ("p50", "p50_us"),
    ("p90", "p90_us"),
    ("p99", "p99_us"),
    ("trans/s", "transaction_rate"),
)
Lines = list[tuple[TableRow, list[str]]]
WORDS = ("flags", "verdict")  # columns of words, which begin at the left
WIDEST = 100  # longer lines are hard to read, however wide the terminal
NARROWEST = 40
LONGEST_WORD = 60  # of a command; netperf's list of selectors is 300
UNKNOWN = 96  # a pipe or a file has no width; the whole table fits


def render(summary: Summary, width: int | None = None) -> str:
    """Tables, footnotes and notes, in ASCII, no line longer than `width` unless a word or a table is."""
    width = max(NARROWEST, min(width or terminal_width(), WIDEST))
    parts = [_table(summary, table, width) for table in summary.tables]
    if summary.footnotes:
        parts.append("\n".join(_footnote(note, width) for note in summary.footnotes))
    parts += published_text.text(summary, width)
    parts += [
        wrapped(f"{note.title}: {note.text} {_brief(note.command)}", width, indent="  ", first="")
        for note in summary.notes
    ]
    parts.append(_files(summary, width))
    return ascii_safe("\n\n".join(parts) + "\n")


def terminal_width() -> int:
    """Columns of the terminal on stdout; the variable COLUMNS overrides it."""
    return shutil.get_terminal_size((UNKNOWN, 24)).columns


def cells(row: TableRow) -> list[str]:
    """Figures, runs and footnote marks of a row, as every format prints them."""
    return [*(figure(getattr(row.row, key)) for _, key in COLUMNS), str(row.row.runs), row.marks]


def headers() -> list[str]:
    """Headings of `cells`."""
    return [*(name for name, _ in COLUMNS), "runs", "flags"]


def _table(summary: Summary, table: Table, width: int) -> str:
    title = f"{summary.source.name}: round trip, us ({table.scenario}, {table.instrument})"
    shown = headers() if any(row.marks for row in table.rows) else headers()[:-1]
    parts = [wrapped(title, width), _fitting(table, shown, [(row, cells(row)) for row in table.rows], width)]
    if loads := [f"{row.short}: {row.row.load}" for row in table.rows if row.row.load]:
        told = (wrapped(line, width, indent="      ", first="  ") for line in loads)
        parts.append("\n".join(["Load beside it, as it was achieved:", *told]))
    measured = [row for row in table.rows if row.row.runs]
    names, found = differences.certainty([row.row for row in measured])
    if names:
        if not differences.are_too_few(table.against, [row.row for row in measured]):
            parts.append(_fitting(table, names, list(zip(measured, found, strict=True)), width))
        if said := differences.resolution(table.against):
            parts.append(wrapped(said, width))
    return "\n\n".join(parts)


def _fitting(table: Table, shown: list[str], rows: Lines, width: int) -> str:
    """A grid with whole names, else with short ones, else each row as text."""
    for short in (False, True):
        laid_out = _grid(table, shown, rows, short=short)
        if _width(laid_out) <= width:
            return laid_out
    return "\n".join(_stacked(row.label, shown, cells, width) for row, cells in rows)


def _grid(table: Table, shown: list[str], rows: Lines, *, short: bool) -> str:
    """The headings are a line of the body: tabulate would pad real ones, which costs 20 columns.

    Conditions stand indented under their path.
    """
    lines: list[Any] = [["", *shown], SEPARATING_LINE]
    path = ""
    for row, found in rows:
        name = row.short if short else row.label
        if table.conditions:
            if row.path != path:
                path = row.path
                lines.append([row.short_path if short else path])
            name = f"  {row.condition}"
        lines.append([name, *found[: len(shown)]])
    align = ["left", *("left" if name in WORDS else "right" for name in shown)]
    return tabulate(lines, tablefmt="simple", disable_numparse=True, colalign=align, preserve_whitespace=True)


def _stacked(label: str, shown: list[str], found: list[str], width: int) -> str:
    pairs = [f"{name} {cell}" for name, cell in zip(shown, found, strict=False) if cell]
    return wrapped(", ".join(pair.replace(" ", "\0") for pair in pairs), width, "    ", f"{label}: ").replace(
        "\0", " "
    )


def _width(text: str) -> int:
    return max(len(line) for line in text.splitlines())


def _footnote(note: Footnote, width: int) -> str:
    severity = {"broken": "RULE BROKEN: ", "incomplete": "", "note": ""}[note.severity]
    lead = f"{note.mark:<2} {severity}{note.rule}"
    said = [f"{shortened(text) or 'no words given'} [{where}]" for text, where in note.said]
    if len(said) == 1:
        return wrapped(f"{lead}: {said[0]}", width, indent="   ", first="")
    return "\n".join([f"{lead}:", *(wrapped(text, width, indent="     ", first="   - ") for text in said)])


def _brief(command: str) -> str:
    """A command with its longest words cut; trials.jsonl and the HTML report have it whole."""
    return " ".join(
        word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 4]}..." for word in command.split(" ")
    )


def _files(summary: Summary, width: int) -> str:
    folder = summary.source.path
    if (path := folder / REPORT).is_file():
        return wrapped(f"Report: {path}", width, indent="  ", first="")
    command = (
        f"netlab report {shlex.quote(str(folder))} --format html"  # its path: --results may have been given
    )
    return wrapped(f"Figures and raw output: {folder} ({command})", width, indent="  ", first="")
