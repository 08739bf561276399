# SPDX-License-Identifier: Apache-2.0
"""Where a program runs, and a program that runs there: what on_board.py and in_guest.py both are. Pure types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

READ_LIMIT_S = 10.0
MAXIMUM_FILE = 64 * 1024 * 1024  # bytes of what a program may write to its file

Ended = tuple[int, str, str]


class Running(Protocol):
    """A program that was started. ``fd`` is readable once it has ended; None where asking is the only way.

    ``looks`` counts how often it was asked in vain.
    """

    argv: list[str]
    fd: int | None
    looks: int

    def ended(self) -> Ended | None:
        """Status, stdout, stderr; None while it runs. Ended by signal n the status is -n or 128+n."""
        ...

    def kill(self) -> None:
        """End it at once. Harmless where it has ended."""
        ...


class Place(Protocol):
    """``name`` is for messages, such as "guest guest1"."""

    name: str

    def start(self, argv: Sequence[str]) -> Running:
        """MeasurementError or BoardError where it cannot be run."""
        ...

    def read(self, files: Sequence[str]) -> str:
        """The files' text, one after the other; a file that is not there is passed over."""
        ...

    def new_file(self, label: str, suffix: str = "") -> str:
        """Path of a file that a program may write to. ``label`` tells apart those of one trial."""
        ...

    def take(self, path: str) -> bytes:
        """What was written there, nothing where nothing was; the file is gone afterwards."""
        ...
