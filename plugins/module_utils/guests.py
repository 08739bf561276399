# SPDX-License-Identifier: Apache-2.0
"""From what an inventory says about a dut's guests to their full definitions.

Pure, standard library only: the same code answers on the controller (validation, the filter
``netlab.testbed.expand_guests``) and wherever a role asks, so both always agree on a guest's name, MAC and
address.

How addresses are shared between duts: guest i (counted from 1) of dut d (counted from 0) among n duts gets
host number ``first_host + (i - 1) * n + d`` of the measured network. With one dut that is 101, 102, 103 ...;
with two, the first has 101, 103, 105 ... and the second 102, 104, 106 ... So no two duts ever meet, however
many guests each has, and one more guest on a dut moves no other guest. A host number that is taken is
skipped, within the dut's own numbers.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

FIRST_HOST = 101
VCPUS = 1
MEMORY_MIB = 192
MINIMUM_MEMORY_MIB = 64
MAXIMUM_GUESTS = 1000  # more on one board is a slip of the keyboard, and would cost minutes to find out
GUEST_KEYS = ("name", "mac", "address", "vcpus", "memory_mib", "pci_device")
# what is each guest's own
WORDS = {"name": "name", "mac": "MAC address", "address": "address", "pci_device": "PCI device"}

# A letter first: virsh takes a name of digits alone for a domain's number. 63: the longest host name.
NAME_PATTERN = r"[A-Za-z][A-Za-z0-9._-]{0,62}"
NAME_RULE = "a letter, then letters, digits, '.', '_' or '-', at most 63 characters"
PCI_PATTERN = r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\.[0-7]"
MAC_PATTERN = r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}"


class GuestError(ValueError):
    """One thing about a guest's definition that cannot be.

    ``guest`` (counted from 0) and ``key`` are None where the cause is not one key of one guest.
    """

    def __init__(
        self, message: str, *, expected: str | None = None, guest: int | None = None, key: str | None = None
    ) -> None:
        super().__init__(message if expected is None else f"{message}; expected: {expected}")
        self.message = message
        self.expected = expected
        self.guest = guest
        self.key = key


def check_name(name: Any) -> str:
    """The name, if libvirt, virsh, file names and the guest's own host name can all carry it."""
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        raise GuestError(f"{name!r} cannot name a guest", expected=NAME_RULE, key="name")
    return name


def check_mac(mac: Any) -> str:
    """The MAC address in lower case, if a station may carry it: unicast, and not all zeros."""
    if not isinstance(mac, str) or not re.fullmatch(MAC_PATTERN, mac):
        raise GuestError(
            f"{mac!r} is not a MAC address",
            expected="six pairs of hexadecimal digits with colons, in quotes, such as '02:00:00:00:00:01'",
            key="mac",
        )
    first = int(mac[:2], 16)
    if first & 1:
        raise GuestError(
            f"{mac} is a group (multicast or broadcast) address: no guest can own it",
            expected=f"a unicast address, with an even first octet, such as 02{mac[2:].lower()}",
            key="mac",
        )
    if first == 0xFE:
        raise GuestError(
            f"{mac} begins with fe, which libvirt keeps for the host's end of a tap",
            expected=f"another first octet, such as 02{mac[2:].lower()}",
            key="mac",
        )
    if not int(mac.replace(":", ""), 16):
        raise GuestError(f"{mac} is the empty MAC address", expected="such as '02:00:00:00:00:01'", key="mac")
    return mac.lower()


def check_pci_device(address: Any) -> str:
    """The address in lower case, as sysfs has it."""
    if not isinstance(address, str) or not re.fullmatch(PCI_PATTERN, address):
        raise GuestError(
            f"{address!r} is not the address of a PCI device",
            expected="domain, bus, slot and function as `lspci -D` shows them, in quotes, such as '0000:01:10.0'",
            key="pci_device",
        )
    return address.lower()


