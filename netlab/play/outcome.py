# SPDX-License-Identifier: Apache-2.0
"""How a play went, gathered from its events, and the error that it amounts to."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlab.collection import inventory_option
from netlab.errors import (
    BoardUnreachable,
    Interrupted,
    InvalidInput,
    Locked,
    NetlabError,
    NotSupported,
    PlayFailed,
)
from netlab.play import unreachable
from netlab.play.events import (
    Event,
    Finished,
    Printed,
    TaskDone,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    Unreachable,
)

BULK = ("raw", "samples")  # of a trial
REPORT_KEY = "testbed_report"  # a task's result with this key is what the play has to say about its board


def trial_of(event: Event) -> dict[str, Any] | None:
    """The measured trial that a task's result carries as `trial`, with its board.

    One without a status is not a result: a loop over trials shows each of them under the same key.
    """
    trial = event.result.get("trial") if isinstance(event, TaskDone) else None
    if isinstance(event, TaskDone) and isinstance(trial, Mapping) and "status" in trial:
        return {"board": event.board, **trial}
    return None


def image_of(event: Event) -> tuple[str, dict[str, Any]] | None:
    """What a board's guests boot, which a task's result carries as `hash` and `recipe`; with the board."""
    result = event.result if isinstance(event, TaskDone) else {}
    if isinstance(event, TaskDone) and isinstance(result.get("recipe"), Mapping) and "hash" in result:
        return event.board, {"hash": result["hash"], "recipe": result["recipe"]}
    return None


def facts_of(event: TaskDone) -> dict[str, Any] | None:
    """What the board is made of, which a task's result carries as `board`."""
    facts = event.result.get("board")
    return dict(facts) if isinstance(facts, Mapping) and "kernel" in facts else None


