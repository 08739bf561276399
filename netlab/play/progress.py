# SPDX-License-Identifier: Apache-2.0
"""Progress on stderr: live on a terminal, plain lines elsewhere, Ansible's own words with --verbose."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO

from netlab.play.events import Event, TaskDone, TaskFailed, TaskSkipped, TaskStarted
from netlab.play.outcome import trial_of
from netlab.play.runner import Listener
from netlab.report.text import printable

SHORT = 0.1  # seconds; a task that changed nothing in less time than that is not worth a line
HABIT = 20.0  # seconds; see Trials.left_s
PATIENCE = (10.0, 30.0)  # seconds until a task that still runs says so, and then between two such lines


@dataclass
class Trials:
    """How far a measurement is. With several duts a trial has a result from each, and counts once.

    `expected`: seconds that each trial takes, with what comes before it; what is left of them is corrected by
    how long the trials so far really took.
    """

    planned: Sequence[Mapping[str, Any]]  # what is to be measured now, in order
    before: int = 0  # trials that an earlier call measured
    expected: Mapping[int, float] = field(default_factory=dict)
    retries: int = 0  # how often one that failed is tried again
    clock: Callable[[], float] = time.monotonic
    seen: set[int] = field(default_factory=set)
    failed: Counter[tuple[int, str]] = field(default_factory=Counter)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def total(self) -> int:
        return self.before + len(self.planned)

    @property
    def done(self) -> int:
        return self.before + len(self.seen)

    def take(self, trial: Mapping[str, Any]) -> None:
        """One result is there. One that failed does not count as done while it will be tried again."""
        if trial.get("status") == "failed":
            key = (trial["order"], str(trial.get("board")))
            self.failed[key] += 1
            if self.failed[key] <= self.retries:
                return
        self.seen.add(trial["order"])

    def left_s(self) -> float | None:
        """Seconds until the last trial is done; None where nobody knows."""
        if not self.expected:
            return None
        spent = sum(self.expected.get(order, 0.0) for order in self.seen)
        left = sum(self.expected.values()) - spent
        # The estimate counts for as much as HABIT seconds of experience do.
        pace = (self.clock() - self.began + HABIT) / (spent + HABIT)
        return max(0.0, left * pace)

    def now(self) -> str:
        """The trial that is next to end, in words."""
        waiting = {order for order, _ in self.failed}  # for the end of their block
        left = [trial for trial in self.planned if trial["order"] not in self.seen]
        trial = next((trial for trial in left if trial["order"] not in waiting), next(iter(left), None))
        return f"block {trial['block']}  {_what(trial)}" if trial else "measured"


class Unbreakable:
    """A stream whose terminal may go away: what runs on the boards still has to be brought to an end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Progress(Listener):
    """What every kind of display has: the verb of the play that runs, and lines that stay."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = Unbreakable(sys.stderr if stream is None else stream)
        self.verb = ""
        self.check = False
        self.trials: Trials | None = None

    def begin(self, verb: str, *, check: bool = False) -> None:
        """A play is about to start; `verb` is what the user would call it. With `check` it changes nothing."""
        self.verb = verb
        self.check = check

    def end(self) -> None:
        """The play is over."""

    def expect_trials(
        self,
        planned: Sequence[Mapping[str, Any]],
        before: int = 0,
        *,
        expected: Mapping[int, float] | None = None,
        retries: int = 0,
    ) -> None:
        """A measurement begins: what it will measure, how many trials an earlier call did, what each takes."""
        self.trials = Trials(planned, before, expected or {}, retries)

    def skip_trial(self, trial: Mapping[str, Any]) -> None:
        """A trial that will not be measured, and why."""
        if self.trials is not None:
            self.trials.take(trial)
            self.note(trial_line(self.trials, trial, None))

    def note(self, line: str) -> None:
        """A line that stays."""
        self.stream.write(printable(line) + "\n")  # of a board, or a guest, in part
        self.stream.flush()

    def event(self, event: Event) -> None:
        if self.trials is not None and isinstance(event, TaskDone) and (trial := trial_of(event)):
            self.trials.take(trial)
            self.note(trial_line(self.trials, trial, measured_s(trial) or event.seconds))

    def interrupted(self, *, warned: bool) -> None:
        if warned:
            self.note(
                f"netlab: {self.verb} is running, so that nothing is left halfway; one more Ctrl-C stops it, "
                "and leaves on the boards what `netlab destroy` then removes"
            )
        else:
            self.note(f"netlab: interrupted: stopping {self.verb} ...")


class Lines(Progress):
    """For logs and pipes: `deploy  board1  Guests run  1.2 s`, once a task is over."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.running: dict[str, tuple[str, float, float]] = {}  # board: task, since, when to say so

    def event(self, event: Event) -> None:
        super().event(event)
        match event:
            case TaskStarted() if not event.inert:
                now = time.monotonic()
                self.running[event.board] = (event.task, now, now + PATIENCE[0])
            case TaskDone() if not event.item:
                self.running.pop(event.board, None)
                if self._telling(event):
                    what = "would change" if self.check else seconds(event.seconds)
                    self._line(event.board, event.task, what)
            case TaskSkipped():
                self.running.pop(event.board, None)
            case TaskFailed():
                self.running.pop(event.board, None)
                if not event.ignored:
                    self._line(event.board, event.task, f"FAILED after {seconds(event.seconds)}")
            case _:
                pass

    def _telling(self, event: TaskDone) -> bool:
        # Of a task that only looks in check mode, a line would read as if it had done what it is called.
        took = event.seconds >= SHORT and not event.inert and not self.check
        return (event.changed or took) and not trial_of(event)

    def tick(self) -> None:
        now = time.monotonic()
        for board, (task, since, due) in self.running.items():
            if now >= due:
                self._line(board, task, f"... {seconds(now - since)} so far")
                self.running[board] = (task, since, now + PATIENCE[1])

    def end(self) -> None:
        self.running.clear()

    def _line(self, board: str, task: str, what: str) -> None:
        self.note(f"{self.verb:<9} {board:<10} {task}  {what}")


