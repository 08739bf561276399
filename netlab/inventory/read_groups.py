# SPDX-License-Identifier: Apache-2.0
"""An inventory in YAML: groups with ``hosts``, ``vars`` and ``children``."""

from __future__ import annotations

from netlab.errors import Problem
from netlab.inventory.host_pattern import expand_host_pattern
from netlab.inventory.marked import Marked, Place, add
from netlab.inventory.suggest import closest
from netlab.inventory.tree import Tree

_SECTIONS = ("hosts", "vars", "children")


def read_groups(document: Marked, tree: Tree, problems: list[Problem]) -> None:
    """Adds what the document says to ``tree``, and what is wrong with its form to ``problems``."""
    if not isinstance(document.value, dict):
        _say(
            problems,
            document.place,
            None,
            "this is no inventory",
            "groups at the top: `all:`, or `duts:` and `peers:`",
        )
        return
    plugin = document.value.get("plugin")
    if plugin is not None and not isinstance(plugin.value, dict):
        _say(
            problems,
            plugin.place,
            "plugin",
            "this configures an inventory plugin: what it would answer is not known before Ansible runs it",
            "an inventory of its own, which `ansible-inventory --list --yaml` writes from this one",
        )
        return
    for name, group in document.value.items():
        _Reader(tree, problems).group(name, group, ())


def _say(problems: list[Problem], place: Place, key: str | None, message: str, expected: str) -> None:
    add(problems, Problem(message, place.file, place.line, key, expected))


class _Reader:
    def __init__(self, tree: Tree, problems: list[Problem]) -> None:
        self.tree = tree
        self.problems = problems

    def say(self, marked: Marked, path: tuple[str, ...], message: str, expected: str) -> None:
        _say(self.problems, marked.place, ".".join(path), message, expected)

    def group(self, name: object, marked: Marked, above: tuple[str, ...]) -> bool:
        """One group and what is below it; whether it could be made."""
        path = (*above, str(name))
        if not isinstance(name, str) or not name:
            self.say(
                marked,
                path,
                f"{name!r} cannot name a group",
                "a word; what is a number or a date goes in quotes",
            )
            return False
        if marked.value is not None and not isinstance(marked.value, dict):
            self.say(
                marked,
                path,
                "a group stands here, and has no sections",
                "`hosts:`, `vars:` or `children:` below it",
            )
            return False
        self.tree.add_group(name, marked.place)
        for key, section in (marked.value or {}).items():
            if key not in _SECTIONS:
                self.unknown_section(key, section, path)
            elif section.value is None:
                continue
            elif isinstance(section.value, str) and key != "vars":
                self.section(name, key, {section.value: Marked(None, section.place)}, path)
            elif isinstance(section.value, dict):
                self.section(name, key, section.value, path)
            else:
                names = "a key and its value" if key == "vars" else "each name with a colon after it"
                self.say(
                    section,
                    (*path, key),
                    f"{key} is not a mapping",
                    f"{names}, on a line of its own below `{key}:`",
                )
        return True

    def unknown_section(self, key: object, section: Marked, path: tuple[str, ...]) -> None:
        close = closest(key, _SECTIONS)
        hint = f"{close} (or" if close else "one of hosts, vars, children (or"
        self.say(
            section,
            (*path, str(key)),
            f"a group has no {str(key)!r}: Ansible would pass over it",
            f"{hint} below `vars:` if it is a variable, below `children:` if it is a group)",
        )

    def section(self, group: str, key: str, items: dict[str, Marked], path: tuple[str, ...]) -> None:
        for name, item in items.items():
            if key == "vars":
                self.tree.define(self.tree.groups[group], str(name), item)
            elif key == "children":
                if self.group(name, item, (*path, key)):
                    self.tree.add_child(group, name, item.place, self.problems)
            else:
                self.host(group, name, item, (*path, key))

    def host(self, group: str, pattern: object, marked: Marked, path: tuple[str, ...]) -> None:
        path = (*path, str(pattern))
        if not isinstance(pattern, str):
            self.say(
                marked,
                path,
                f"{pattern!r} is not a host's name",
                "a word; what is a number or a date goes in quotes",
            )
            return
        if marked.value is not None and not isinstance(marked.value, dict):
            self.say(
                marked,
                path,
                "a host's variables stand here, and are not a mapping",
                "`key: value` lines below it",
            )
            return
        try:
            names = expand_host_pattern(pattern)
        except ValueError as error:
            self.say(marked, path, str(error), "a name, or a range such as board[1:3]")
            return
        for name in names:
            host = self.tree.add_host(name, group, marked.place)
            for key, value in (marked.value or {}).items():
                self.tree.define(host, str(key), value)
