# SPDX-License-Identifier: Apache-2.0
"""Somebody else's inventory and plan, read as data: against the schemas, and never by Ansible.

To Ansible an inventory is a program: it evaluates templates wherever a value is used, runs lookups in them, starts
what connection and interpreter variables name. So nothing that it would evaluate is let through, and no variable but
the testbed's own, each with a value that the schema allows.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.guests import GuestError, parse_board_address
from netlab import collection
from netlab.bundle import strict_json
from netlab.bundle.model import BoardEntry
from netlab.bundle.refusals import Contradiction, OutsideSchema, Templated
from netlab.errors import Problem
from netlab.inventory import definitions
from netlab.inventory.marked import MAXIMUM_BOARDS, MAXIMUM_VALUES, Marked, Opaque, Place
from netlab.inventory.roles import Option, read_role_options, wrong_option
from netlab.inventory.tree import Definition
from netlab.inventory.variables import GuestEntry, Variables

# What Ansible takes for more than a text, wherever it stands in one.
_MARKS = (
    (re.compile(r"\{\{|\}\}"), "a template {{ }}"),
    (re.compile(r"\{%|%\}"), "a template statement {% %}"),
    (re.compile(r"\{#|#\}"), "a template comment {# #}"),
    (re.compile(r"^\s*#jinja2:", re.IGNORECASE), "a header that gives a template other brackets"),
    (re.compile(r"!unsafe\b|!vault\b|\$ANSIBLE_VAULT"), "a tag or a vault of Ansible's"),
    (re.compile(r"\b(lookup|query|q)\s*\("), "a lookup"),
    (re.compile(r"__ansible_|^ansible_module_"), "a name by which Ansible marks values of its own"),
)


def refuse_templates(bundle: str, member: str, value: Any) -> None:
    """Raises Templated, with its place, for a text that Ansible would evaluate."""
    for place, text in strict_json.strings(value):
        for pattern, words in _MARKS:
            if pattern.search(text):
                raise Templated(bundle, f"{words} stands here", place=f"{member}: {place or 'top'}")


def is_templated(value: Any) -> bool:
    """Whether a text of a value is such that Ansible would evaluate it."""
    return any(pattern.search(text) for _, text in strict_json.strings(value) for pattern, _ in _MARKS)


@cache
def _options(roles: Path) -> Mapping[str, Option]:
    return read_role_options(roles)


class Known:
    """The variables that an inventory may have: the testbed's own, and the options of the roles of this netlab."""

    def __init__(self) -> None:
        self.options = _options(collection.find().root / "roles")

    def problems(self, member: str, board: str, variables: Mapping[str, Any]) -> Iterator[Problem]:
        """What is wrong with a board's variables, each by itself."""
        for name, value in variables.items():
            place = Place(f"{member}: {board}")
            yield from self.of_one(Definition(name, mark(value, place), board))

    def of_one(self, definition: Definition) -> list[Problem]:
        """What is wrong with one variable."""
        name = definition.name
        if name in definitions.OF_COMMANDS:
            return [definitions.unknown_key(definition, ())]
        if name in Variables.model_fields:
            return definitions.wrong_value(definition)
        if name in self.options:
            return wrong_option(definition, self.options[name])
        what = _what_is(name)
        expected = "the testbed's own variables, which docs/inventory.md lists"
        return [definition.value.place.problem(name, what, expected)]


def _what_is(name: str) -> str:
    if name.startswith("ansible_") or name in ("environment", "vars_plugins", "plugin", "vars_files"):
        return "a variable that tells Ansible what to run, or how to connect, has no place in a bundle"
    if definitions.is_ours(name):
        return "nothing in this version reads this key"
    return "a variable that is not the testbed's has no place in a bundle"


def mark(value: Any, place: Place) -> Marked:
    """JSON as the inventory's checks take it. The depth of JSON is limited where it is read."""
    if isinstance(value, dict):
        made = {key: mark(item, place) for key, item in value.items()}
        return Marked(made, place, 1 + max((item.depth for item in made.values()), default=0))
    if isinstance(value, list):
        items = [mark(item, place) for item in value]
        return Marked(items, place, 1 + max((item.depth for item in items), default=0))
    return Marked(value, place)