class Verbatim(Progress):
    """Everything that Ansible prints, as it prints it."""

    def event(self, event: Event) -> None:
        super().event(event)
        if event.text:
            self.note(event.text)


def measured_s(trial: Mapping[str, Any]) -> float | None:
    """How long the measurement itself took; the task that tells of it may be another one."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        ended, began = (datetime.fromisoformat(trial[key]) for key in ("finished", "started"))
        return (ended - began).total_seconds()
    return None


def trial_line(trials: Trials, trial: Mapping[str, Any], took: float | None) -> str:
    """One measured trial in one line."""
    metrics = trial.get("metrics") or {}
    middle = metrics.get("p50_us", metrics.get("mean_us"))
    figure = f"p50 {middle:.1f} us" if isinstance(middle, int | float) and "p50_us" in metrics else ""
    status = str(trial.get("status", ""))
    why = str(trial.get("reason") or "").partition("\n")[0]
    parts = (
        f"{trials.done:>3}/{trials.total}",
        f"block {trial.get('block')}",
        _what(trial),
        str(trial.get("board") or ""),
        figure,
        f"{status}: {why}" if why else status,
        seconds(took) if took is not None else "",
        time_left(trials),
    )
    return "bench     " + "  ".join(part for part in parts if part)


def _what(trial: Mapping[str, Any]) -> str:
    again = " (again)" if trial.get("replica", 1) > 1 else ""  # the second half of the A/A pair
    words = (
        f"{trial.get('topology', '')}{again}",
        f"{trial.get('scenario', '')} {trial.get('condition') or ''}".strip(),
        str(trial.get("instrument", "")),
    )
    return "  ".join(words)


def time_left(trials: Trials) -> str:
    """`about 2 min 30 s left`; nothing where it is not known or all is done."""
    left = trials.left_s()
    return f"about {about(left)} left" if left and trials.done < trials.total else ""


def about(took: float) -> str:
    """Rounded as far as an estimate is worth."""
    step = 1 if took < 20 else 5 if took < 120 else 30 if took < 1800 else 300
    return seconds(float(max(step, round(took / step) * step)))


def seconds(value: float) -> str:
    """0.4 s, 12 s, 2 min 5 s, 3 h 20 min."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 100:
        return f"{value:.0f} s"
    if value < 7200:
        return f"{int(value) // 60} min {int(value) % 60} s"
    return f"{int(value) // 3600} h {int(value) % 3600 // 60} min"
