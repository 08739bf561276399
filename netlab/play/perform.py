# SPDX-License-Identifier: Apache-2.0
"""Runs a play and, where it fails halfway, the play that undoes it; the error says both.

the play ended as           boards touched?   what follows
successful                                    nothing
failed, timeout, canceled   yes               netlab.testbed.rollback over the same inventory
failed, timeout, canceled   no                nothing: the boards are as they were
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netlab.collection import inventory_option
from netlab.errors import Locked, NetlabError
from netlab.play import locks, logs
from netlab.play.interrupt import Interrupt
from netlab.play.outcome import Outcome
from netlab.play.progress import Progress
from netlab.play.runner import Listener, Play, run

ROLLBACK = "rollback"


@dataclass(frozen=True)
class Performed:
    """How a play went, and the error that it amounts to, if any."""

    outcome: Outcome
    error: NetlabError | None

    def or_raise(self) -> Outcome:
        if self.error is not None:
            raise self.error
        return self.outcome


def perform(
    play: Play,
    progress: Progress,
    interrupt: Interrupt,
    *,
    undo: bool = False,
    listeners: Sequence[Listener] = (),
    always: Sequence[Listener] = (),
) -> Performed:
    """Runs `play`; with `undo`, one that failed after touching a board is rolled back as well.

    `always` are told of the rollback too.
    """
    outcome = _shown(play, progress, interrupt, [*listeners, *always])
    error = outcome.error()
    if error is not None:
        if not isinstance(error, Locked):  # which says all there is to say
            _say_log(error, outcome)
        if undo and not play.check:
            _add(error, *_rolled_back(play, outcome, progress, interrupt, always))
    return Performed(outcome, error)


def _shown(
    play: Play, progress: Progress, interrupt: Interrupt, listeners: Sequence[Listener] = ()
) -> Outcome:
    progress.begin(play.playbook, check=play.check)
    try:
        return run(play, [progress, *listeners], interrupt)
    finally:
        progress.end()


def _rolled_back(
    play: Play, failed: Outcome, progress: Progress, interrupt: Interrupt, always: Sequence[Listener]
) -> tuple[str, str | None]:
    """What became of the boards, in words, and the command that helps if that is not enough."""
    if not failed.touched:
        return "nothing was changed on any board", None
    with interrupt.shielded():
        undoing = Play(ROLLBACK, play.inventory, locks.variables(play.extravars))
        outcome = _shown(undoing, progress, interrupt, always)
    error = outcome.error()
    if error is None:
        return "rolled back: all that netlab had changed on the boards is undone", None
    _say_log(error, outcome)
    left = f"netlab destroy{inventory_option(play.inventory)}   (removes what is left, by the record on each board)"
    if outcome.status == "canceled":
        return "the rollback was stopped before its end", left
    return f"the rollback failed as well:\n{error}", left


def _say_log(error: NetlabError, outcome: Outcome) -> None:
    if outcome.status not in ("canceled", "successful") and (log := logs.keep(outcome)):
        _add(error, f"full log: {log}", None)


def _add(error: NetlabError, text: str, hint: str | None) -> None:
    error.args = (f"{error}\n{text}",)
    error.hint = hint or error.hint
