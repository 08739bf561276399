# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, SIGTERM and SIGHUP while boards are being changed: stop in order, never halfway."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from netlab.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Counts the presses; who runs a play asks `wanted`.

    The handlers only count. What follows from a press is done by the code that polls, so that no signal
    arrives in the middle of a line being printed or a file being written.
    """

    def __init__(self) -> None:
        self.presses = 0
        self._tolerated = 0
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # signal.signal gave it to us

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        self.presses += 1

    @property
    def wanted(self) -> bool:
        """True once the play that runs now is to be stopped."""
        return self.presses > self._tolerated

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """What runs inside undoes things: one more press only warns, the press after it stops that too."""
        self._tolerated = self.presses + 1
        try:
            yield
        finally:
            self._tolerated = 0  # a press that was only warned about stops what would come after

    @property
    def warned(self) -> bool:
        """True while the one press that a shield takes has been used up."""
        return 0 < self._tolerated == self.presses

    def check(self) -> None:
        """Raises Interrupted between two plays, where nothing is halfway."""
        if self.wanted:
            raise Interrupted("interrupted")
