# SPDX-License-Identifier: Apache-2.0
"""From the links that are to the links that should be. Pure: no netlink, no root."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase as fnmatch
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, Step

MARK = "netlab-testbed"  # ifalias of every link that we make

# What a link of ours is like the moment it is born; the planner continues from here.
NEWBORN: dict[str, Any] = {
    "alias": MARK, "master": "", "up": False, "promiscuous": False, "mtu": 1500, "addresses": [], "routes": [],
    "multipath": [], "features": {},
}  # fmt: skip
# What a link of a module's list is told by; described in doc_fragments/links.py.
OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["bridge", "tap", "macvtap"]},
    "parent": {"type": "str"},
    "mac": {"type": "str"},
    "mtu": {"type": "int"},
    "master": {"type": "str"},
    "up": {"type": "bool"},
    "promiscuous": {"type": "bool"},
    "addresses": {"type": "list", "elements": "str"},
    "features": {"type": "dict"},
}
SETTABLE = ("mac", "mtu", "promiscuous", "master", "up")

Link = Mapping[str, Any]


def plan(current: Mapping[str, Link], wanted: Sequence[Link], surplus: str = "") -> list[Step]:
    """Steps that make every wanted link so, in the order given (a bridge before its ports).

    ``current`` maps names to links as :func:`link_ops.read` gives them. A wanted key that is absent or None
    is left as it is; ``addresses`` is the whole list of IPv4 addresses that the link is to have.
    ``surplus`` is a pattern (fnmatch): a link of ours whose name it matches, and that is not wanted, goes.
    """
    there = {name: dict(link) for name, link in current.items()}
    names = {link["name"] for link in wanted}
    # Nothing to undo: its making is in the ledger, and that entry's undo ends in the same absence.
    steps = [
        Step("link.delete", {"name": name, "kind": link["kind"]})
        for name, link in current.items()
        if link.get("alias") == MARK and fnmatch(name, surplus) and name not in names
    ]
    for link in wanted:
        name = link["name"]
        if link.get("kind"):
            steps += _make(there, link)
        elif name not in there:
            others = ", ".join(sorted(set(there) - {"lo"})) or "none"
            raise BoardError(f"this board has no interface {name}; it has: {others}")
        steps += _drop_addresses(there[name], link)
        steps += _features(there[name], link)
        steps += _settings(there, link)
        steps += _add_addresses(there[name], link)
    return steps


def _make(there: dict[str, dict[str, Any]], link: Link) -> list[Step]:
    name, kind = link["name"], link["kind"]
    old = there.get(name)
    if old is not None:
        if old.get("alias") != MARK:
            raise Refusal(
                f"interface {name} is there already and is not this testbed's: rename or remove it first"
            )
        if old.get("kind") == kind and old.get("parent") in (link.get("parent"), None):
            return []
        # ours, but of another make: its first entry in the ledger already ends in its absence
        del there[name]
        return [Step("link.delete", {"name": name, "kind": old.get("kind")}), *_make(there, link)]
    if kind == "macvtap" and link.get("parent") not in there:
        raise BoardError(f"this board has no interface {link.get('parent')} to put {name} on")
    args = {"name": name, "kind": kind, "parent": link.get("parent"), "mac": link.get("mac")}
    there[name] = {
        **NEWBORN,
        "name": name,
        "kind": kind,
        "parent": link.get("parent"),
        "mac": link.get("mac"),
    }
    return [Step("link.add", args, undo=Step("link.delete", {"name": name, "kind": kind}))]


def _drop_addresses(old: dict[str, Any], link: Link) -> list[Step]:
    if link.get("addresses") is None:
        return []
    surplus = [address for address in old["addresses"] if address not in link["addresses"]]
    # With the first address of a network the kernel drops those that were added after it (ip-sysctl,
    # promote_secondaries): they go before it, and what is wanted of them is added again.
    networks: set[Any] = set()
    going = []
    for address in old["addresses"]:
        network = ipaddress.ip_interface(address).network
        if address in surplus or network in networks:
            networks.add(network)
            going.append(address)
    name = link["name"]
    if going and old.get("multipath"):
        raise Refusal(
            f"interface {name} is one of several ways of the route {old['multipath'][0]}, which would be torn or lost "
            f"with {going[0]}: remove the route, or choose another interface"
        )
    steps = []
    # Last first, so that undoing restores their order; and the routes, which may prefer any of the addresses as
    # their source, come back with the one that comes back last.
    for place, address in enumerate(reversed(going)):
        routes = list(old["routes"]) if place == 0 else []
        restore = Step("link.address_add", {"name": name, "address": address, "routes": routes})
        steps.append(Step("link.address_delete", {"name": name, "address": address}, undo=restore))
        old["addresses"] = [other for other in old["addresses"] if other != address]
    return steps


def _add_addresses(old: dict[str, Any], link: Link) -> list[Step]:
    name = link["name"]
    missing = [address for address in link.get("addresses") or [] if address not in old["addresses"]]
    old["addresses"] = [*old["addresses"], *missing]
    return [
        Step(
            "link.address_add",
            {"name": name, "address": address, "routes": []},
            undo=Step("link.address_delete", {"name": name, "address": address}),
        )
        for address in missing
    ]


def _settings(there: dict[str, dict[str, Any]], link: Link) -> list[Step]:
    old = there[link["name"]]
    new = {key: link[key] for key in SETTABLE if link.get(key) is not None and link[key] != old.get(key)}
    if not new:
        return []
    if new.get("master") and new["master"] not in there:
        raise BoardError(f"this board has no bridge {new['master']} to put {link['name']} in")
    if new.get("master") and old.get("master") and there[old["master"]].get("alias") != MARK:
        raise Refusal(f"interface {link['name']} is a port of {old['master']}, which is not this testbed's")
    before = {key: old.get(key) for key in new}
    if before.get("mac", "") is None:
        del before["mac"]  # the kernel chose it at birth: nothing to go back to
    old.update(new)
    return [
        Step(
            "link.set",
            {"name": link["name"], "settings": new},
            undo=Step("link.set", {"name": link["name"], "settings": before}),
        )
    ]


def _features(old: dict[str, Any], link: Link) -> list[Step]:
    """Offloads, by ethtool's own names. A feature that the driver lacks or has fixed must be so already."""
    wanted = link.get("features") or {}
    new = {key: value for key, value in wanted.items() if old["features"].get(key, False) != value}
    if not new:
        return []
    if old["features"]:
        fixed = [key for key in new if key not in old["features"] or key in old.get("fixed_features", [])]
        if fixed:
            raise BoardError(
                f"interface {link['name']}: its driver does not let {', '.join(fixed)} be changed"
            )
    before = {key: old["features"][key] for key in new if key in old["features"]}
    old["features"] = {**old["features"], **new}
    args = {"name": link["name"], "features": new}
    return [
        Step("link.features", args, undo=Step("link.features", {"name": link["name"], "features": before}))
    ]
