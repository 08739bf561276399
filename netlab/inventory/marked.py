# SPDX-License-Identifier: Apache-2.0
"""Values that remember the file and line where they stand, so that an error can say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from netlab.errors import Problem

# What an inventory of some thousand hosts stays below; what is larger is a slip or an attack (YAML bombs).
MAXIMUM_FILE_BYTES = 512 * 1024
MAXIMUM_FILES = 500
MAXIMUM_VALUES = 100_000
MAXIMUM_DEPTH = 50
MAXIMUM_MEMBERS = 5000  # hosts, groups, and the lines between them
MAXIMUM_BOARDS = 500
MAXIMUM_PROBLEMS = 200  # nobody reads on; and to say more costs time


class UnreadableFile(Exception):
    """A file as a whole cannot be read; ``problem`` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def add(problems: list[Problem], problem: Problem) -> None:
    """One more problem of a file; raises UnreadableFile where there are too many to go on."""
    if len(problems) >= MAXIMUM_PROBLEMS:
        message = f"there are more than {MAXIMUM_PROBLEMS} problems: the rest is not read"
        raise UnreadableFile(Problem(message, problem.file, problem.line, None, "an inventory"))
    problems.append(problem)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; ``line`` counts from 1."""

    file: str
    line: int | None = None

    def problem(self, key: str | None, message: str, expected: str | None = None) -> Problem:
        """A problem with what stands here."""
        return Problem(message, self.file, self.line, key, expected)

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value that only Ansible can read; ``tag`` says which kind (!vault, !unsafe).

    ``refused``: it is not even that, and has been reported already.
    """

    tag: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """A scalar, an Opaque, a list of Marked, or a dict of Marked; in a dict the line is the key's."""

    value: Any = field(repr=False)  # aliases multiply, and tracebacks print
    place: Place
    depth: int = 0  # how many levels of lists and dicts it holds

    def plain(self) -> Any:
        """The value without its marks. Only for what is known to be small: aliases multiply."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return f"<{self.value.tag}>" if isinstance(self.value, Opaque) else self.value

    def walk(self) -> Iterator[Marked]:
        """Itself and all that it holds, aliases expanded: stop counting before it ends."""
        waiting: list[Iterator[Marked]] = [iter((self,))]
        while waiting:
            marked = next(waiting[-1], None)
            if marked is None:
                waiting.pop()
                continue
            yield marked
            if isinstance(marked.value, dict):
                waiting.append(iter(marked.value.values()))
            elif isinstance(marked.value, list):
                waiting.append(iter(marked.value))

    def size(self, limit: int) -> int:
        """How many values it holds, itself included, aliases expanded; counts no further than ``limit``."""
        return sum(1 for _marked in islice(self.walk(), limit))

    def at(self, path: tuple[Any, ...]) -> Marked:
        """What stands under ``path`` (keys and indexes), or the nearest thing above it that exists."""
        found = self
        for step in path:
            try:
                found = found.value[step]
            except (KeyError, IndexError, TypeError):
                break
        return found


def key_text(path: tuple[Any, ...]) -> str:
    """A path as it is written in messages: ``guest_list[0].mac``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text
