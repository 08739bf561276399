# SPDX-License-Identifier: Apache-2.0
"""Links as the kernel has them, and the operations on them: rtnetlink(7) through pyroute2, ethtool(8) for offloads."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import link_features, rtnetlink
from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, operation

try:
    IPRoute, NetlinkError = rtnetlink.load()
except ImportError:  # check mode on a board whose packages would have been installed by now
    IPRoute = None
    NetlinkError = OSError

IFF_UP = 0x1
IFF_PROMISC = 0x100
PROTO_KERNEL = 2  # rtm_protocol of routes that the kernel makes by itself, rtnetlink(7)
TABLE_MAIN = 254
TABLE_LOCAL = 255  # the kernel's own, which it fills from the addresses
TYPE_UNICAST = 1  # rtm_type
ONLINK = 0x4  # RTNH_F_ONLINK; the other flags of a route are the kernel's


@contextlib.contextmanager
def _netlink() -> Iterator[Any]:
    if IPRoute is None:
        raise BoardError("this board's Python has no pyroute2: package python3-pyroute2")
    with IPRoute() as ip:
        yield ip


def read(names_with_features: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """Every link of the board by name; offloads (slow: a program each) only for the names asked for."""
    with _netlink() as ip:
        messages = list(ip.get_links())
        names = {message["index"]: message.get_attr("IFLA_IFNAME") for message in messages}
        links = {names[message["index"]]: _link(message, names) for message in messages}
        for message in ip.get_addr(family=2):
            address = (
                f"{message.get_attr('IFA_LOCAL') or message.get_attr('IFA_ADDRESS')}/{message['prefixlen']}"
            )
            # a link that came up since the links were read is not ours to know
            if message["index"] in names:
                links[names[message["index"]]]["addresses"].append(address)
        # of all tables: with a link's last address the kernel drops its routes from each (fib_disable_ip)
        for message in ip.get_routes(family=2):
            if _table(message) != TABLE_LOCAL and message["proto"] != PROTO_KERNEL:
                _add_route(links, names, message)
    for name in names_with_features:
        if name in links:
            links[name]["features"], links[name]["fixed_features"] = link_features.read(name)
    return links


def _link(message: Any, names: dict[int, str]) -> dict[str, Any]:
    info = message.get_attr("IFLA_LINKINFO")
    kind = info.get_attr("IFLA_INFO_KIND") if info else None
    # a persistent tap and a tun are one kind to the kernel
    kind = "tap" if kind in ("tun", "tuntap") else kind
    return {
        "name": message.get_attr("IFLA_IFNAME"),
        "index": message["index"],
        "kind": kind,
        "alias": message.get_attr("IFLA_IFALIAS") or "",
        "mac": message.get_attr("IFLA_ADDRESS"),
        "mtu": message.get_attr("IFLA_MTU"),
        "master": names.get(message.get_attr("IFLA_MASTER"), ""),
        "parent": names.get(message.get_attr("IFLA_LINK")),
        "up": bool(message["flags"] & IFF_UP),
        "promiscuous": bool(message["flags"] & IFF_PROMISC),
        "carrier": bool(message.get_attr("IFLA_CARRIER")),
        "addresses": [],
        "routes": [],
        "multipath": [],
        "features": {},
        "fixed_features": [],
    }


def _add_route(links: dict[str, dict[str, Any]], names: dict[int, str], message: Any) -> None:
    out = names.get(message.get_attr("RTA_OIF"))
    if out:
        links[out]["routes"].append(_route(message))
    # one of several ways is not a route that could be added by itself: it is only told
    for index in {way["oif"] for way in message.get_attr("RTA_MULTIPATH") or []} & set(names):
        table = _table(message)
        text = f"{_destination(message)} (table {'main' if table == TABLE_MAIN else table})"
        links[names[index]]["multipath"].append(text)


def _table(message: Any) -> int:
    """The header has 8 bits for it, and those of a table beyond are in the attribute alone."""
    return int(message.get_attr("RTA_TABLE") or message["table"])


def _destination(message: Any) -> str:
    destination = message.get_attr("RTA_DST")
    return f"{destination}/{message['dst_len']}" if destination else "default"


def _route(message: Any) -> dict[str, Any]:
    """As IPRoute.route() takes it, and JSON: it goes into the ledger. What is as usual is left out."""
    table = _table(message)
    route = {
        "dst": _destination(message),
        "gateway": message.get_attr("RTA_GATEWAY"),
        "prefsrc": message.get_attr("RTA_PREFSRC"),
        "priority": message.get_attr("RTA_PRIORITY"),
        "proto": message["proto"],
        "scope": message["scope"],
        "table": table if table != TABLE_MAIN else None,
        "type": message["type"] if message["type"] != TYPE_UNICAST else None,
        "tos": message["tos"] or None,
        "flags": message["flags"] & ONLINK or None,
        "metrics": _metrics(message.get_attr("RTA_METRICS")) or None,
        "via": message.get_attr("RTA_VIA"),
        "flow": message.get_attr("RTA_FLOW"),
    }
    return {key: value for key, value in route.items() if value is not None}


def _metrics(nested: Any) -> dict[str, Any]:
    """By the names that ip.route() takes, as {"mtu": 1400}; one that this pyroute2 does not know is left out."""
    attributes = [(attribute[0], attribute[1]) for attribute in nested["attrs"]] if nested else []
    return {
        name.removeprefix("RTAX_").lower(): value for name, value in attributes if name.startswith("RTAX_")
    }


def _index(ip: Any, name: str) -> int | None:
    found = ip.link_lookup(ifname=name)
    return found[0] if found else None


def _need(ip: Any, name: str) -> int:
    index = _index(ip, name)
    if index is None:
        raise BoardError(f"interface {name} is gone")
    return index


@operation("link.add", "add {kind} {name}", volatile=True)
def add(name: str, kind: str, parent: str | None = None, mac: str | None = None) -> None:
    with _netlink() as ip:
        if _index(ip, name) is None:
            extra: dict[str, Any] = {"address": mac} if mac else {}
            if kind == "tap":
                ip.link("add", ifname=name, kind="tuntap", mode="tap")
                if mac:
                    ip.link("set", index=_need(ip, name), address=mac)
            elif kind == "macvtap":
                # bridge mode: guests on one parent reach each other; private and vepa do not
                ip.link(
                    "add", ifname=name, kind=kind, link=_need(ip, str(parent)), macvtap_mode="bridge", **extra
                )
            else:
                ip.link("add", ifname=name, kind=kind, **extra)
        index = _need(ip, name)
        ip.link("set", index=index, ifalias=MARK)
    if kind == "macvtap":
        _make_tap_node(name)


def _make_tap_node(name: str) -> None:
    """/dev/tapN of a macvtap, where no udev makes it: numbers from sysfs."""
    (device,) = Path(f"/sys/class/net/{name}").glob("tap*/dev")
    node = Path("/dev") / device.parent.name
    if not node.exists():
        major, minor = device.read_text(encoding="ascii").strip().split(":")
        os.mknod(node, mode=stat.S_IFCHR | 0o600, device=os.makedev(int(major), int(minor)))


@operation("link.delete", "delete {kind} {name}", volatile=True)
def delete(name: str, kind: str | None = None) -> None:
    """Only a link of ours: with our mark, or just born by us (of that kind, not marked yet by anybody)."""
    with _netlink() as ip:
        index = _index(ip, name)
        if index is None:
            return
        (message,) = ip.get_links(index)
        link = _link(message, {})
        if link["alias"] != MARK and not (link["alias"] == "" and link["kind"] == kind):
            raise Refusal(
                f"interface {name} is not this testbed's (its alias is {link['alias']!r}): left as it is"
            )
        try:
            ip.link("del", index=index)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise
    if kind == "macvtap":
        node = Path(f"/dev/tap{index}")
        if node.is_char_device():
            node.unlink()


@operation("link.set", "set {name} {settings}", volatile=True)
def set_link(name: str, settings: dict[str, Any]) -> None:
    """Settings by name: mac, mtu, master ("" is none), promiscuous, up. A link that is gone has nothing to set."""
    with _netlink() as ip:
        index = _index(ip, name)
        if index is None:
            return
        request: dict[str, Any] = {}
        if "mtu" in settings:
            request["mtu"] = settings["mtu"]
        if "master" in settings:
            request["master"] = _need(ip, settings["master"]) if settings["master"] else 0
        if "mac" in settings:
            request["address"] = settings["mac"]
        if request:
            ip.link("set", index=index, **request)
        bits = {"up": IFF_UP, "promiscuous": IFF_PROMISC}
        mask = sum(bit for key, bit in bits.items() if key in settings)
        if mask:
            on = sum(bit for key, bit in bits.items() if settings.get(key))
            ip.link("set", index=index, flags=on, change=mask)


@operation("link.address_add", "add {address} to {name}", volatile=True)
def address_add(name: str, address: str, routes: list[dict[str, Any]]) -> None:
    """The address, then the routes that the kernel dropped with it."""
    with _netlink() as ip:
        index = _index(ip, name)
        if index is None:
            return
        host, _, length = address.partition("/")
        broadcast = str(ipaddress.ip_interface(address).network.broadcast_address)
        with _tolerating(errno.EEXIST):
            ip.addr("add", index=index, address=host, prefixlen=int(length), broadcast=broadcast)
        # a gateway is reached over a route without one, which has to be there first
        for route in sorted(routes, key=lambda route: "gateway" in route):
            with _tolerating(errno.EEXIST):
                ip.route("add", oif=index, **route)


@operation("link.address_delete", "remove {address} from {name}", volatile=True)
def address_delete(name: str, address: str) -> None:
    with _netlink() as ip:
        index = _index(ip, name)
        if index is None:
            return
        host, _, length = address.partition("/")
        with _tolerating(errno.EADDRNOTAVAIL):
            ip.addr("delete", index=index, address=host, prefixlen=int(length))


@contextlib.contextmanager
def _tolerating(code: int) -> Iterator[None]:
    """What the kernel says when a thing is already as asked."""
    try:
        yield
    except NetlinkError as error:
        if error.code != code:
            raise