def check_boards(bundle: str, member: str, boards: list[BoardEntry]) -> None:
    """Every variable, and what must fit together. Raises OutsideSchema or Contradiction, with the place."""
    if len(boards) > MAXIMUM_BOARDS:
        raise OutsideSchema(bundle, f"there are {len(boards)} boards", place=member)
    known = Known()
    seen: set[str] = set()
    for index, board in enumerate(boards):
        place = f"{member}: [{index}] {board.name}"
        if board.name in seen:
            raise Contradiction(bundle, "two boards have this name", place=place, expected="a name for each")
        seen.add(board.name)
        refuse_first(bundle, known.problems(member, board.name, board.variables))
        for name in ("board_nic", "board_address"):
            if name not in board.variables:
                raise OutsideSchema(bundle, f"the board has no {name}", place=place)
        if (board.role == "dut") != ("duts" in board.groups) or {"duts", "peers"} <= set(board.groups):
            raise Contradiction(bundle, "its role and its groups say different things", place=place)
        if board.guests and board.role != "dut":
            raise Contradiction(bundle, "only duts host guests", place=place)
        _check_guests(bundle, place, board)
    if {board.role for board in boards} != {"dut", "peer"}:
        raise OutsideSchema(
            bundle, "it has no dut, or no peer", place=member, expected="one of each, or more"
        )
    _check_cables(bundle, member, boards, seen)


def refuse_first(bundle: str, problems: Iterable[Problem]) -> None:
    """Raises OutsideSchema for the first problem, if there is one."""
    for problem in problems:
        where = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
        place = f"{where}: {problem.key}" if problem.key else where
        raise OutsideSchema(bundle, problem.message, place=place, expected=problem.expected)


def _check_guests(bundle: str, place: str, board: BoardEntry) -> None:
    known = set(GuestEntry.model_fields)
    least = {"name", "mac", "address", "vcpus", "memory_mib"}
    network = parse_board_address(str(board.variables["board_address"])).network
    found: set[str] = set()
    for number, guest in enumerate(board.guests):
        where = f"{place}: guests[{number}]"
        if not least <= set(guest) <= known:
            raise OutsideSchema(
                bundle, "a guest has other keys", place=where, expected=f"{', '.join(sorted(known))}"
            )
        bare = {key: value for key, value in guest.items() if key != "address"}
        definition = Definition("guest_list", mark([bare], Place(where)), board.name)
        refuse_first(bundle, definitions.wrong_value(definition))
        try:
            if ipaddress.IPv4Interface(str(guest["address"])).network != network:
                raise ValueError
        except (ValueError, GuestError):
            raise OutsideSchema(
                bundle, "the guest's address is not in the board's network", place=where
            ) from None
        if str(guest["name"]) in found:
            raise Contradiction(bundle, "two guests of a board have this name", place=where)
        found.add(str(guest["name"]))


def _check_cables(bundle: str, member: str, boards: list[BoardEntry], names: set[str]) -> None:
    """Names that stand in values are names of boards. (A cable may end at a board that is neither dut nor peer.)"""
    for board in boards:
        host = board.variables.get("board_package_host")
        if host is not None and host != "localhost" and host not in names:
            raise Contradiction(
                bundle, "no board has this name", place=f"{member}: {board.name}: board_package_host",
                expected="a board of this inventory, or localhost",
            )  # fmt: skip


def refuse_opaque(bundle: str, member: str, document: Marked) -> None:
    """Raises Templated for what only Ansible can read, OutsideSchema for more than an inventory has."""
    for number, marked in enumerate(document.walk()):
        if number > MAXIMUM_VALUES:
            raise OutsideSchema(bundle, "it has too many values for an inventory", place=member)
        if isinstance(marked.value, Opaque):
            raise Templated(
                bundle, f"the tag {marked.value.tag} stands here", place=f"{member}:{marked.place.line}"
            )
