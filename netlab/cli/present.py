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
    undone = {
        board: report
        for board in inventory.boards
        if (report := outcome.reports.get(board) or {}).get("rolled_back")
    }
    for text in [""] * bool(undone) + [f"{board} {_rolled_back(report)}" for board, report in undone.items()]:
        output.line(text)
    held = {
        board: lock for board in inventory.boards if (lock := (outcome.reports.get(board) or {}).get("lock"))
    }
    for text in [""] * bool(held) + [f"{board} is {_lock(lock)}" for board, lock in held.items()]:
        output.line(text)


def _rolled_back(report: Mapping[str, Any]) -> str:
    return (
        f"rolled back by itself at {report['rolled_back']}, since the controller did not confirm "
        f"within {report.get('within_s', 0):g} s that it still reached the board"
    )


def _lock(lock: Mapping[str, Any]) -> str:
    return f"{lock['says']}{' (stale)' if lock.get('stale') else ''}"


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
