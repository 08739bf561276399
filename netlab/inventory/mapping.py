# SPDX-License-Identifier: Apache-2.0
"""Somebody else's boards and ours: which one stands for which, and what of their settings ours take over.

Hardware facts are always ours: the NIC, the addresses, how a board is reached. What makes an experiment is theirs: how
many guests, of what size, and how a datapath is set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netlab.errors import InvalidInput, Problem
from netlab.inventory.definitions import is_template
from netlab.inventory.suggest import closest
from netlab.inventory.variables import Variables

Settings = dict[str, dict[str, Any]]  # by board, by variable

_OF_GUESTS = ("guest_arch", "guest_accelerator")
_TAKEN = ("guest_count", "guest_list", "guest_vcpus", "guest_memory_mib", *_OF_GUESTS)
_OPTION = "--map"


@dataclass(frozen=True)
class Described:
    """A board of theirs or ours, as data. `guests`: those that it hosts, each with its `vcpus` and `memory_mib`."""

    name: str
    role: str  # dut or peer
    variables: Mapping[str, Any] = field(default_factory=dict)
    guests: Sequence[Mapping[str, Any]] = ()

    @property
    def nic(self) -> str:
        return str(self.variables.get("board_nic") or "")


@dataclass(frozen=True)
class Mapped:
    """`boards`: ours by theirs, duts first. `settings`: what ours take over. `notes`: what they cannot, and why."""

    boards: Mapping[str, str]
    settings: Settings
    notes: Sequence[str] = ()


def described(rendered: Mapping[str, Mapping[str, Any]]) -> list[Described]:
    """The boards of an inventory, as `Inventory.rendered` and a run's manifest have it."""
    return [
        Described(name, str(told.get("role")), told.get("variables") or {}, told.get("guests") or ())
        for name, told in rendered.items()
    ]


def asked(words: Sequence[str]) -> dict[str, str]:
    """`--map theirs=mine`, as often as it was given."""
    found: dict[str, str] = {}
    for word in words:
        theirs, equals, mine = (part.strip() for part in word.partition("="))
        if not (theirs and equals and mine):
            raise InvalidInput(
                [Problem(f"{word!r} names no two boards", key=_OPTION, expected="theirs=mine")]
            )
        if found.setdefault(theirs, mine) != mine:
            raise InvalidInput([Problem(f"{theirs} is given twice", key=_OPTION, expected="each board once")])
    return found


def mapped(
    theirs: Sequence[Described], mine: Sequence[Described], wanted: Mapping[str, str] | None = None
) -> Mapped:
    """Who stands for whom: as `wanted`, and of those it does not name, duts for duts and peers for peers, in order.

    Raises InvalidInput, with all that is wrong, where a board of theirs has no counterpart, or a dut of ours none.
    """
    wanted = wanted or {}
    problems = list(_wrong(theirs, mine, wanted))
    if problems:
        raise InvalidInput(problems, hint="without --map duts stand for duts and peers for peers, in order")
    found: dict[str, str] = {}
    for role in ("dut", "peer"):
        own, ours = ([board for board in boards if board.role == role] for boards in (theirs, mine))
        free = iter([board for board in ours if board.name not in wanted.values()])
        for board in own:
            given = wanted.get(board.name) or getattr(next(free, None), "name", None)
            if given is None:
                problems.append(_too_few(role, own, ours))
                break
            found[board.name] = given
        left = [board.name for board in free]
        if role == "dut" and left and not problems:
            problems.append(
                Problem(
                    f"{', '.join(left)} would be measured too, and stands for no dut of theirs",
                    expected=f"an inventory with {len(own)} in the group duts",
                )
            )
    if problems:
        raise InvalidInput(problems)
    settings, notes = _carried(theirs, found)
    return Mapped(found, settings, notes)


def _wrong(
    theirs: Sequence[Described], mine: Sequence[Described], wanted: Mapping[str, str]
) -> Iterator[Problem]:
    """What is wrong with --map itself."""
    known, ours = ({board.name: board for board in boards} for boards in (theirs, mine))
    seen: dict[str, str] = {}
    for their, our in wanted.items():
        if their not in known:
            yield _unknown(their, known, "theirs")
        elif our not in ours:
            yield _unknown(our, ours, "yours")
        elif known[their].role != ours[our].role:
            roles = f"{their} is a {known[their].role}, {our} a {ours[our].role}"
            yield Problem(roles, key=_OPTION, expected="a dut for a dut, a peer for a peer")
        elif our in seen:
            said = f"{our} would stand for {seen[our]} and for {their}"
            yield Problem(said, key=_OPTION, expected="a board for each of theirs")
        seen.setdefault(our, their)


