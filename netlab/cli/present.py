# SPDX-License-Identifier: Apache-2.0
"""What the boards reported, for people; the plays' `testbed_report` is what it is made from."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from netlab.cli import output
from netlab.inventory import Inventory
from netlab.play.events import Diff, Event
from netlab.play.outcome import Outcome
from netlab.play.progress import seconds
from netlab.play.runner import Listener

# What a diff has besides its lines, and says nothing to whom it is printed for.
FRAME = ("--- before", "+++ after", "@@ ")

Reports = Mapping[str, Mapping[str, Any]]


class Diffs(Listener):
    """Prints what each task changes, or would change, on each board; as it happens."""

    def event(self, event: Event) -> None:
        if not isinstance(event, Diff):
            return
        told = (line for line in event.text.splitlines() if line.strip() and not line.startswith(FRAME))
        lines = "".join(f"    {line}\n" for line in told)
        with contextlib.suppress(BrokenPipeError):  # `| head` must not stop a deploy halfway
            output.line(f"{event.board}: {event.task}\n{lines}")


def deployment(topology: str, outcome: Outcome, *, check: bool) -> None:
    """The guests with their addresses, then one line that sums up."""
    guests = [
        [board, guest.get("name"), guest.get("address")]
        for board, report in sorted(outcome.reports.items())
        for guest in report.get("guests") or []
    ]
    if guests and not check:
        output.table(["board", "guest", "address"], guests)
        output.line()
    boards = output.plural(len(outcome.reports) or len(_processed(outcome)), "board")
    if check:
        output.line(f"{topology} on {boards}: {outcome.changed} would be changed; nothing was")
        return
    carried = f"{boards}, {output.plural(len(guests), 'guest')}"
    output.line(f"{topology} is deployed on {carried}: {outcome.changed} changed, {seconds(outcome.seconds)}")


def destruction(outcome: Outcome) -> None:
    """What is left, or that nothing is; what others changed meanwhile is told as that."""
    left = residue(outcome.reports)
    for board, entry in left:
        why = f" ({entry['why']})" if entry["why"] else ""
        output.line(f"{board}: {entry['what']}{why}")
    boards = output.plural(len(_processed(outcome)), "board")
    ours = sum(not entry["why"] for _, entry in left)
    what = f"{output.plural(ours, 'trace')} of netlab left" if ours else "nothing of netlab is left"
    output.line(f"{what} on {boards}: {outcome.changed} changed, {seconds(outcome.seconds)}")


def residue(reports: Reports) -> list[tuple[str, Mapping[str, str]]]:
    """What is not as it was before the first change, by board; none of boards where nothing was deployed."""
    return [
        (board, entry) for board, report in sorted(reports.items()) for entry in report.get("residue") or []
    ]


def status(outcome: Outcome, inventory: Inventory) -> None:
    """A line a board, and a line more for each guest after its first."""
    unreachable = {event.board for event in outcome.unreachable}
    keys = ("topology", "state", "accelerator", "libvirt")
    rows: list[list[Any]] = []
    for board in inventory.boards:
        report = outcome.reports.get(board)
        if report is None or report.get("state") == "not up":
            why = "unreachable" if board in unreachable else "not up"
            rows.append([board, None, why, None, None, None])
            continue
        guests = [_guest(guest) for guest in report.get("guests") or []] or ["-"]
        rows.append([board, *(report.get(key) or None for key in keys), guests[0]])
        rows += [[*[""] * (1 + len(keys)), guest] for guest in guests[1:]]
    output.table(["board", *keys, "guests"], rows)
    drifted = [
        f"{board} has drifted: {words}"
        for board in inventory.boards
        for words in (outcome.reports.get(board) or {}).get("drift") or []
    ]
    for text in [""] * bool(drifted) + drifted:
        output.line(text)
    if drifted:
        output.line("the next `netlab deploy` mends it")
    held = {
        board: lock for board in inventory.boards if (lock := (outcome.reports.get(board) or {}).get("lock"))
    }
    for text in [""] * bool(held) + [f"{board} is {_lock(lock)}" for board, lock in held.items()]:
        output.line(text)


def _lock(lock: Mapping[str, Any]) -> str:
    return f"{lock['says']}{' (stale)' if lock.get('stale') else ''}"


def abilities(outcome: Outcome, topologies: Sequence[str], instruments: Sequence[str]) -> None:
    """Boards by topologies, then the reason for each that a board cannot carry, then what its instruments
    can do and what runs its guests."""
    reports = sorted(outcome.reports.items())
    cannot = {board: report.get("topologies") or {} for board, report in reports}
    rows = [
        [name, *("can" if not cannot[board].get(name) else "cannot" for board, _ in reports)]
        for name in topologies
    ]
    output.table(["topology", *(board for board, _ in reports)], rows)
    lines = [
        f"{board} cannot carry {name}: {message}"
        for board, _ in reports
        for name in topologies
        for message in cannot[board].get(name) or []
    ]
    lines += [
        f"{name} on {board}: {_ability(told)}"
        for board, report in reports
        for name in instruments
        if (told := (report.get("instruments") or {}).get(name))
    ]
    lines += [
        f"{board} runs guests with {report['accelerator']}: {report.get('accelerator_reason', '')}"
        for board, report in reports
        if report.get("accelerator")
    ]
    for text in [""] * bool(lines) + lines:
        output.line(text)


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


def as_json(name: str, outcome: Outcome, inventory: Inventory | None = None) -> None:
    """What each board reported, and which could not be asked; those of `inventory` that are not up say so."""
    unreachable = {event.board: event.message for event in outcome.unreachable}
    silent = set(inventory.boards if inventory else ()) - set(outcome.reports) - set(unreachable)
    down = {board: {"state": "not up"} for board in sorted(silent)} if outcome.finished else {}
    output.as_json({"inventory": name, "boards": {**outcome.reports, **down}, "unreachable": unreachable})


def _guest(guest: Mapping[str, Any]) -> str:
    return " ".join(str(guest[key]) for key in ("name", "address", "state") if guest.get(key))


def _processed(outcome: Outcome) -> Sequence[str]:
    return [
        board for board in (outcome.finished.processed if outcome.finished else ()) if board != "localhost"
    ]
