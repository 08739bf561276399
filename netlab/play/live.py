# SPDX-License-Identifier: Apache-2.0
"""Progress on a terminal: one line that moves (play, board, task, elapsed), and a bar over the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO, cast

from rich.console import Console, Group
from rich.live import Live as Display
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column

from netlab.play.events import Event, PlayStarted, TaskDone, TaskFailed, TaskSkipped, TaskStarted
from netlab.play.progress import Progress, time_left
from netlab.report.text import printable


class Live(Progress):
    """Nothing scrolls but what stays: a trial's figures, a task that failed."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.console = Console(file=cast("TextIO", self.stream), highlight=False)
        self.bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.fields[verb]}", style="bold", markup=False, table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            # The only one to be cut off where the terminal is narrow.
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
            console=self.console,
            expand=True,
        )
        self.measured = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=self.console,
        )
        self.play = ""
        self.line: Any = None
        self.bar: Any = None
        self.boards: dict[str, str] = {}
        self.live: Any = None

    def begin(self, verb: str, *, check: bool = False) -> None:
        super().begin(verb, check=check)
        self.boards.clear()
        self.play = ""
        self.line = self.bars.add_task("starting", total=None, verb=verb)
        self.live = Display(
            Group(self.bars, self.measured), console=self.console, transient=True, refresh_per_second=8
        )
        self.live.start()

    def end(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None
        if self.line is not None:
            self.bars.remove_task(self.line)
            self.line = None

    def expect_trials(
        self,
        planned: Sequence[Mapping[str, Any]],
        before: int = 0,
        *,
        expected: Mapping[int, float] | None = None,
        retries: int = 0,
    ) -> None:
        super().expect_trials(planned, before, expected=expected, retries=retries)
        assert self.trials is not None
        self.bar = self.measured.add_task(
            self.trials.now(), total=self.trials.total, completed=before, left=time_left(self.trials)
        )

    def _moved(self) -> None:
        if self.trials is not None and self.bar is not None:
            self.measured.update(
                self.bar,
                completed=self.trials.done,
                description=self.trials.now(),
                left=time_left(self.trials),
            )

    def skip_trial(self, trial: Mapping[str, Any]) -> None:
        super().skip_trial(trial)
        self._moved()

    def note(self, line: str) -> None:
        self.console.print(printable(line), markup=False, soft_wrap=True)

    def event(self, event: Event) -> None:
        super().event(event)
        match event:
            case PlayStarted():
                self.play = event.name
            case TaskStarted() if not event.inert:
                self.boards[event.board] = event.task
            case TaskSkipped():
                self.boards.pop(event.board, None)
            case TaskDone() if not event.item:
                self.boards.pop(event.board, None)
            case TaskFailed():
                self.boards.pop(event.board, None)
                if not event.ignored:
                    self.note(f"{self.verb:<9} {event.board}  {event.task}  FAILED")
            case _:
                pass
        self._moved()
        if self.line is not None:
            self.bars.update(self.line, description=self._now())

    def _now(self) -> str:
        """`Datapath  board1, board2: Guests run`: the play, and each task with the boards that are at it."""
        at: dict[str, list[str]] = {}
        for board, task in self.boards.items():
            at.setdefault(task, []).append(board)
        return "  ".join([self.play, *(f"{', '.join(boards)}: {task}" for task, boards in at.items())])
