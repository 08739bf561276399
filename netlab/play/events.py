# SPDX-License-Identifier: Apache-2.0
"""What ansible-runner says while a play runs, as typed events; no other file knows runner's dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netlab.play.explain import explain

# Actions that leave nothing on a board which a rollback would undo: they look, or decide what comes next.
# (What `packages` installs stays, by design.)
INERT = frozenset(
    [
        *(
            "assert",
            "fail",
            "debug",
            "validate_argument_spec",
            "require",
            "report",
            "board_info",
            "board_image",
            "packages",
            "lock",
        ),
        *("set_fact", "group_by", "add_host", "meta", "include_role", "include_tasks", "include_vars"),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """`text` is what Ansible itself printed for it, for the log and for --verbose."""

    text: str = ""


@dataclass(frozen=True, kw_only=True)
class PlayStarted(Event):
    name: str


@dataclass(frozen=True, kw_only=True)
class TaskStarted(Event):
    """A task begins on one board; `inert` if it leaves nothing there that a rollback would undo."""

    board: str
    task: str
    inert: bool = False


@dataclass(frozen=True, kw_only=True)
class TaskDone(Event):
    """A task ended well on one board; where `item` is true it was an item of a loop that goes on."""

    board: str
    task: str
    changed: bool
    seconds: float
    result: Mapping[str, Any]
    item: bool = False
    inert: bool = False


@dataclass(frozen=True, kw_only=True)
class TaskSkipped(Event):
    board: str
    task: str


@dataclass(frozen=True, kw_only=True)
class TaskFailed(Event):
    """`unmet`: what the board lacks, in words, if the task is the one that asks what a board can do.
    `refused_by`: who holds the boards, each entry with `boards`, `standing` and `says`, if that is why."""

    board: str
    task: str
    message: str
    seconds: float
    unmet: tuple[str, ...] = ()
    ignored: bool = False
    inert: bool = False
    role: str = ""
    refused_by: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Unreachable(Event):
    board: str
    task: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Diff(Event):
    """What a task changes (or would, in check mode) on one board; `text` is the difference itself."""

    board: str
    task: str


@dataclass(frozen=True, kw_only=True)
class NoBoards(Event):
    """A play's host pattern matched nothing."""


@dataclass(frozen=True, kw_only=True)
class Printed(Event):
    """Something that Ansible printed outside any task: a warning, or why it never came to one."""

    level: str  # "error", "warning" or "plain"


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The recap: tasks by outcome and board."""

    processed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    changed: Mapping[str, int] = field(default_factory=dict)


def from_runner(raw: Mapping[str, Any]) -> Event | None:
    """Runner's event as ours; None for those that nobody here asks about."""
    kind = raw.get("event")
    data = raw.get("event_data") or {}
    text = str(raw.get("stdout") or "").replace("\r\n", "\n")
    task = str(data.get("task") or "")
    board = str(data.get("host") or "")
    result = data.get("res") or {}
    inert = str(data.get("resolved_action", "")).rpartition(".")[2] in INERT
    seconds = float(data.get("duration") or 0.0)
    match kind:
        case "playbook_on_play_start":
            return PlayStarted(name=str(data.get("name", "")), text=text)
        case "playbook_on_no_hosts_matched":
            return NoBoards(text=text)
        case "runner_on_start":
            return TaskStarted(board=board, task=task, inert=inert)
        case "runner_on_ok" | "runner_item_on_ok":
            return TaskDone(
                board=board,
                task=task,
                changed=bool(result.get("changed")),
                seconds=seconds,
                result=result,
                item=kind == "runner_item_on_ok",
                inert=inert,
                text=text,
            )
        case "runner_on_skipped":
            return TaskSkipped(board=board, task=task, text=text)
        case "runner_on_failed":
            return TaskFailed(
                board=board,
                task=task,
                message=explain(result),
                seconds=seconds,
                unmet=tuple(str(message) for message in result.get("unmet") or ()),
                ignored=bool(data.get("ignore_errors")),
                refused_by=tuple(result.get("refused_by") or ()),
                inert=inert or bool(result.get("refused_by")),  # who was refused has done nothing
                role=str(data.get("role") or ""),
                text=text,
            )
        case "runner_on_unreachable":
            return Unreachable(board=board, task=task, message=explain(result), text=text)
        case "runner_on_file_diff":
            return Diff(board=board, task=task, text=text) if text.strip() else None
        case "playbook_on_stats":
            return Finished(
                processed=tuple(data.get("processed") or ()),
                failed=tuple(data.get("failures") or ()),
                unreachable=tuple(data.get("dark") or ()),
                changed=dict(data.get("changed") or {}),
                text=text,
            )
        case "error" | "warning":
            return Printed(level=str(kind), text=text)
        case "EOF" | None:
            return None
        case _:
            return Printed(level="plain", text=text) if text.strip() else None
