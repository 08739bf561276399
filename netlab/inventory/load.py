# SPDX-License-Identifier: Apache-2.0
"""From a path to a valid Inventory, or to all of its problems at once; nothing is run or touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netlab import collection
from netlab.errors import InvalidInput, Problem
from netlab.inventory.boards import Board, Guest, Inventory
from netlab.inventory.cable_checks import check_cables
from netlab.inventory.checks import Candidate, check_addresses, check_board, check_groups
from netlab.inventory.definitions import OF_COMMANDS, is_ours, unknown_key, wrong_value
from netlab.inventory.guest_checks import expand_all
from netlab.inventory.marked import MAXIMUM_PROBLEMS, MAXIMUM_VALUES, Marked, Place, UnreadableFile
from netlab.inventory.read_tree import read_tree
from netlab.inventory.roles import Option, read_role_options, wrong_option
from netlab.inventory.tree import Definition, Tree
from netlab.inventory.variables import Variables


def load(
    path: str | Path,
    *,
    guest_count: int | None = None,
    roles_dir: Path | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Inventory:
    """The inventory at ``path`` (a directory, or one YAML or INI file).

    ``guest_count`` is what --guests says, and overrules the inventory's. ``roles_dir`` holds the roles whose
    options the inventory may set (by default the collection's own). ``settings``, by host and variable, overrule
    what the inventory says, and are checked as what it says.

    Raises InvalidInput with every problem found.
    """
    path = Path(path)
    options = read_role_options(roles_dir or collection.find().root / "roles")
    problems: list[Problem] = []
    warnings: list[Problem] = []
    try:
        tree = read_tree(path, problems, warnings)
    except UnreadableFile as error:
        raise InvalidInput([*problems, error.problem], hint=_hint(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        problem = Problem(f"it cannot be read: {getattr(error, 'strerror', None) or error}", str(path))
        raise InvalidInput([problem], hint=_hint(path)) from None

    for host, variables in (settings or {}).items():
        for name, value in variables.items() if host in tree.hosts else ():
            tree.define(tree.hosts[host], name, _marked(value, Place(f"settings of {host}")), from_file=True)
    readable = not problems  # else what seems to be missing may stand in what could not be read
    try:
        wrong = _check_definitions(tree.definitions, options, problems)
    except UnreadableFile as error:
        raise InvalidInput(_in_order([*problems, error.problem]), hint=_hint(path)) from None
    boards: list[Candidate] = []
    guests: dict[str, list[Guest]] = {}
    if readable:
        of_groups = list(check_groups(tree))
        problems += of_groups
        if not of_groups:
            boards = _candidates(tree, wrong)
            for board in boards:
                problems += check_board(board, tree)
            addressed = [*boards, *_others(tree, boards, wrong)]
            problems += check_addresses(addressed)
            problems += check_cables(tree, boards, wrong)
            guests = expand_all(addressed, guest_count, problems)
    if problems:
        raise InvalidInput(_in_order(problems), hint=_hint(path))
    made = {board.name: _board(board) for board in boards}
    return Inventory(
        path, made, guests, _in_order([*warnings, *_without_effect(tree)]), tree.definitions, settings or {}
    )


def _marked(value: Any, place: Place) -> Marked:
    """Plain data as a value of an inventory."""
    if isinstance(value, Mapping):
        inside = {key: _marked(item, place) for key, item in value.items()}
        return Marked(inside, place, 1 + max((item.depth for item in inside.values()), default=0))
    if isinstance(value, list):
        items = [_marked(item, place) for item in value]
        return Marked(items, place, 1 + max((item.depth for item in items), default=0))
    return Marked(value, place)


def _hint(path: Path) -> str:
    again = f"netlab check{collection.inventory_option(str(path))}"
    return f"{again}   (looks again; docs/inventory.md says what each variable means)"


def check_variables(inventory: Inventory, roles_dir: Path) -> list[Problem]:
    """What is wrong with the variables of a loaded inventory, against the roles in a folder."""
    problems: list[Problem] = []
    _check_definitions(inventory.definitions, read_role_options(roles_dir), problems)
    return _in_order(problems)


def _check_definitions(
    definitions: Sequence[Definition], options: Mapping[str, Option], problems: list[Problem]
) -> set[int]:
    """Adds what is wrong with each definition by itself; the ids of the values that are wrong.

    Raises UnreadableFile where there is too much of it.
    """
    known = {*Variables.model_fields, *options}
    wrong: set[int] = set()
    looked_at: set[int] = set()  # one definition may reach us many times, by an alias or a range of hosts
    left = MAXIMUM_VALUES
    for definition in definitions:
        name, value = definition.name, definition.value
        if not (is_ours(name) or name in options) or id(value) in looked_at:
            continue
        looked_at.add(id(value))
        left -= value.size(left + 1)
        if left < 0 or len(problems) > MAXIMUM_PROBLEMS:
            limit = f"fewer than {MAXIMUM_PROBLEMS} problems, and at most {MAXIMUM_VALUES} values"
            what = "too much stands here to look at all of it"
            raise UnreadableFile(value.place.problem(name, what, limit))
        if name in Variables.model_fields:
            found = wrong_value(definition)
        elif name in options and name not in OF_COMMANDS:
            found = wrong_option(definition, options[name])
        else:
            found = [unknown_key(definition, known)]
        if found:
            wrong.add(id(value))
            problems += found
    return wrong


def _candidates(tree: Tree, wrong: set[int]) -> list[Candidate]:
    """All duts, then all peers, with the definitions that won."""
    duts, peers = tree.hosts_of("duts"), tree.hosts_of("peers")
    roles = [*((name, "dut") for name in duts), *((name, "peer") for name in peers)]
    return [_candidate(tree, name, role, wrong) for name, role in roles]


def _others(tree: Tree, boards: list[Candidate], wrong: set[int]) -> list[Candidate]:
    """Hosts that are neither, and yet have an address that no guest may get."""
    known = {board.name for board in boards}
    others = (_candidate(tree, name, "other", wrong) for name in tree.hosts if name not in known)
    return [other for other in others if other.interface is not None]


def _candidate(tree: Tree, name: str, role: str, wrong: set[int]) -> Candidate:
    effective = tree.effective(name)
    return Candidate(
        name,
        tree.hosts[name].place,
        role,
        frozenset(group.name for group in tree.groups_of(name)),
        {key: value for key, value in effective.items() if id(value) not in wrong},
        frozenset(key for key, value in effective.items() if id(value) in wrong),
    )


def _board(board: Candidate) -> Board:
    variables = {name: marked.plain() for name, marked in board.variables.items() if is_ours(name)}
    return Board(
        name=board.name,
        groups=board.groups,
        nic=variables["board_nic"],
        address=variables["board_address"],
        connection=board.text("ansible_connection"),
        variables=variables,
        place=board.place,
    )


def _without_effect(tree: Tree) -> list[Problem]:
    """Guests that no dut will have."""
    duts = set(tree.hosts_of("duts"))
    found = []
    reaches_a_dut: dict[str, bool] = {}
    for definition in tree.definitions:
        if not definition.name.startswith("guest_"):
            continue
        owner = definition.owner
        if owner not in reaches_a_dut:
            hosts = tree.hosts_of(owner) if owner in tree.groups else [owner]
            reaches_a_dut[owner] = not duts.isdisjoint(hosts)
        if not reaches_a_dut[owner]:
            message = f"no effect: only duts host guests, and there is none in {owner}"
            found.append(definition.value.place.problem(definition.name, message))
    return found


def _in_order(problems: list[Problem]) -> list[Problem]:
    """Each once, file by file and line by line."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file or "", problem.line or 0))
