# SPDX-License-Identifier: Apache-2.0
"""From the Open vSwitch bridges that are to those that should be. Pure: asks no program, needs no root.

A bridge and a port that are taken away without an undo were ours: the undo of their making, in the ledger
already, ends in the same absence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import link_plan
from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Refusal, Step

USERSPACE = "netdev"  # datapath_type of the datapath in ovs-vswitchd itself; "system" is the kernel's
SETTABLE = ("datapath_type", "fail_mode", "mac")
# A device that the userspace datapath makes for itself, one on a board.
USERSPACE_DEVICE = "ovs-netdev"
STRICT = 1  # net.ipv4.conf.*.rp_filter: a packet must come in where an answer would go out, RFC 3704 2.2

Bridge = Mapping[str, Any]
Link = Mapping[str, Any]


def plan(current: Mapping[str, Bridge], links: Mapping[str, Link], wanted: Sequence[Bridge]) -> list[Step]:
    """Steps that leave exactly the wanted bridges of ours.

    ``current`` is what :func:`ovs_state.read` gives: by name ``ours``, ``datapath_type``, ``fail_mode``,
    ``mac``, ``ports`` (name -> whether it is ours) and ``counted`` (the uplink whose frames are counted
    apart). ``links`` is the board's interfaces, each with ``rp_filter``. A wanted mac, addresses or up of
    None is left as it is.
    """
    names = {bridge["name"] for bridge in wanted}
    steps = [
        Step("ovs.bridge_delete", {"name": name})
        for name, bridge in current.items()
        if bridge["ours"] and name not in names
    ]
    # an interface is a port of one bridge: out of the one before it goes into the other
    steps += [step for bridge in wanted for step in _surplus_ports(current.get(bridge["name"]), bridge)]
    for bridge in wanted:
        old = current.get(bridge["name"])
        steps += _make(links, bridge, current) if old is None else _change(old, bridge)
        steps += _mark(old, links, bridge)
        steps += _ports(old, links, bridge)
        steps += _count(old, bridge)
        steps += _local_link(old, links, bridge)
    return steps


def _make(links: Mapping[str, Link], bridge: Bridge, current: Mapping[str, Bridge]) -> list[Step]:
    name = bridge["name"]
    if name in links and links[name].get("alias") != MARK:
        raise Refusal(f"interface {name} is there already and not this testbed's: rename or remove it first")
    device = links.get(USERSPACE_DEVICE)
    if bridge["datapath_type"] == USERSPACE and not current and device and device.get("alias") != MARK:
        raise Refusal(
            f"another Open vSwitch on this board has a userspace datapath ({USERSPACE_DEVICE}), and there can"
            " be one: stop it, or use the kernel's datapath"
        )
    args = {key: bridge.get(key) for key in ("name", *SETTABLE)}
    return [Step("ovs.bridge_add", args, undo=Step("ovs.bridge_delete", {"name": name}))]


def _change(old: Bridge, bridge: Bridge) -> list[Step]:
    name = bridge["name"]
    if not old["ours"]:
        raise Refusal(f"bridge {name} is not this testbed's: it lacks external_ids:{MARK}=true")
    new = {key: bridge[key] for key in SETTABLE if bridge.get(key) is not None and bridge[key] != old[key]}
    if not new:
        return []
    before = {key: old[key] for key in new}
    return [
        Step(
            "ovs.bridge_set",
            {"name": name, "settings": new},
            undo=Step("ovs.bridge_set", {"name": name, "settings": before}),
        )
    ]


def _mark(old: Bridge | None, links: Mapping[str, Link], bridge: Bridge) -> list[Step]:
    """An ovs-vswitchd that finds a bridge in its database at its start has made the interfaces anew."""
    devices = [bridge["name"], *([USERSPACE_DEVICE] if bridge["datapath_type"] == USERSPACE else [])]
    unmarked = [device for device in devices if device in links and links[device].get("alias") != MARK]
    return [Step("ovs.mark_links", {"name": bridge["name"]})] if old and unmarked else []


def _surplus_ports(old: Bridge | None, bridge: Bridge) -> list[Step]:
    name = bridge["name"]
    there: Mapping[str, bool] = old["ports"] if old else {}
    surplus = [port for port in there if port not in bridge["ports"]]
    foreign = [port for port in surplus if not there[port]]
    if foreign:
        raise Refusal(
            f"bridge {name} has a port that this testbed did not add, {', '.join(foreign)}: "
            f"take it out first (ovs-vsctl del-port {name} {foreign[0]})"
        )
    return [Step("ovs.ports_delete", {"bridge": name, "ports": surplus})] if surplus else []


def _ports(old: Bridge | None, links: Mapping[str, Link], bridge: Bridge) -> list[Step]:
    there: Mapping[str, bool] = old["ports"] if old else {}
    missing = [port for port in bridge["ports"] if port not in there]
    for port in missing:
        master = links.get(port, {}).get("master")
        if master and links.get(master, {}).get("alias") != MARK:
            raise Refusal(f"interface {port} is a port of {master}, which is not this testbed's")
    steps = _prepare(links, bridge)
    if missing:
        args = {"bridge": bridge["name"], "ports": missing}
        steps.append(Step("ovs.ports_add", args, undo=Step("ovs.ports_delete", args)))
    return steps


def _prepare(links: Mapping[str, Link], bridge: Bridge) -> list[Step]:
    """What the userspace datapath's ports must be like. It reads and writes them through packet sockets.

    Promiscuous by us: ovs-vswitchd makes them so too, but does not set it back when it is killed.

    Closed to the kernel's IPv4: each frame also goes on into the kernel's own stack at the port, where an ARP
    request for the board is answered past the bridge and a packet to the board arrives a second time
    (measured). A port has no route, so a strict reverse path filter drops it there.
    """
    if bridge["datapath_type"] != USERSPACE:
        return []
    ports = {port: links.get(port, link_plan.NEWBORN) for port in bridge["ports"]}
    steps = link_plan.plan(ports, [{"name": port, "promiscuous": True} for port in ports])
    return [*steps, *_close(links, bridge)]


def _close(links: Mapping[str, Link], bridge: Bridge) -> list[Step]:
    before = {port: links.get(port, {}).get("rp_filter", 0) for port in bridge["ports"]}
    open_ports = {port: value for port, value in before.items() if value != STRICT}
    if not open_ports:
        return []
    return [
        Step(
            "ovs.reverse_path_filter",
            {"values": dict.fromkeys(open_ports, STRICT)},
            undo=Step("ovs.reverse_path_filter", {"values": open_ports}),
        )
    ]


def _count(old: Bridge | None, bridge: Bridge) -> list[Step]:
    """A flow of its own for what the uplink brings. It ends with the bridge: nothing to undo."""
    uplink = bridge.get("uplink")
    if not uplink:
        return []
    # Another fail_mode or datapath clears the flows, and a port that is put in anew may get another number.
    same = old and all(bridge.get(key) in (None, old[key]) for key in SETTABLE) and uplink in old["ports"]
    if old and same and old["counted"] == uplink:
        return []
    return [Step("ovs.count", {"bridge": bridge["name"], "uplink": uplink})]


def _local_link(old: Bridge | None, links: Mapping[str, Link], bridge: Bridge) -> list[Step]:
    """The bridge's own interface, an ordinary link of the board that another kind of datapath makes anew."""
    name = bridge["name"]
    newborn = {**link_plan.NEWBORN, "name": name}
    there = old is not None and old["datapath_type"] == bridge["datapath_type"]
    now = links.get(name, newborn) if there else newborn
    wanted = {key: bridge.get(key) for key in ("name", "addresses", "up")}
    return link_plan.plan({**links, name: now}, [wanted])
