# SPDX-License-Identifier: Apache-2.0
"""The guests of all duts: each dut's own, and that no two share an address or a MAC address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import guests as expansion
from netlab.errors import Problem
from netlab.inventory.boards import Guest
from netlab.inventory.checks import Candidate
from netlab.inventory.marked import Marked, Place, key_text
from netlab.inventory.variables import Variables

MAXIMUM_OF_ALL_DUTS = 10_000

Addresses = Mapping[ipaddress.IPv4Address, str]  # of boards, with their names


def expand_all(
    boards: list[Candidate], guest_count: int | None, problems: list[Problem]
) -> dict[str, list[Guest]]:
    """The guests of each dut whose variables allow it; adds what is wrong to ``problems``.

    ``guest_count``, if given, overrules the inventory's, as --guests does.
    """
    addresses = {board.interface.ip: board.name for board in boards if board.interface is not None}
    duts = sorted((board for board in boards if board.role == "dut"), key=lambda dut: dut.name)
    found: dict[str, list[Guest]] = {}
    left = MAXIMUM_OF_ALL_DUTS
    for index, dut in enumerate(duts):
        if dut.interface is None or any(name.startswith("guest_") for name in dut.wrong):
            continue
        wrong = list(_check_entries(dut, addresses))
        problems += wrong
        count = _value(dut, "guest_count") if guest_count is None else guest_count
        left -= max(len(_entries(dut)), count)
        if left < 0:
            expected = f"at most {MAXIMUM_OF_ALL_DUTS} guests on all duts together"
            problems.append(_at_guests(dut, guest_count, "there are too many guests", expected))
            break
        if wrong:
            continue
        try:
            expanded = _expand(dut, count, index, len(duts), addresses)
        except expansion.GuestError as error:
            expected = error.expected or "fewer guests"
            problems.append(_at_guests(dut, guest_count, f"{dut.name}: {error.message}", expected))
            continue
        found[dut.name] = [Guest(**guest) for guest in expanded]
    problems += _check_between(duts, found)
    return found


def _expand(
    dut: Candidate, count: int, dut_index: int, dut_count: int, addresses: Addresses
) -> list[dict[str, Any]]:
    return expansion.expand_guests(
        [entry.plain() for entry in _entries(dut)],
        count,
        str(dut.interface),
        dut=dut.name,
        dut_index=dut_index,
        dut_count=dut_count,
        reserved=[str(address) for address in addresses],
        first_host=_value(dut, "guest_first_host"),
        vcpus=_value(dut, "guest_vcpus"),
        memory_mib=_value(dut, "guest_memory_mib"),
    )


def _value(dut: Candidate, name: str) -> Any:
    """A variable of the dut, or its default."""
    marked = dut.variables.get(name)
    return Variables.model_fields[name].default if marked is None else marked.value


def _entries(dut: Candidate) -> list[Marked]:
    entries: list[Marked] = _value(dut, "guest_list")
    return entries


def _given(dut: Candidate, index: int, key: str) -> Marked | None:
    """What guest_list says for a guest's key, or None where it leaves that open."""
    entries = _entries(dut)
    marked: Marked | None = entries[index].value.get(key) if index < len(entries) else None
    return None if marked is None or marked.value is None else marked


def _check_entries(dut: Candidate, addresses: Addresses) -> Iterator[Problem]:
    """One dut's guest_list: addresses inside the network and not a board's; nothing given to two guests."""
    assert dut.interface is not None
    network = dut.interface.network
    seen: dict[tuple[str, Any], Place] = {}
    for index in range(len(_entries(dut))):
        for key, word in expansion.WORDS.items():
            marked = _given(dut, index, key)
            if marked is None:
                continue
            place, path = marked.place, key_text(("guest_list", index, key))
            value = marked.value.lower() if key in ("mac", "pci_device") else marked.value
            other = f"another {word}, or none, and one is made"
            if key == "address":
                try:
                    value = expansion.check_address(value, network)
                except expansion.GuestError as error:
                    yield place.problem(path, error.message, error.expected)
                    continue
                if value in addresses:
                    yield place.problem(
                        path, f"{value} is the address of the board {addresses[value]}", other
                    )
                    continue
            if (key, value) in seen:
                message = f"{value} is the {word} of another guest of {dut.name} too ({seen[key, value]})"
                yield place.problem(path, message, other)
            seen.setdefault((key, value), place)


def _at_guests(dut: Candidate, guest_count: int | None, message: str, expected: str) -> Problem:
    """A problem with how many guests there are, at the variable that most likely has to change."""
    if guest_count is not None:
        return Problem(message, None, None, "--guests", expected)
    names = ("guest_first_host", "guest_count", "guest_list", "board_address")
    name = next(name for name in names if name in dut.variables)
    return dut.problem(name, message, expected)


def _check_between(duts: list[Candidate], found: Mapping[str, list[Guest]]) -> Iterator[Problem]:
    """No two guests of different duts share an address or a MAC address (their names may be the same)."""
    owners: dict[tuple[str, str], tuple[Candidate, int]] = {}
    for dut in duts:
        for index, guest in enumerate(found.get(dut.name, ())):
            for key, value in (("mac", guest.mac), ("address", guest.address.partition("/")[0])):
                other, other_index = owners.setdefault((key, value), (dut, index))
                if other is dut:
                    continue
                other_name = found[other.name][other_index].name
                message = (
                    f"{value} would be the {expansion.WORDS[key]} of {guest.name} on {dut.name}"
                    f" and of {other_name} on {other.name}"
                )
                yield _shared(key, message, (dut, index), (other, other_index))


def _shared(key: str, message: str, *guests: tuple[Candidate, int]) -> Problem:
    """A value that two guests would share: the problem stands where one of them was given it."""
    for dut, index in guests:
        marked = _given(dut, index, key)
        if marked is not None:
            path = key_text(("guest_list", index, key))
            return marked.place.problem(
                path, message, f"another {expansion.WORDS[key]}, or none, and one is made"
            )
    for dut, _index in guests:
        if "guest_first_host" in dut.variables:
            return dut.problem("guest_first_host", message, "the same guest_first_host on all duts")
    dut = guests[0][0]
    return dut.place.problem(
        dut.name, message, f"a guest_list that gives one of them another {expansion.WORDS[key]}"
    )
