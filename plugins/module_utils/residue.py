# SPDX-License-Identifier: Apache-2.0
"""What is left of us on a board: it as it was before our first change, compared with now.

Looked at before the ledger's first entry, and again once the ledger is replayed. It reads the kernel and the file
system, and not the ledger, so it sees also what an undo has missed.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import process_ops
from ansible_collections.netlab.testbed.plugins.module_utils.sriov import pci

Look = dict[str, Any]

IP_TIMEOUT = 10  # seconds
LINK_MARK = "netlab-testbed"  # as link_plan has it, whose import is slower than all of this
PROCESS_MARK = b"NETLAB_TESTBED_DAEMON="
FOLDERS = ("/var/lib/netlab-testbed", "/run/netlab-testbed")
# of a route: what the kernel says of its carrier, and of a switch's chip that has the route, too
VOLATILE = {
    "dead",
    "linkdown",
    "offload",
    "offload_failed",
    "rt_offload",
    "rt_offload_failed",
    "rt_trap",
    "trap",
}
BY_HAND = {"boot", "static"}  # protocols of the routes that no program keeps, as `ip route add` makes them
# Of the record itself, which goes last; and the list of packages, which stay.
OWN = ("before.json", "ledger", "os-packages")


def look(folders: Collection[str] = FOLDERS) -> Look:
    """Links with their addresses, routes, mounts, pinned BPF objects, named namespaces, programs and files of ours."""
    return {
        "links": _links(),
        "routes": _routes(),
        "mounts": sorted({line.split()[1] for line in _lines("/proc/self/mounts")}),
        "pins": _below("/sys/fs/bpf"),
        "namespaces": _below("/run/netns"),
        "programs": sorted(_programs()),
        "files": sorted(path for folder in folders for path in _below(folder)),
        "devices": _devices(),
    }


def _devices(sys: Path = pci.SYS) -> dict[str, dict[str, Any]]:
    """NICs on PCI: who drives each, and how many virtual functions it has."""
    return {
        address: {
            "driver": pci.driver(address, sys),
            "driver_override": pci.override(address, sys),
            "virtual functions": pci.number_of_virtual(address, sys),
        }
        for address in sorted(path.name for path in (sys / "bus/pci/devices").glob("*"))
        if pci.base_class(address, sys) == pci.NETWORK
    }


def _links() -> dict[str, Any]:
    argv = ["ip", "-json", "-details", "address", "show"]
    told = subprocess.run(argv, capture_output=True, timeout=IP_TIMEOUT, check=True).stdout
    return {
        link["ifname"]: {
            "alias": link.get("ifalias", ""),
            "mac": link.get("address", ""),
            "mtu": link["mtu"],
            "master": link.get("master", ""),
            "up": "UP" in link["flags"],
            "promiscuous": bool(link.get("promiscuity")),
            "xdp": "xdp" in link,
            "addresses": sorted(
                f"{address['local']}/{address['prefixlen']}"
                for address in link["addr_info"]
                if address["family"] == "inet"
            ),
        }
        for link in filter(None, json.loads(told))
    }


def _routes() -> list[str]:
    """IPv4 routes of all tables; as text, since ip(8) leaves some of a route out of its JSON (a metric's lock)."""
    argv = ["ip", "-4", "-oneline", "-details", "route", "show", "table", "all"]
    told = subprocess.run(argv, capture_output=True, timeout=IP_TIMEOUT, check=True).stdout
    return sorted(filter(None, map(route, told.decode(errors="replace").splitlines())))


def route(line: str) -> str:
    """A line of ip-route(8) without what changes by itself; empty for a route that the kernel made. Pure."""
    words = [word for word in line.replace("\\", " ").split() if word not in VOLATILE]
    # an indented line describes the nexthop of the line before it
    if (
        not words
        or line[0].isspace()
        or _after("proto", words) & {"kernel"}
        or _after("table", words) & {"local"}
    ):
        return ""
    return " ".join(words)


def _after(key: str, words: list[str]) -> set[str]:
    return {value for word, value in itertools.pairwise(words) if word == key}


def _programs() -> Iterator[str]:
    """Names of the programs that bear our mark: a daemon's name."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            for item in environment.read_bytes().split(b"\0"):
                if item.startswith(PROCESS_MARK) and process_ops.of_this_machine(environment.parent):
                    yield item.partition(b"=")[2].decode(errors="replace")
        except OSError:  # it ended
            continue


def _below(folder: str) -> list[str]:
    try:
        return sorted(
            str(path)
            for path in Path(folder).rglob("*")
            if path.is_symlink() or not path.is_dir()
            if not set(OWN) & set(path.relative_to(folder).parts)
        )
    except OSError:
        return []


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()


def compare(before: Look, now: Look) -> list[dict[str, str]]:
    """What is not as it was: ``what``, and ``why`` where it is none of our doing, else an empty string. Pure."""
    found = [*_of_links(before["links"], now["links"])]
    # a record of an earlier version has no devices, and no routes
    if "routes" in before:
        found += _of_routes(before, now)
    found += _of_devices(before.get("devices", {}), now.get("devices", {}))
    for kind, ours in (
        ("mounts", "netlab-testbed"),
        ("pins", "netlab-testbed"),
        ("namespaces", ""),
        ("programs", ""),
        ("files", ""),
    ):
        one = kind.removesuffix("s")
        for thing in sorted(set(now[kind]) - set(before[kind])):
            why = "" if ours in thing else "it does not bear this testbed's mark"
            found.append({"what": f"{one} {thing} is new", "why": why})
        found += [
            {"what": f"{one} {thing} is gone", "why": "" if ours in thing else "no deploy removes one"}
            for thing in sorted(set(before[kind]) - set(now[kind]))
        ]
    return found


def _of_links(before: dict[str, Any], now: dict[str, Any]) -> Iterator[dict[str, str]]:
    for name in sorted(set(before) | set(now)):
        if name not in before:
            ours = now[name]["alias"] == LINK_MARK
            yield {
                "what": f"link {name} is new",
                "why": "" if ours else "it does not bear this testbed's mark",
            }
        elif name not in now:
            yield {"what": f"link {name} is gone", "why": "no deploy removes a link that it has not made"}
        else:
            for key, then in before[name].items():
                if now[name].get(key) != then:
                    what = f"{key} of link {name} was {_words(then)} and is {_words(now[name].get(key))}"
                    yield {"what": what, "why": ""}


def _of_routes(before: Look, now: Look) -> Iterator[dict[str, str]]:
    """A route that was changed is gone, and new. Any link that was there may be one whose addresses we took."""
    there = set(before["links"])
    ours = {name for name, link in now["links"].items() if link["alias"] == LINK_MARK}
    for line in sorted(set(now["routes"]) - set(before["routes"])):
        yield {"what": f"route {line} is new", "why": _why_new(line.split(), there | ours)}
    for line in sorted(set(before["routes"]) - set(now["routes"])):
        yield {"what": f"route {line} is gone", "why": _why_gone(line.split(), set(now["links"]))}


def _why_new(words: list[str], links: set[str]) -> str:
    if programs := _after("proto", words) - BY_HAND:
        return f"a program of the board keeps it (proto {', '.join(programs)})"
    if links & _after("dev", words):
        return ""
    return "it is on no link of this testbed, nor on one that was there"


def _why_gone(words: list[str], links: set[str]) -> str:
    ways = _after("dev", words)
    if not ways:
        return "no deploy removes a route that is on no link"
    return "" if ways <= links else "its link is gone"


def _of_devices(before: dict[str, Any], now: dict[str, Any]) -> Iterator[dict[str, str]]:
    """A device that came or went is told by the count of the NIC whose virtual function it is, or was plugged."""
    for address in sorted(set(before) & set(now)):
        for key, then in before[address].items():
            if now[address].get(key) != then:
                what = (
                    f"{key} of PCI device {address} was {_words(then)} and is {_words(now[address].get(key))}"
                )
                yield {"what": what, "why": ""}


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(value) if isinstance(value, list) else str(value)) or "none"
