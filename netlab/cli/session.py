# SPDX-License-Identifier: Apache-2.0
"""What every command that runs plays has around them: signals, progress, the inventory's path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from netlab.inventory import Inventory
from netlab.play.interrupt import Interrupt
from netlab.play.outcome import Outcome
from netlab.play.perform import Performed, perform
from netlab.play.progress import Progress, choose
from netlab.play.runner import Listener, Play


@dataclass(frozen=True)
class Session:
    """Plays over one inventory, while signals are held back until nothing is halfway."""

    inventory: Inventory
    progress: Progress
    interrupt: Interrupt

    def read(self, playbook: str, variables: Mapping[str, Any] | None = None) -> Performed:
        """A play that changes nothing, and so has nothing to roll back."""
        return perform(self._play(playbook, variables), self.progress, self.interrupt)

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
        play = self._play(playbook, variables, check=check, diff=diff)
        return perform(play, self.progress, self.interrupt, undo=undo, listeners=listeners)

    def remove_all(self) -> Outcome:
        """The destroy play, also after an interrupt: one more press only warns, as in a rollback."""
        with self.interrupt.shielded():
            return self.change("destroy", undo=False).or_raise()

    def _play(self, playbook: str, variables: Mapping[str, Any] | None, **modes: bool) -> Play:
        return Play(playbook, str(self.inventory.path), variables or {}, **modes)


@contextmanager
def session(inventory: Inventory, *, verbose: bool) -> Iterator[Session]:
    """From the first play of a command to its last."""
    with Interrupt() as interrupt:
        yield Session(inventory, choose(verbose=verbose), interrupt)
