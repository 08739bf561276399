# SPDX-License-Identifier: Apache-2.0
"""A change to a board as data: what is done, and what undoes it.

A planner compares what is with what should be and returns steps; it touches nothing. A step names an
operation and its arguments, both JSON, so that the ledger can keep the step's undo on disk and a later
process can run it. Every operation is idempotent: an undo may be run although its change never happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol


class BoardError(Exception):
    """Something on this board that stops us, said in one sentence for its admin."""


class Refusal(BoardError):
    """We could, but must not: the object is somebody else's, or the board would be lost."""


@dataclass(frozen=True)
class Operation:
    """``volatile``: what it changes lives in the kernel or in memory, so that a reboot takes it back."""

    function: Callable[..., None]
    phrase: str
    volatile: bool = False


OPERATIONS: dict[str, Operation] = {}


def operation(
    name: str, phrase: str, *, volatile: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as the operation ``name``; ``phrase`` is a format string over its arguments.

    ``volatile``: see Operation. Files and services are not: they are undone after a reboot, too.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        OPERATIONS[name] = Operation(function, phrase, volatile)
        return function

    return register


def _words(value: Any) -> Any:
    """An argument as people read it: settings as ``up=yes master=nlbr0``; the rest stays as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(f"{key}={_words(item)}" for key, item in value.items()) or "nothing"
    return value


@dataclass(frozen=True)
class Step:
    """One change: ``op`` with ``args``, and the step that restores what was there before.

    ``undo`` is None where nothing has to be restored: the thing taken away was ours, and the undo of its
    making, which is in the ledger already, ends in the same absence.
    """

    op: str
    args: dict[str, Any] = field(default_factory=dict)
    undo: Step | None = None

    def says(self) -> str:
        known = OPERATIONS.get(self.op)
        if known is None:
            return f"{self.op} {self.args}"
        try:
            return known.phrase.format(**{name: _words(value) for name, value in self.args.items()})
        except (KeyError, IndexError):  # a damaged ledger's, or another version's
            return f"{self.op} {self.args}"

    @property
    def volatile(self) -> bool:
        """Whether a reboot has taken back what this step is about; False for one that is not known."""
        known = OPERATIONS.get(self.op)
        return known is not None and known.volatile

    def as_dict(self) -> dict[str, Any]:
        return {"op": self.op, "args": self.args}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Step:
        return cls(data["op"], dict(data["args"]))

    def run(self) -> None:
        """Do it. Raises BoardError with the step's own words in front when the operation fails."""
        known = OPERATIONS.get(self.op)
        if known is None:
            raise BoardError(f"unknown operation {self.op!r}: this ledger is from another version")
        try:
            known.function(**self.args)
        except BoardError:
            raise
        except Exception as error:
            raise BoardError(f"{self.says()}: {error}") from error


class WriteAhead(Protocol):
    """What run_steps needs of a ledger."""

    def intend(self, step: Step) -> None: ...

    def alone(self) -> AbstractContextManager[None]: ...


def run_steps(steps: Iterable[Step], ledger: WriteAhead) -> None:
    """Do each step, with its undo on disk before the change is made, and nobody undoing anything meanwhile."""
    with ledger.alone():
        for step in steps:
            ledger.intend(step)
            step.run()