@dataclass
class Outcome:
    """`status` is runner's ("successful", "failed"), or "canceled" or "timeout" where we stopped the play."""

    play: str
    inventory: str
    status: str = "failed"
    seconds: float = 0.0
    limit: int = 0
    log_text: str = ""
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    trials: list[dict[str, Any]] = field(default_factory=list)
    failures: list[TaskFailed] = field(default_factory=list)
    unreachable: list[Unreachable] = field(default_factory=list)
    printed: list[Printed] = field(default_factory=list)
    finished: Finished | None = None
    changed: int = 0  # tasks that changed something, over all boards
    broken: Exception | None = None  # what a listener raised, for which the play was stopped
    undoable: int = 0  # of those, the ones that a rollback would undo
    running: dict[str, TaskStarted] = field(default_factory=dict)  # by board: begun, and no end heard of
    begun: bool = False  # at least one task was started on a board

    def add(self, event: Event) -> None:
        """Takes one event in."""
        match event:
            case TaskStarted():
                self.begun = True
                self.running[event.board] = event
            case TaskDone():
                self._done(event)
            case TaskFailed():
                self.running.pop(event.board, None)
                if not event.ignored:
                    self.failures.append(event)
            case TaskSkipped():
                self.running.pop(event.board, None)
            case Unreachable():
                self.running.pop(event.board, None)
                self.unreachable.append(event)
            case Printed():
                self.printed.append(event)
            case Finished():
                self.finished = event
                # Of a task that was rescued the recap knows nothing, and the reader should not either.
                self.failures = [failure for failure in self.failures if failure.board in event.failed]
            case _:
                pass

    def _done(self, event: TaskDone) -> None:
        if not event.item:
            self.running.pop(event.board, None)
            self.changed += event.changed
            self.undoable += (event.changed or bool(event.result.get("undoable"))) and not event.inert
        report = event.result.get(REPORT_KEY) or (event.result.get("ansible_facts") or {}).get(REPORT_KEY)
        if isinstance(report, Mapping):
            self.reports[event.board] = dict(report)
        if facts := facts_of(event):
            self.facts[event.board] = facts
        if trial := trial_of(event):  # its bulk is on disk by now, and there may be many
            self.trials.append({key: value for key, value in trial.items() if key not in BULK})

    @property
    def touched(self) -> bool:
        """Whether anything on any board may be other than before the play, in a way that can be undone."""
        halfway = [*self.failures, *(self.running.values() if self.finished is None else ())]
        return self.undoable > 0 or any(not task.inert for task in halfway)

    @property
    def unmet(self) -> list[str]:
        """What the boards lack, each with its board; empty if that is not why the play failed."""
        if not self.failures or any(not failure.unmet for failure in self.failures):
            return []
        return [f"{failure.board}: {message}" for failure in self.failures for message in failure.unmet]

    def error(self) -> NetlabError | None:
        """The error that this outcome amounts to; None for a play that did what it was for."""
        if self.broken is not None:
            return self.broken if isinstance(self.broken, NetlabError) else PlayFailed(_words(self.broken))
        if self.status == "canceled":
            return Interrupted(f"{self.play} was interrupted")
        if self.status == "timeout":
            return PlayFailed(
                f"{self.play} was stopped: it ran for more than {self.limit} s",
                hint=f"NETLAB_TIMEOUT={2 * self.limit} netlab ...   gives it twice the time",
            )
        if self.status == "successful":
            if self.finished is None or not self.finished.processed:
                return InvalidInput(
                    f"{self.inventory}: no board of it has a part in {self.play}",
                    hint="put at least one board into the group duts and one into the group peers",
                )
            return None
        if refused := [entry for failure in self.failures for entry in failure.refused_by]:
            return _locked(refused)
        again = inventory_option(self.inventory)
        if self.unmet:
            asked = self.play.endswith(".check")
            why = "once that is set right" if asked else "what each board can do, and why not"
            return NotSupported("\n".join(self.unmet), hint=f"netlab check{again}   ({why})")
        if self.failures:
            return PlayFailed("\n".join(_failure(failure) for failure in self.failures))
        if self.unreachable:
            events = sorted(self.unreachable, key=lambda event: event.board)
            return BoardUnreachable(
                "\n".join(
                    f"{event.board} cannot be reached: {unreachable.says(event.message)}" for event in events
                ),
                hint=f"{_ansible()} -i {shlex.quote(self.inventory)} all -m ping   (is it up, and does SSH sign in?)",
            )
        when = "in the middle" if self.begun else "before the first task"
        return PlayFailed(f"Ansible ended {when} of {self.play}:\n{self._said()}")

    def _said(self) -> str:
        errors = [event.text.strip() for event in self.printed if event.level == "error"]
        plain = [
            event.text.rstrip() for event in self.printed if event.level == "plain" and event.text.strip()
        ]
        return "\n".join(errors or plain[-12:]) or "it gave no reason"


def _ansible() -> str:
    """The program as the user has to call it: in a virtual environment that is not activated, by its path."""
    beside = Path(sys.executable).parent / "ansible"
    return "ansible" if shutil.which("ansible") or not beside.exists() else shlex.quote(str(beside))


def _locked(refused: Sequence[Mapping[str, Any]]) -> Locked:
    """Boards of one machine are refused by one task, or by one each that says the same."""
    boards: dict[str, set[str]] = {}
    standings: dict[str, str] = {}
    for entry in refused:
        boards.setdefault(str(entry["says"]), set()).update(entry["boards"])
        standings[str(entry["says"])] = str(entry["standing"])
    lines = [f"{', '.join(sorted(names))}: {says}" for says, names in boards.items()]
    return Locked("\n".join(lines), standings=list(standings.values()))


def _words(error: Exception) -> str:
    kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
    return f"{kind}{error}"


def _failure(failure: TaskFailed) -> str:
    role = f" of the role {failure.role}" if failure.role else ""
    indented = failure.message.replace("\n", "\n  ")
    return f"{failure.board}: the task '{failure.task}'{role} failed:\n  {indented}"
