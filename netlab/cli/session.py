# SPDX-License-Identifier: Apache-2.0
"""What every command that runs plays has around them: signals, progress, the inventory's path, the boards' locks."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from netlab import settings
from netlab.cli.options import is_claim, is_number
from netlab.errors import Locked
from netlab.inventory import Inventory
from netlab.play import locks
from netlab.play.display import choose
from netlab.play.interrupt import Interrupt
from netlab.play.outcome import Outcome
from netlab.play.perform import Performed, perform
from netlab.play.progress import Progress, seconds
from netlab.play.runner import Listener, Play

WAIT = "wait"
UNLOCK = "unlock"
ROUND = 600.0  # seconds that one play waits; NETLAB_TIMEOUT is for plays that change something


@dataclass(frozen=True)
class Claim:
    """How a command wants the boards that it changes.

    `until`: it holds them over all its plays, from the first until the one of this playbook is over; without it each
    play takes them and gives them back by itself. `wait_s`: how long it waits for boards that somebody else has;
    None: not at all.
    """

    wait_s: float | None = None
    break_lock: bool = False
    until: str | None = None


@dataclass
class Session:
    """Plays over one inventory, while signals are held back until nothing is halfway."""

    inventory: Inventory
    progress: Progress
    interrupt: Interrupt
    claim: Claim = Claim()
    held: locks.Held = field(default_factory=locks.Held)
    unsure: bool = False  # a play was cut off: a task that took a lock may not have come to tell of it
    refused: bool = False  # somebody else has the boards

    def read(self, playbook: str, variables: Mapping[str, Any] | None = None) -> Performed:
        """A play that changes nothing, and so has nothing to roll back."""
        keys = {}
        if self.claim.until is not None:
            first, last = not self.held.boards, playbook == self.claim.until
            keys = {**self._keys(), f"{locks.PREFIX}first": first, f"{locks.PREFIX}last": last}
        return self._waiting(self._play(playbook, {**(variables or {}), **keys}), undo=False)

    def change(
        self,
        playbook: str,
        variables: Mapping[str, Any] | None = None,
        *,
        check: bool = False,
        diff: bool = False,
        undo: bool = True,
        listeners: tuple[Listener, ...] = (),
    ) -> Performed:
        """A play that changes boards, rolled back where it fails."""
        keep = self.claim.until not in (None, playbook)
        keys = {**self._keys(), f"{locks.PREFIX}keep": keep}
        play = self._play(playbook, {**(variables or {}), **keys}, check=check, diff=diff)
        return self._waiting(play, undo=undo, listeners=listeners)

    def remove_all(self) -> Outcome:
        """The destroy play, also after an interrupt: one more press only warns, as in a rollback."""
        with self.interrupt.shielded():
            return self.change("destroy", undo=False).or_raise()

    def give_back(self) -> None:
        """Whatever boards are held still: those of a command that was cut off, or had nothing to change after all."""
        if not self.held.boards and not self.unsure:
            return
        with self.interrupt.shielded():
            play = self._play(UNLOCK, self._keys())
            performed = perform(play, self.progress, self.interrupt, always=(self.held,))
        self.unsure = False
        if performed.error is not None:
            self.progress.note(f"netlab: the boards' locks could not be given back:\n{performed.error}")

    def _waiting(self, play: Play, *, undo: bool, listeners: tuple[Listener, ...] = ()) -> Performed:
        """Runs the play; where somebody else has a board, again, once that one has given it back."""
        end = None if self.claim.wait_s is None else time.monotonic() + self.claim.wait_s
        while True:
            had = bool(self.held.boards)
            performed = perform(
                play, self.progress, self.interrupt, undo=undo, listeners=listeners, always=(self.held,)
            )
            outcome = performed.outcome
            self.unsure |= outcome.begun and outcome.finished is None and locks.takes(play.extravars)
            if not isinstance(performed.error, Locked):
                return performed
            # Boards that were taken from us in the middle are not waited for: what was done on them is lost.
            if had or outcome.touched or end is None or time.monotonic() >= end:
                self.refused = True
                performed.error.hint = remedy(performed.error)
                if self.claim.break_lock and "alive" in performed.error.standings:
                    _say(
                        performed.error,
                        "its holder runs on this machine: such a lock is not broken, end it first",
                    )
                return performed
            self.give_back()  # never wait for a board while others wait for ours
            waited = self._wait(performed.error, end)
            if waited is not None:
                return waited

    def _wait(self, refused: Locked, end: float) -> Performed | None:
        """None once the boards may be tried again, or what came in between."""
        began = time.monotonic()
        self.progress.note(f"netlab: waiting for {_first_line(refused)}")
        longest = min(ROUND, settings.positive(settings.TIMEOUT) / 2)
        while True:
            left = max(0.0, end - time.monotonic())
            keys = {**self._keys(), f"{locks.PREFIX}wait_s": min(longest, left)}
            performed = perform(self._play(WAIT, keys), self.progress, self.interrupt)
            if performed.error is None:
                return None
            if not isinstance(performed.error, Locked):
                return performed
            if time.monotonic() >= end or set(performed.error.standings) == {"gone"}:
                _say(performed.error, f"waited for {seconds(time.monotonic() - began)}")
                self.refused = True
                performed.error.hint = remedy(performed.error)
                return performed

    def _keys(self) -> dict[str, Any]:
        return locks.holder(break_lock=self.claim.break_lock)

    def _play(self, playbook: str, variables: Mapping[str, Any], **modes: bool) -> Play:
        return Play(playbook, str(self.inventory.path), variables, **modes)


def _say(error: Locked, more: str) -> None:
    error.args = (f"{error}\n{more}",)


def _first_line(error: Locked) -> str:
    return str(error).partition("\n")[0]


def remedy(error: Locked, command: str | None = None) -> str:
    """The same command, or this one, with what helps against who has the boards."""
    command = command or shlex.join(["netlab", *_without_claim(sys.argv[1:])])
    if "gone" in error.standings:
        return f"{command} --break-lock   (takes over from a process that is gone)"
    wait = f"{command} --wait   (goes on when it is given back)"
    if "unknown" in error.standings:
        return f"{wait}\n  or {command} --break-lock   (takes it over: ask there first)"
    return wait


def _without_claim(words: Sequence[str]) -> list[str]:
    """The command's words without --wait, its number and --break-lock."""
    pairs = zip(words, ["", *words], strict=False)
    return [
        word for word, before in pairs if not is_claim(word) and not (before == "--wait" and is_number(word))
    ]


@contextmanager
def session(inventory: Inventory, *, verbose: bool, claim: Claim = Claim()) -> Iterator[Session]:
    """From the first play of a command to its last."""
    with Interrupt() as interrupt:
        work = Session(inventory, choose(verbose=verbose), interrupt, claim)
        try:
            yield work
        finally:
            work.give_back()
