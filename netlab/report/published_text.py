# SPDX-License-Identifier: Apache-2.0
"""Published tables beside a run's, as text for a terminal and as Markdown."""

from __future__ import annotations

from netlab.report.protocol import differences
from netlab.report.published import FIGURES, Beside, Table, published
from netlab.report.summary import Summary
from netlab.report.text import figure, wrapped

NAMES = [name for name, _ in FIGURES]
HERE = "this run"
PUBLISHED = "published"
GAP = "    "  # between the two


def text(summary: Summary, width: int) -> list[str]:
    """Paragraphs for a terminal of `width` columns; none for a run of a command of its own."""
    parts = []
    for publication in published(summary):
        parts.append(wrapped(f"Beside it: {publication.about['source']}. Round trips in us.", width))
        parts += [_text(table, width) for table in publication.tables]
        parts += [
            wrapped(f"{note.title}: {note.text}", width, indent="  ", first="")
            for note in differences(publication, summary)
        ]
    return parts


def cells(row: Beside) -> list[str]:
    """Published figures as they were published, ours, runs, hardware; empty where there is nothing."""
    theirs = [str(row.figures[key]) if row.figures else "" for _, key in FIGURES]
    if row.row is None or not row.row.runs:
        return [*theirs, *("" for _ in FIGURES), "", ""]
    return [*theirs, *(figure(getattr(row.row, key)) for _, key in FIGURES), str(row.row.runs), row.hardware]


def headers() -> list[str]:
    """Over `cells`."""
    return [*NAMES, *NAMES, "runs", "hardware"]


def labels() -> list[str]:
    """The same, each understood alone."""
    return [
        *(f"{PUBLISHED} {name}" for name in NAMES),
        *(f"{HERE} {name}" for name in NAMES),
        *headers()[-2:],
    ]


def title(table: Table) -> str:
    """`STR-68: network latency with VMs`."""
    return f"{table.issue}: {table.title}"


def _text(table: Table, width: int) -> str:
    grid = _grid([[row.label, *cells(row)] for row in table.rows])
    if max(map(len, grid)) > width:
        grid = [_stacked(row, width) for row in table.rows]
    remarks = [
        wrapped(f"{row.label}: {row.remark}", width, indent="    ", first="  ")
        for row in table.rows
        if row.remark
    ]
    return "\n".join([wrapped(title(table), width), "", *grid, *([""] if remarks else []), *remarks])


def _grid(rows: list[list[str]]) -> list[str]:
    """Figures in two groups of columns, each with its name over it."""
    names = ["", *headers()]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    first, second, last = 1, 1 + len(NAMES), len(names) - 1

    def line(cells: list[str]) -> str:
        laid_out = [
            cell.ljust(size) if place in (0, last) else cell.rjust(size)
            for place, (cell, size) in enumerate(zip(cells, widths, strict=True))
        ]
        groups = (laid_out[:first], laid_out[first:second], laid_out[second:])
        return GAP.join("  ".join(group) for group in groups).rstrip()

    def group(start: int, end: int) -> int:
        return sum(widths[start:end]) + 2 * (end - start - 1)

    over = GAP.join(
        (
            " " * widths[0],
            PUBLISHED.center(group(first, second)),
            HERE.center(group(second, second + len(NAMES))),
        )
    )
    rule = GAP.join(("-" * widths[0], "-" * group(first, second), "-" * group(second, len(names))))
    return [over.rstrip(), line(names), rule, *(line(row) for row in rows)]


def _stacked(row: Beside, width: int) -> str:
    own = cells(row)
    several = len(NAMES)
    theirs = " ".join(f"{name} {cell}" for name, cell in zip(NAMES, own, strict=False) if cell)
    ours = " ".join(f"{name} {cell}" for name, cell in zip(NAMES, own[several:], strict=False) if cell)
    runs, hardware = own[-2:]
    told = [
        f"{PUBLISHED} {theirs}" if theirs else "",
        f"{HERE} {ours} ({runs} runs, {hardware})" if ours else "",
    ]
    return wrapped(f"{row.label}: {'; '.join(filter(None, told)) or 'no figures'}", width, indent="    ")


def markdown(summary: Summary) -> list[str]:
    """Paragraphs of Markdown, published figures beside ours."""
    parts = []
    for publication in published(summary):
        parts.append(f"### Beside it: {publication.about['source']}")
        parts += [part for table in publication.tables for part in _markdown(table)]
        parts += [f"**{note.title}.** {note.text}" for note in differences(publication, summary)]
    return parts


def _markdown(table: Table) -> list[str]:
    names = [
        *(f"{PUBLISHED} {name}" for name in NAMES),
        *(f"{HERE} {name}" for name in NAMES),
        *headers()[-2:],
    ]
    lines = [["", *names], [":--", *("--:" for _ in names[:-1]), ":--"]]
    lines += [[row.label, *cells(row)] for row in table.rows]
    made = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    remarks = [f"- {row.label}: {row.remark}" for row in table.rows if row.remark]
    return [f"{title(table)} (round trip, µs):", made, *(["\n".join(remarks)] if remarks else [])]


def as_dicts(summary: Summary) -> list[dict[str, object]]:
    """For `--format json`."""
    return [
        {
            "preset": own.about["preset"],
            "source": own.about["source"],
            "tables": [
                {"issue": table.issue, "title": table.title, "rows": [row.as_dict() for row in table.rows]}
                for table in own.tables
            ],
            "differences": [{"title": note.title, "text": note.text} for note in differences(own, summary)],
        }
        for own in published(summary)
    ]
