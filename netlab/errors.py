# SPDX-License-Identifier: Apache-2.0
"""Everything that netlab raises on purpose, and the exit status each one ends with.

NetlabError                 1
├── PlayFailed              1   a play failed on a board (and was rolled back)
├── ResultsUnwritable       1   the disk is full, or may only be read; what was measured before is whole
├── InvalidInput            2   usage, inventory, plan or variables; nothing was touched
├── NotSupported            3   this board cannot do that
├── Locked                  3   somebody else has a board now; nothing was touched
├── BoardUnreachable        4   Ansible could not reach a board
├── RuleBroken              5   measured, but the figures break a rule
└── Interrupted           130   Ctrl-C (after rollback)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class NetlabError(Exception):
    """The base of all; its text is printed to stderr as it is."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint  # the next command to try, printed under the message


class PlayFailed(NetlabError):
    exit_code = 1


class ResultsUnwritable(NetlabError):
    """A run's folder takes no more: going on would measure what nobody keeps."""

    exit_code = 1

    @classmethod
    def of(cls, error: OSError, place: object) -> ResultsUnwritable:
        """`place`: the folder, where the error does not name a file."""
        return cls(f"results cannot be written: {error.filename or place}: {error.strerror or error}")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: where it stands and what should stand there instead."""

    message: str
    file: str | None = None
    line: int | None = None
    key: str | None = None
    expected: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}"
        parts = [part for part in (place, self.key, self.message) if part]
        text = ": ".join(parts)
        return f"{text}\n  expected: {self.expected}" if self.expected else text


class InvalidInput(NetlabError):
    """Carries every problem found, not only the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem] | str, *, hint: str | None = None) -> None:
        self.problems = [Problem(problems)] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), hint=hint)


class NotSupported(NetlabError):
    exit_code = 3


class Locked(NetlabError):
    """`standings`: what is known of each holder, see the collection's lock_holder.py."""

    exit_code = 3

    def __init__(self, message: str, *, standings: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.standings = tuple(standings)


class BoardUnreachable(NetlabError):
    exit_code = 4


class RuleBroken(NetlabError):
    exit_code = 5


class Interrupted(NetlabError):
    exit_code = 130