def derived_mac(dut: str, guest: str) -> str:
    """The MAC address of a guest that was given none: always the same for the same two names.

    Locally administered and unicast (02), then 40 bits of SHA-256 over both names.
    """
    digest = hashlib.sha256(f"{dut}\0{guest}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *digest[:5]))


def parse_board_address(board_address: Any) -> ipaddress.IPv4Interface:
    """A board's address with its prefix length, if it leaves room for another station in its network."""
    expected = "an IPv4 address with its prefix length, such as 192.0.2.1/24"
    if not isinstance(board_address, str) or "/" not in board_address:
        raise GuestError(f"{board_address!r} is not an address with a prefix length", expected=expected)
    try:
        interface = ipaddress.IPv4Interface(board_address)
    except ValueError as error:
        raise GuestError(f"{board_address!r} is not an IPv4 address: {error}", expected=expected) from None
    network = interface.network
    if network.num_addresses < 4:
        raise GuestError(
            f"the network {network} has no room for guests", expected="a prefix length of 30 or less"
        )
    if interface.ip in (network.network_address, network.broadcast_address):
        which = "network" if interface.ip == network.network_address else "broadcast"
        raise GuestError(
            f"{interface.ip} is the {which} address of {network}",
            expected=f"one of {network[1]} to {network[-2]}",
        )
    return interface


def check_address(address: Any, network: ipaddress.IPv4Network) -> ipaddress.IPv4Address:
    """A guest's own address, with or without a prefix length, if a station of ``network`` can have it."""
    stations = f"one of {network[1]} to {network[-2]}"
    try:
        if not isinstance(address, str):
            raise ValueError("not a string")
        ip, prefix = ipaddress.IPv4Interface(address), "/" in address
    except ValueError as error:
        raise GuestError(
            f"{address!r} is not an IPv4 address: {error}", expected=stations, key="address"
        ) from None
    if ip.ip not in network:
        raise GuestError(
            f"{ip.ip} is outside the measured network {network}", expected=stations, key="address"
        )
    if prefix and ip.network != network:
        raise GuestError(
            f"{address} has another prefix length than the measured network {network}",
            expected=f"{ip.ip}/{network.prefixlen}",
            key="address",
        )
    if ip.ip in (network.network_address, network.broadcast_address):
        which = "network" if ip.ip == network.network_address else "broadcast"
        raise GuestError(f"{ip.ip} is the {which} address of {network}", expected=stations, key="address")
    return ip.ip


def check_amount(value: Any, key: str, least: int) -> int:
    """A whole number of at least ``least`` (YAML's yes and true are not numbers here)."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise GuestError(
            f"{value!r} is not a number of {key}", expected=f"a whole number, {least} or more", key=key
        )
    return value


def expand_guests(
    guest_list: Sequence[Mapping[str, Any]] | None,
    guest_count: int,
    board_address: str,
    *,
    dut: str,
    dut_index: int = 0,
    dut_count: int = 1,
    reserved: Iterable[str] = (),
    first_host: int = FIRST_HOST,
    vcpus: int = VCPUS,
    memory_mib: int = MEMORY_MIB,
) -> list[dict[str, Any]]:
    """The dut's guests, each with all of name, mac, address (CIDR), vcpus and memory_mib; pci_device where it is given.

    There are as many as the longer of ``guest_list`` and ``guest_count`` says: the list's own first, with
    what they leave out filled in, then generated ones. ``dut_index`` of ``dut_count`` is the dut's place
    among all duts of the inventory, sorted by name. ``reserved`` are addresses that no guest may get, with or
    without a prefix length (every board's own); empty ones are passed over.

    Raises GuestError at the first thing that cannot be.
    """
    given = [] if guest_list is None else guest_list
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Sequence):
        raise GuestError(
            "guest_list is not a list", expected="a list of guests, each with keys such as 'name:'"
        )
    check_amount(guest_count, "guest_count", 0)
    if max(guest_count, len(given)) > MAXIMUM_GUESTS:
        raise GuestError(
            f"{max(guest_count, len(given))} guests", expected=f"at most {MAXIMUM_GUESTS} on a dut"
        )
    check_amount(first_host, "guest_first_host", 1)
    if not 0 <= dut_index < dut_count:
        raise GuestError(f"dut_index {dut_index} is not below dut_count {dut_count}")
    interface = parse_board_address(board_address)
    wanted = [_checked(entry, index, interface.network) for index, entry in enumerate(given)]
    wanted += [{} for _missing in range(guest_count - len(wanted))]

    hosts = range(first_host + dut_index, interface.network.num_addresses - 1, dut_count)

    _refuse_twice(wanted, "pci_device")
    _name_all(wanted)
    _address_all(wanted, interface, _boards(interface, reserved), hosts)
    _mac_all(wanted, dut)
    return [
        {
            "name": guest["name"],
            "mac": guest["mac"],
            "address": f"{guest['address']}/{interface.network.prefixlen}",
            "vcpus": guest.get("vcpus", vcpus),
            "memory_mib": guest.get("memory_mib", memory_mib),
            **({"pci_device": guest["pci_device"]} if "pci_device" in guest else {}),
        }
        for guest in wanted
    ]


def _checked(entry: Any, index: int, network: ipaddress.IPv4Network) -> dict[str, Any]:
    """One entry of guest_list with each of its values checked; a key that is None counts as left out."""
    if not isinstance(entry, Mapping):
        raise GuestError(f"{entry!r} is not a guest", expected="keys such as 'name: guest1'", guest=index)
    checks: dict[str, Callable[[Any], Any]] = {
        "name": check_name,
        "mac": check_mac,
        "address": lambda value: check_address(value, network),
        "vcpus": lambda value: check_amount(value, "vcpus", 1),
        "memory_mib": lambda value: check_amount(value, "memory_mib", MINIMUM_MEMORY_MIB),
        "pci_device": check_pci_device,
    }
    guest = {}
    for key, value in entry.items():
        if key not in checks:
            raise GuestError(
                f"a guest has no {key!r}",
                expected=f"one of {', '.join(GUEST_KEYS)}",
                guest=index,
                key=str(key),
            )
        if value is None:
            continue
        try:
            guest[key] = checks[key](value)
        except GuestError as error:
            raise GuestError(error.message, expected=error.expected, guest=index, key=key) from None
    return guest


def _refuse_twice(guests: list[dict[str, Any]], key: str) -> set[Any]:
    """The values of ``key`` that were given, if each was given once."""
    seen: dict[Any, int] = {}
    for index, guest in enumerate(guests):
        if key not in guest:
            continue
        value = guest[key]
        if value in seen:
            raise GuestError(
                f"{value} is the {WORDS[key]} of guests {seen[value] + 1} and {index + 1} of guest_list",
                expected=f"each guest with its own {WORDS[key]}, or without, and one is made",
                guest=index,
                key=key,
            )
        seen[value] = index
    return set(seen)


def _name_all(guests: list[dict[str, Any]]) -> None:
    taken = _refuse_twice(guests, "name")
    for number, guest in enumerate(guests, start=1):
        if "name" not in guest:
            while f"guest{number}" in taken:
                number += 1
            guest["name"] = f"guest{number}"
            taken.add(guest["name"])


def _boards(board: ipaddress.IPv4Interface, reserved: Iterable[str]) -> set[ipaddress.IPv4Address]:
    try:
        return {board.ip} | {ipaddress.IPv4Interface(address).ip for address in reserved if address}
    except ValueError as error:
        raise GuestError(f"reserved holds what is no IPv4 address: {error}") from None


def _address_all(
    guests: list[dict[str, Any]],
    board: ipaddress.IPv4Interface,
    boards: set[ipaddress.IPv4Address],
    hosts: range,
) -> None:
    """``boards``: the addresses of all boards; ``hosts``: this dut's host numbers, in its guests' order."""
    network = board.network
    taken = boards | _refuse_twice(guests, "address")
    for index, guest in enumerate(guests):
        if guest.get("address") in boards:
            raise GuestError(
                f"{guest['address']} is the address of a board",
                expected=f"another address in {network}, or none, and one is found",
                guest=index,
                key="address",
            )
    for index, guest in enumerate(guests):
        if "address" in guest:
            continue
        own = (network.network_address + host for host in hosts[index:])
        address = next((candidate for candidate in own if candidate not in taken), None)
        if address is None:
            raise GuestError(
                f"{network} is too small: no address is left for {guest['name']} (host numbers end at"
                f" {network.num_addresses - 2}, this dut's guests begin at {hosts.start})",
                expected="fewer guests, a smaller guest_first_host, or a larger network",
                guest=index,
            )
        guest["address"] = address
        taken.add(address)


def _mac_all(guests: list[dict[str, Any]], dut: str) -> None:
    taken = _refuse_twice(guests, "mac")
    for guest in guests:
        if "mac" not in guest:
            salt, mac = 0, derived_mac(dut, guest["name"])
            while mac in taken:  # only where the user gave another guest this very address
                salt += 1
                mac = derived_mac(dut, f"{guest['name']}\0{salt}")
            guest["mac"] = mac
            taken.add(mac)
