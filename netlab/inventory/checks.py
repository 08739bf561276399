# SPDX-License-Identifier: Apache-2.0
"""What must fit together: the groups, the boards' addresses, their NICs and connections.

Cables of local boards are looked at in cable_checks.py, guests in guest_checks.py.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from netlab.errors import Problem
from netlab.inventory.definitions import is_template
from netlab.inventory.marked import MAXIMUM_BOARDS, Marked, Place
from netlab.inventory.suggest import closest
from netlab.inventory.tree import Tree
from netlab.inventory.variables import HOST_NAME, expected_text

_LOCAL_CONNECTIONS = ("local", "ansible.builtin.local", "netlab.testbed.local_board")


@dataclass
class Candidate:
    """A dut or peer on its way to be a Board: what is known of it, valid or not.

    ``variables`` are the definitions that won, without those that are wrong in themselves: these are named in
    ``wrong`` and reported already, and what depends on them is not looked at.
    """

    name: str
    place: Place
    role: str  # dut, peer, or other
    groups: frozenset[str]
    variables: dict[str, Marked] = field(default_factory=dict, repr=False)
    wrong: frozenset[str] = frozenset()

    def text(self, name: str) -> str | None:
        """A variable's value, if it is a text that no template has to make first."""
        marked = self.variables.get(name)
        value = None if marked is None else marked.value
        return value if isinstance(value, str) and not is_template(value) else None

    @cached_property
    def interface(self) -> ipaddress.IPv4Interface | None:
        text = self.text("board_address")
        return None if text is None else ipaddress.IPv4Interface(text)

    def problem(self, name: str, message: str, expected: str) -> Problem:
        """A problem with one of its variables."""
        return self.variables[name].place.problem(name, message, expected)


def check_groups(tree: Tree) -> Iterator[Problem]:
    """There is at least one dut and one peer, no board is both, and there are not too many."""
    members = {group: tree.hosts_of(group) for group in ("duts", "peers", "local_boards")}
    for group, what in (("duts", "hosts guests"), ("peers", "is at the other end of the measured cable")):
        expected = f"at least one board in {group}: a board that {what}"
        if group not in tree.groups:
            close = closest(group, set(tree.groups) - {"all", "ungrouped", "duts", "peers"}, 0.7)
            message = f"there is no group {group}" + (f" (there is {close})" if close else "")
            yield tree.groups[close or "all"].place.problem(close, message, expected)
        elif not members[group]:
            yield tree.groups[group].place.problem(group, "the group has no board", expected)
    for group, hosts in members.items():
        if len(hosts) > MAXIMUM_BOARDS:
            yield tree.groups[group].place.problem(
                group, f"the group has {len(hosts)} boards", f"at most {MAXIMUM_BOARDS}"
            )
    for host in members["duts"]:
        if host in members["peers"]:
            yield tree.hosts[host].place.problem(
                host,
                "the board is in duts and in peers",
                "one of the two groups: the peer of a dut is another board",
            )


def check_board(board: Candidate, tree: Tree) -> Iterator[Problem]:
    """One board, by itself."""
    if not re.fullmatch(HOST_NAME, board.name):
        expected = (
            "letters, digits, '.', '_' or '-', with a letter or digit at both ends, at most 63 characters"
        )
        yield board.place.problem(None, f"{board.name!r} cannot name a board", expected)
    for name in ("board_nic", "board_address"):
        if name not in board.variables and name not in board.wrong:
            yield board.place.problem(
                board.name, f"the {board.role} has no {name}", f"{name}: {expected_text(name)}"
            )
    yield from _check_connection(board)
    host = board.text("board_package_host")
    if host is not None and host not in tree.hosts and host != "localhost":
        close = closest(host, tree.hosts)
        expected = f"{close}, or localhost" if close else expected_text("board_package_host")
        yield board.problem("board_package_host", f"no host is called {host}", expected)


def _check_connection(board: Candidate) -> Iterator[Problem]:
    """The measured NIC is not the one that Ansible's own traffic takes."""
    nic = board.text("board_nic")
    if nic is not None and nic == board.text("board_connection_nic"):
        yield board.problem(
            "board_nic",
            f"{nic} is also board_connection_nic: building a datapath on it would cut Ansible off",
            "another interface of the board, one that carries nothing but measured traffic",
        )
    if board.text("ansible_connection") in _LOCAL_CONNECTIONS:
        return
    named = "ansible_host" in board.variables
    host = board.text("ansible_host") if named else board.name
    try:
        address = ipaddress.IPv4Address(host or "")
    except ValueError:
        return  # a name: what it resolves to is looked at on the board
    if board.interface is None or address not in board.interface.network:
        return
    message = (
        f"Ansible reaches {board.name} at {address}, inside the measured network {board.interface.network}:"
        " building a datapath there would cut it off"
    )
    expected = "the address of a management interface, in another network than board_address"
    if named:
        yield board.problem("ansible_host", message, expected)
    else:
        yield board.place.problem(board.name, message, f"ansible_host: {expected}")


def check_addresses(boards: list[Candidate]) -> Iterator[Problem]:
    """No two boards share an address, and each dut has a peer in its network."""
    owners: dict[ipaddress.IPv4Address, Candidate] = {}
    for board in boards:
        if board.interface is None:
            continue
        ip = board.interface.ip
        other = owners.setdefault(ip, board)
        if other is board:
            continue
        where = other.variables["board_address"].place
        if where == board.variables["board_address"].place:
            message = f"{other.name} and {board.name} would both have {ip}"
            expected = "an address for each board, below the board's own name"
        else:
            message = f"{ip} is the address of {other.name} too ({where})"
            expected = f"another address in {board.interface.network}"
        yield board.problem("board_address", message, expected)

    peers = [board.interface for board in boards if board.role == "peer"]
    networks = dict.fromkeys(interface.network for interface in peers if interface is not None)
    if None in peers or not networks:
        return  # reported already
    for dut in boards:
        if dut.role == "dut" and dut.interface is not None and dut.interface.network not in networks:
            yield dut.problem(
                "board_address",
                f"no peer is in the network of {dut.name}, {dut.interface.network}",
                f"an address in a peer's network ({', '.join(map(str, networks))}), with its prefix length",
            )