def _unknown(name: str, known: Mapping[str, Any], whose: str) -> Problem:
    return Problem(
        f"no board of {whose} is called {name!r:.80}",
        key=_OPTION,
        expected=closest(name, known) or f"theirs=mine; {whose} are {', '.join(known)}",
    )


def _too_few(role: str, theirs: Sequence[Described], mine: Sequence[Described]) -> Problem:
    names = ", ".join(board.name for board in theirs)
    ours = ", ".join(board.name for board in mine) or "none"
    return Problem(
        f"theirs have {len(theirs)} in the group {role}s ({names}), yours {len(mine)} ({ours})",
        expected="an inventory with as many",
    )


# -- what ours take over -----------------------------------------------------------------------------------


def _carried(theirs: Sequence[Described], boards: Mapping[str, str]) -> tuple[Settings, list[str]]:
    settings: Settings = {mine: {} for mine in boards.values()}
    notes = []
    for board in theirs:
        if board.role == "dut":
            settings[boards[board.name]] |= _of_guests(board)
        if board.variables.get("guest_disk"):
            notes.append(
                f"{board.name} boots its guests from a disk of its owner's: yours boot netlab's own image"
            )
    for name in sorted({name for board in theirs for name in board.variables if _is_of_paths(name)}):
        own = {board.name: board.variables[name] for board in theirs if name in board.variables}
        values = list(own.values())
        duts = {board.name for board in theirs if board.role == "dut"}
        if any(value != values[0] for value in values) or len(duts & set(own)) not in (0, len(duts)):
            notes.append(f"{name} is not the same on all boards of theirs: yours keep their own")
            continue
        for board_name in own:
            settings[boards[board_name]][name] = values[0]
    return {board: own for board, own in settings.items() if own}, notes


def _is_of_paths(name: str) -> bool:
    """How a datapath or an instrument is set; an instrument's addresses and ports are a lab's own."""
    return name.startswith("datapath_") or (name.startswith("instrument_") and name.endswith("_parameters"))


def _of_guests(dut: Described) -> dict[str, Any]:
    """How many, and of what size. Names, MAC and IP addresses are a lab's own."""
    sizes = [{key: guest[key] for key in ("vcpus", "memory_mib")} for guest in dut.guests]
    found: dict[str, Any] = {"guest_count": len(sizes)} if sizes else {}
    if sizes and all(size == sizes[0] for size in sizes):
        found |= {f"guest_{key}": value for key, value in sizes[0].items()}
        found["guest_list"] = []
    elif sizes:
        found["guest_list"] = sizes
    return found | {name: dut.variables[name] for name in _OF_GUESTS if dut.variables.get(name) is not None}


def check_settings(settings: Mapping[str, Any], boards: Collection[str], file: str | None = None) -> None:
    """Raises InvalidInput for what nobody can have taken over: another variable, another board, a template."""
    for board, own in settings.items():
        if board not in boards or not isinstance(own, Mapping):
            raise InvalidInput([Problem("these are settings of no board", file, None, f"settings.{board}")])
        for name, value in own.items():
            if not (name in _TAKEN or _is_of_paths(name)):
                expected = f"{', '.join(_TAKEN)}, or of a datapath"
                raise InvalidInput(
                    [Problem("this is taken over from nobody", file, None, f"settings.{name}", expected)]
                )
            _refuse_templates(value, f"settings.{name}", file)


def _refuse_templates(value: Any, place: str, file: str | None) -> None:
    if is_template(value):
        raise InvalidInput([Problem("a template stands here", file, None, place, "the value itself")])
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_templates(key, place, file)
            _refuse_templates(item, f"{place}.{key}", file)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_templates(item, f"{place}[{index}]", file)


def as_variables(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """For a play: each as one value or, where the boards have different ones, chosen by the board's name.

    Raises InvalidInput for a text that Ansible would evaluate: the settings are somebody else's.
    """
    check_settings(settings, settings)
    found: dict[str, Any] = {}
    for name in sorted({name for own in settings.values() for name in own}):
        values = [own[name] for own in settings.values() if name in own]
        if all(value == values[0] for value in values):
            found[name] = values[0]
            continue
        field_of = Variables.model_fields.get(name)
        found["testbed_settings"] = {board: dict(own) for board, own in settings.items()}
        found[f"testbed_default_{name}"] = None if field_of is None else field_of.default
        own = f"(testbed_settings[inventory_hostname] | default({{}})).{name}"
        found[name] = f"{{{{ {own} | default(testbed_default_{name}) }}}}"
    return found
