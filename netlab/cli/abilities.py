# SPDX-License-Identifier: Apache-2.0
"""What `netlab check` has found, for people: what each board can carry, why not, and what it is like."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netlab.cli import output
from netlab.play.outcome import Outcome

Report = Mapping[str, Any]


def show(outcome: Outcome, topologies: Sequence[str], instruments: Sequence[str]) -> None:
    """Topologies by boards; the reason for each that cannot be carried; then each board by itself."""
    reports = sorted(outcome.reports.items())
    output.table(
        ["topology", *(board for board, _ in reports)],
        [[name, *(_carries(report, name) for _, report in reports)] for name in topologies],
    )
    reasons = [line for board, report in reports for line in _reasons(board, report, topologies)]
    for text in [""] * bool(reasons) + reasons:
        output.line(text)
    for board, report in reports:
        output.line()
        if _off(report):
            output.line(f"{board} is not up: {report.get('reason', '')}")
            continue
        for text in _section(board, list(_findings(report, instruments))):
            output.line(text)


def without_any(reports: Mapping[str, Report]) -> list[str]:
    """Boards that can carry no topology at all, each with its first reason."""
    return [
        f"{board} can carry no topology: {next(message for messages in unmet.values() for message in messages)}"
        for board, report in sorted(reports.items())
        if (unmet := _unmet(report)) and all(unmet.values())
    ]


def _section(board: str, findings: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A line a finding; on a terminal as wide as that is, else as long as it is."""
    yield f"{board}:"
    label = 2 + max((len(about) for about, _ in findings), default=0)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for about, says in findings:
        lines = textwrap.wrap(says, max(40, width - label - 2)) if width else [says]
        yield f"  {about:{label}}{lines[0]}"
        yield from (" " * (label + 2) + line for line in lines[1:])


def _carries(report: Report, topology: str) -> str:
    if _off(report):
        return "not up"
    return "cannot" if _unmet(report).get(topology) else "can"


def _off(report: Report) -> bool:
    """A machine of its own that is off: nobody could be asked."""
    return bool(report.get("state") == "not up")


def _unmet(report: Report) -> Mapping[str, Sequence[str]]:
    return report.get("topologies") or {}


def _reasons(board: str, report: Report, topologies: Sequence[str]) -> Iterator[str]:
    """Each reason once, with all that it keeps from."""
    kept: dict[str, list[str]] = {}
    for name in topologies:
        for message in _unmet(report).get(name) or []:
            kept.setdefault(message, []).append(name)
    for message, names in kept.items():
        what = "any topology" if len(names) == len(topologies) > 1 else ", ".join(names)
        yield f"{board} cannot carry {what}: {message}"


def _findings(report: Report, instruments: Sequence[str]) -> Iterator[tuple[str, str]]:
    for finding in report.get("findings") or []:
        yield str(finding["about"]), str(finding["says"])
    if report.get("accelerator"):
        yield "guests", f"{report['accelerator']}: {report.get('accelerator_reason') or ''}"
    for name in instruments:
        if told := (report.get("instruments") or {}).get(name):
            yield name, _ability(told)


def _ability(told: Mapping[str, Any]) -> str:
    """What an instrument's role has found out, in words: `version 2.7.0, cannot pace`, or what is missing.

    `told` is a task's result: what the role has to say are the mappings in it.
    """
    words: list[str] = []
    for facts in (value for value in told.values() if isinstance(value, Mapping)):
        for key, value in facts.items():
            name = str(key).replace("_", " ")
            if key == "missing":
                words.append(f"not ready, {value}")
            elif name.startswith("can ") and isinstance(value, bool):
                words.append(name if value else f"cannot {name.removeprefix('can ')}")
            else:
                words.append(f"{name} {value}")
    return ", ".join(words)
