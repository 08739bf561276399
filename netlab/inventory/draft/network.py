# SPDX-License-Identifier: Apache-2.0
"""Addresses of the measured network: of a network that no board knows. Pure.

The first choice is the range that is set aside for measuring network devices (RFC 2544, RFC 6890), then private ones.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from netlab.errors import Problem
from netlab.inventory.draft.answers import Answer, Nic

Network = ipaddress.IPv4Network
PROPOSED = [
    *(f"198.18.{number}.0/24" for number in range(16)),
    *(f"192.168.{number}.0/24" for number in range(20, 36)),
    *(f"10.{number}.20.0/24" for number in range(200, 216)),
]
LONGEST = 25  # prefix: guests have host numbers from 101 on
FORM = f"an IPv4 network with at most {LONGEST} bits of prefix, such as {PROPOSED[0]}"


def read(word: str) -> Network | Problem:
    """The network that was asked for."""
    key = f"--network {word}"
    try:
        network = Network(word, strict=False)
    except ValueError as error:
        return Problem(str(error), key=key, expected=FORM)
    if word != str(network):
        return Problem("it is no network", key=key, expected=f"{network}, or another network")
    special = (network.is_loopback, network.is_link_local, network.is_multicast, network.is_unspecified)
    if any(special) or network.is_reserved:
        return Problem("no board can have an address of it", key=key, expected=FORM)
    if network.prefixlen > LONGEST:
        return Problem("it has no room for guests", key=key, expected=FORM)
    return network


def known(answer: Answer) -> dict[Network, str]:
    """Networks that a board is in or has a way to, and by what."""
    found = {}
    for text in answer.networks:
        found[ipaddress.ip_network(text)] = "has a route to it"
    for nic in answer.nics.values():
        for address in nic.addresses:
            found[ipaddress.ip_interface(address).network] = f"has it at {nic.name}"
    return {network: how for network, how in found.items() if isinstance(network, Network)}


def conflicts(network: Network, answers: Mapping[str, Answer], hosts: Iterable[str]) -> list[str]:
    """Who has another use for it, in words."""
    found = [
        f"{board} {how} ({other})"
        for board, answer in answers.items()
        for other, how in known(answer).items()
        if other.overlaps(network)
    ]
    for host in hosts:
        try:
            inside = ipaddress.ip_address(host) in network
        except ValueError:
            continue  # a name
        found += [f"{host}, where a board is reached, is in it"] * inside
    return found


def proposed(answers: Mapping[str, Answer], hosts: Sequence[str]) -> Network | None:
    """The first that nobody has a use for."""
    free = (network for network in map(Network, PROPOSED) if not conflicts(network, answers, hosts))
    return next(free, None)


def there_already(chosen: Mapping[str, Nic]) -> dict[str, str] | None:
    """The addresses that the measured NICs have, if they have one each of one network with room for guests."""
    found: dict[str, ipaddress.IPv4Interface] = {}
    for board, nic in chosen.items():
        addresses = [ipaddress.ip_interface(address) for address in nic.addresses]
        if len(addresses) != 1 or not isinstance(addresses[0], ipaddress.IPv4Interface):
            return None
        found[board] = addresses[0]
    networks = {address.network for address in found.values()}
    if len(networks) != 1 or len(set(found.values())) != len(found) or networks.pop().prefixlen > LONGEST:
        return None
    return {board: str(address) for board, address in found.items()}


def addresses(network: Network, boards: Sequence[str]) -> dict[str, str]:
    """The network's first ones, in this order."""
    return {
        board: f"{network.network_address + number}/{network.prefixlen}"
        for number, board in enumerate(boards, start=1)
    }
