# SPDX-License-Identifier: Apache-2.0
"""The table of the 2022 report, for a terminal, with what it means under it."""

from __future__ import annotations

import shlex
import shutil

from tabulate import SEPARATING_LINE, tabulate

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
    laid_out = _grid(table, [row.label for row in table.rows])
    if _width(laid_out) > width:
        laid_out = _grid(table, [row.row.topology for row in table.rows])
    if _width(laid_out) > width:
        laid_out = "\n".join(_stacked(row, width) for row in table.rows)
    return f"{wrapped(title, width)}\n\n{laid_out}"


def _grid(table: Table, labels: list[str]) -> str:
    """The headings are a line of the body: tabulate would pad real ones, which costs 20 columns."""
    flagged = any(row.marks for row in table.rows)
    lines = [["", *headers()], *([label, *cells(row)] for label, row in zip(labels, table.rows, strict=True))]
    align = ["left", *["right"] * (len(lines[0]) - 2), "left"]
    if not flagged:
        lines, align = [line[:-1] for line in lines], align[:-1]
    body = [lines[0], SEPARATING_LINE, *lines[1:]]
    return tabulate(body, tablefmt="simple", disable_numparse=True, colalign=align)


def _stacked(row: TableRow, width: int) -> str:
    pairs = [f"{name} {cell}" for name, cell in zip(headers(), cells(row), strict=True) if cell]
    return wrapped(
        ", ".join(pair.replace(" ", "\0", 1) for pair in pairs), width, "    ", f"{row.label}: "
    ).replace("\0", " ")


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
