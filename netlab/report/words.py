# SPDX-License-Identifier: Apache-2.0
"""What the figures are, where they come from and what they do not mean, in sentences."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlab.report.environment import Board
from netlab.report.row import Row
from netlab.report.source import Source
from netlab.report.surroundings import Surroundings
from netlab.report.text import one_line

NAMED = 5  # causes that a note lists
STATUSES = ("ok", "failed", "skipped")


@dataclass(frozen=True)
class Note:
    """A paragraph, its heading, and a command to copy. `caution`: who quotes a figure without it is wrong."""

    title: str
    text: str
    caution: bool = False
    command: str = ""


def notes(
    source: Source,
    rows: Sequence[Row],
    outcomes: Sequence[Mapping[str, Any]],
    boards: Sequence[Board],
    counts: Mapping[str, int],
    around: Surroundings,
) -> Iterator[Note]:
    """The paragraphs under a table, in reading order."""
    good = [line for line in outcomes if line["status"] == "ok"]
    yield from _state(source, counts)
    yield from _changed(around)
    yield _what(good)
    if good:
        yield Note("How runs become a row", _how(rows, good))
    yield Note("Where", _where(boards))
    doubts = list(_doubts(boards, rows))
    if doubts:
        yield Note("What they do not mean", " ".join(doubts), caution=True)


def _state(source: Source, counts: Mapping[str, int]) -> Iterator[Note]:
    if counts["ok"] == counts["planned"] and source.state == "complete":
        return
    lost = [f"{counts[status]} {status}" for status in ("failed", "skipped") if counts[status]]
    left = counts["planned"] - sum(counts[status] for status in STATUSES)
    if left:
        lost.append(f"{left} not run")
    text = "; ".join([f"{counts['ok']} of {counts['planned']} trials were measured", *lost]) + "."
    command = ""
    if source.state == "running":
        text += " The run is still going on."
    elif left or counts["skipped"]:
        text += " What is missing can still be measured:"
        command = f"netlab bench --resume {source.name}"
    yield Note("Incomplete", text, caution=True, command=command)


def _changed(around: Surroundings) -> Iterator[Note]:
    """What else than the datapath could explain a figure."""
    if around.drift:
        left = len(around.drift) - NAMED
        more = f"; and {left} more, in the HTML report" if left > 0 else ""
        told = "; ".join(around.drift[:NAMED])
        yield Note("Changed while it was measured", f"{told}{more}.", caution=True)
    if around.unquiet:
        blocks = ", ".join(dict.fromkeys(one.block for one in around.unquiet))
        several = "s" if "," in blocks else ""
        text = f"The machine was busy when block{several} {blocks} began."
        yield Note("Not quiet", text, caution=True)


def _what(good: Sequence[Mapping[str, Any]]) -> Note:
    title = "What they are"
    if not good:
        return Note(title, "No trial was measured: there are no figures.")
    text = "Round trips in microseconds, there and back, never halved."
    pacing = sorted({one_line(line["pacing"]) for line in good if line.get("pacing")})
    text += (
        f" Pacing: {'; '.join(pacing)}."
        if pacing
        else " Whether they were paced, the instrument did not say."
    )
    ran = next((line for line in good if line.get("command")), None)
    if ran is None:
        return Note(title, text)
    text += f" The command of trial {ran['order']} ({ran['topology']}):"
    return Note(title, text, command=one_line(shlex.join(str(word) for word in ran["command"])))


def _how(rows: Sequence[Row], good: Sequence[Mapping[str, Any]]) -> str:
    runs = sorted({row.runs for row in rows if row.runs})
    if runs == [1]:
        return (
            "Each row is a single run, so nothing is known of how runs differ: no difference between rows is "
            "resolved. More blocks (--blocks) give more runs."
        )
    own = (
        f"Each row is {_counted(runs)} runs: min and max over all of them; avg, stddev and trans/s as over all "
        f"transactions together; {_percentiles(good)} (percentiles are never averaged)."
    )
    said = [own]
    if any(row.p50_ci for row in rows):
        said.append("Intervals are 95 %, by bootstrap over the runs.")
    if any(row.difference and row.difference.shift_us is not None for row in rows):
        said.append(
            "The shift is the Hodges-Lehmann estimate of the difference from the baseline, paired by block; delta "
            "is Cliff's: +1 where every run is above every one of the baseline's, 0 where they are alike."
        )
    else:
        said.append(
            "A difference between rows that is smaller than that between runs of one row is not resolved."
        )
    return " ".join(said)


def _counted(runs: Sequence[int]) -> str:
    if len(runs) == 1:
        return str(runs[0])
    return f"{runs[0]} to {runs[-1]}" if runs[0] + 1 < runs[-1] else f"{runs[0]} or {runs[-1]}"


def _percentiles(good: Sequence[Mapping[str, Any]]) -> str:
    sampled = [bool(line.get("samples")) for line in good]
    if all(sampled):
        return "p50, p90 and p99 of all samples together"
    own = "p50, p90 and p99 the median of the runs' own percentiles"
    return f"{own}, or of all samples together where the instrument gives them" if any(sampled) else own


def _where(boards: Sequence[Board]) -> str:
    if not boards:
        return "Nothing is known of the boards: no facts were stored."
    parts = [_kind(boards)]
    parts += [
        f"{board.name} is emulated: its machine is {one_line(board.machine)}."
        for board in boards
        if board.machine
    ]
    systems = dict.fromkeys(
        ", ".join(filter(None, (board.arch, board.kernel and f"Linux {board.kernel}", board.os)))
        for board in boards
    )
    systems.pop("", None)
    if systems:
        parts.append(f"{'; '.join(systems)}.")
    parts += [_guests_run(board) for board in boards if board.accelerator]
    return " ".join(parts)


def _kind(boards: Sequence[Board]) -> str:
    names = " and ".join(_role(board) for board in boards)
    kinds = {board.local for board in boards}
    if None in kinds:
        return f"{names}; what kind of boards these are was not stored."
    if kinds == {True}:
        return f"{names}: local boards, containers of Linux namespaces on one machine, wired by a veth pair."
    if kinds == {False}:
        unknown = all(board.machine is None for board in boards)
        more = "; nothing was stored that tells an emulated board from a real one" if unknown else ""
        return f"{names}, over the network{more}."
    local = ", ".join(board.name for board in boards if board.local)
    return f"{names}; {local} in namespaces of the controlling machine, the others over the network."


def _role(board: Board) -> str:
    return f"{board.name} ({', '.join(board.roles)})" if board.roles else board.name


def _guests_run(board: Board) -> str:
    under = {
        "tcg": "under TCG (QEMU's software emulation of a CPU)",
        "kvm": "under KVM (the CPU runs them)",
    }.get(board.accelerator, f"under {board.accelerator}")
    why = f": {one_line(board.reason).rstrip('.')}" if board.reason else ""
    return f"Guests of {board.name} run {under}{why}."


def _doubts(boards: Sequence[Board], rows: Sequence[Row]) -> Iterator[str]:
    local = bool(boards) and all(board.local for board in boards)
    if any(board.accelerator == "tcg" for board in boards):
        yield (
            "Microseconds under TCG say nothing about hardware: every instruction of a guest is emulated, "
            "and even the order of the datapaths may be another on a real board."
        )
    if emulated := [board.name for board in boards if board.machine]:
        yield (
            f"Microseconds of {' and '.join(emulated)} say nothing about hardware: the board itself is emulated. "
            "That its paths work is what they show."
        )
    if local:
        yield "No NIC, driver or cable has a part in them: a veth pair has no interrupts and no coalescing."
    if any(row.runs for row in rows):
        yield "They are round trips at this load; they bound no worst case."
