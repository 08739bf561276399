# SPDX-License-Identifier: Apache-2.0
"""An inventory in Ansible's INI form: ``[group]``, ``[group:vars]`` and ``[group:children]`` sections."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import Any

from netlab.errors import Problem
from netlab.inventory.host_pattern import expand_host_pattern
from netlab.inventory.marked import MAXIMUM_DEPTH, Marked, Place, add
from netlab.inventory.tree import Tree

MAXIMUM_LINE = 8192

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")


def read_ini(text: str, file: str, tree: Tree, problems: list[Problem]) -> None:
    """Adds what the text says to ``tree``, and what is wrong with its form to ``problems``."""
    _Reader(file, tree, problems).read(text)


class _Reader:
    def __init__(self, file: str, tree: Tree, problems: list[Problem]) -> None:
        self.file = file
        self.tree = tree
        self.problems = problems
        self.place = Place(file)
        self.group = "ungrouped"
        self.kind = "hosts"
        self.declared = set(tree.groups)
        self.asked: list[tuple[str, Place, str]] = []  # groups that some section needs, and which
        self.children: list[tuple[str, str, Place]] = []

    def say(self, key: str | None, message: str, expected: str, place: Place | None = None) -> None:
        where = place or self.place
        add(self.problems, Problem(message, where.file, where.line, key, expected))

    def read(self, text: str) -> None:
        for number, line in enumerate(text.splitlines(), start=1):
            self.place = Place(self.file, number)
            stripped = line.strip()
            if len(stripped) > MAXIMUM_LINE:
                self.say(None, "the line is too long", f"at most {MAXIMUM_LINE} characters in a line")
            elif stripped and stripped[0] not in "#;":
                self.line(stripped)
        for name, place, section in self.asked:
            if name not in self.declared:
                self.say(
                    name, f"{section} needs the group {name}, and there is none", f"a section [{name}]", place
                )
        for parent, child, place in self.children:
            if child in self.declared:
                self.tree.add_child(parent, child, place, self.problems)

    def line(self, line: str) -> None:
        if line.startswith("[") and (line.endswith("]") or _SECTION.fullmatch(line)):
            self.section(line)
        elif self.kind == "hosts":
            self.host(line)
        elif self.kind == "vars":
            key, equals, value = (part.strip() for part in line.partition("="))
            if equals and key:
                self.tree.define(self.tree.groups[self.group], key, self.value(key, value))
            else:
                self.say(None, f"{line!r:.60} sets no variable", "key=value")
        elif self.kind == "children":
            found = _CHILD.fullmatch(line)
            if found is None:
                self.say(None, f"{line!r:.60} names no group", "the name of a group")
                return
            self.asked.append((found[1], self.place, f"[{self.group}:children]"))
            self.children.append((self.group, found[1], self.place))

    def section(self, line: str) -> None:
        found = _SECTION.fullmatch(line)
        kind = (found[2] or "hosts") if found else ""
        if found is None or kind not in ("hosts", "vars", "children"):
            self.say(None, f"{line!r:.60} begins no section", "[group], [group:vars] or [group:children]")
            self.kind = "unknown"  # what stands in it cannot be judged
            return
        self.group, self.kind = found[1], kind
        self.tree.add_group(self.group, self.place)
        if kind == "vars":
            self.asked.append((self.group, self.place, f"[{self.group}:vars]"))
        else:
            self.declared.add(self.group)

    def host(self, line: str) -> None:
        try:
            pattern, *settings = shlex.split(line, comments=True)
            names = expand_host_pattern(pattern)
        except ValueError as error:
            self.say(
                None,
                f"{line!r:.60} is no host: {error}",
                "a name, or a range such as board[1:3], then key=value",
            )
            return
        hosts = [self.tree.add_host(name, self.group, self.place) for name in names]
        for setting in settings:
            key, equals, value = setting.partition("=")
            if not equals or not key:
                self.say(names[0], f"{setting!r:.60} sets no variable", "key=value, without spaces around =")
                return  # what follows would only be its pieces
            marked = self.value(key, value)
            for host in hosts:
                self.tree.define(host, key, marked)

    def value(self, key: str, text: str) -> Marked:
        """What Ansible makes of a value in an INI file: a Python literal where it is one, else the text."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                return self.marked(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            return Marked(text, self.place)
        except (TypeError, MemoryError, RecursionError):
            self.say(key, "the value cannot be read", "a number, a text, or a short list")
            return Marked(text, self.place)

    def marked(self, value: Any, level: int = 0) -> Marked:
        if level > MAXIMUM_DEPTH:
            raise RecursionError
        if isinstance(value, (list, tuple, set)):
            items = [self.marked(item, level + 1) for item in value]
            return Marked(items, self.place, 1 + max((item.depth for item in items), default=0))
        if isinstance(value, dict):
            entries = {key: self.marked(item, level + 1) for key, item in value.items()}
            return Marked(entries, self.place, 1 + max((item.depth for item in entries.values()), default=0))
        if isinstance(value, bytes):
            return Marked(value.decode(errors="replace"), self.place)
        if isinstance(value, complex) or value is ...:
            return Marked("..." if value is ... else str(value), self.place)
        return Marked(value, self.place)
