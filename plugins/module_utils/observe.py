# SPDX-License-Identifier: Apache-2.0
"""What a board looks like where a deployment touched it: recorded when it is whole, compared with later.

The comparison answers two questions: whether a deploy has anything to do, and what has drifted. It reads the
board itself, each family of objects with the reader that its planner uses, so it sees what anybody else changed
as well as what failed. What changes by itself (counters, carriers, indices) is left out.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger, boot_id
from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

Entry = dict[str, Any]
IP_TIMEOUT = 10  # seconds
BOOT = "boot"  # not a family: which boot of the board it was
REBOOTED = "the board was rebooted since it was deployed"


def _links(entries: list[Entry]) -> dict[str, Any]:
    """Links of ours, and those that a step names; by ip(8), which answers in 5 ms where pyroute2 takes 80 to import."""
    from ansible_collections.netlab.testbed.plugins.module_utils import link_features

    named = {entry["step"]["args"].get("name") for entry in entries}
    switched: dict[str, set[str]] = {}
    for entry in entries:
        if entry["step"]["op"] == "link.features":
            switched.setdefault(entry["step"]["args"]["name"], set()).update(
                entry["step"]["args"]["features"]
            )
    argv = ["ip", "-json", "-details", "address", "show"]
    told = subprocess.run(argv, capture_output=True, timeout=IP_TIMEOUT, check=True).stdout
    seen = {}
    for link in filter(None, json.loads(told)):
        name = link["ifname"]
        if link.get("ifalias") == MARK or name in named:
            features = link_features.read(name)[0] if name in switched else {}
            seen[name] = {
                "kind": link.get("linkinfo", {}).get("info_kind"),
                "alias": link.get("ifalias", ""),
                "mac": link.get("address"),
                "mtu": link["mtu"],
                "master": link.get("master", ""),
                "up": "UP" in link["flags"],
                "promiscuous": "PROMISC" in link["flags"],
                "addresses": sorted(
                    f"{address['local']}/{address['prefixlen']}"
                    for address in link.get("addr_info", [])
                    if address["family"] == "inet"
                ),
                "features": {key: features.get(key) for key in sorted(switched.get(name, ()))},
            }
    return seen


def _daemons(entries: list[Entry]) -> dict[str, Any]:
    """Programs that we started, and whether each listens."""
    from ansible_collections.netlab.testbed.plugins.module_utils import process_ops

    seen = {}
    for entry in entries:
        if entry["step"]["op"] == "process.start":
            args = entry["step"]["args"]
            running = process_ops.command_lines(process_ops.marked(args["name"]))
            listens = process_ops.answers(args["ready"])
            seen[args["name"]] = {
                "runs": args["argv"][1:] in [line[1:] for line in running],
                "listens": listens,
            }
    return seen


def _guests(_entries: list[Entry]) -> dict[str, Any]:
    """Guests of ours, with the addresses that their agents tell."""
    from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops

    return {name: domain for name, domain in domain_ops.read().items() if domain["ours"]}


def _xdp(entries: list[Entry]) -> dict[str, Any]:
    """Objects that are loaded, their settings and ports."""
    from ansible_collections.netlab.testbed.plugins.module_utils.xdp import links as xdp_links
    from ansible_collections.netlab.testbed.plugins.module_utils.xdp import state as xdp_state

    ports = sorted(
        {entry["step"]["args"]["name"] for entry in entries if entry["step"]["op"] == "xdp.attach"}
    )
    links = xdp_links.read_links()
    return {
        name: repr(xdp_state.read_current(name, links, ports))
        for name in xdp_state.loaded_objects()
        if xdp_state.is_complete(name)
    }


def _ovs(_entries: list[Entry]) -> dict[str, Any]:
    """Bridges of our Open vSwitch."""
    from ansible_collections.netlab.testbed.plugins.module_utils.ovs import state as ovs_state

    return ovs_state.read()


def _virtual_functions(entries: list[Entry]) -> dict[str, Any]:
    """Of each NIC that a step names, with their drivers and settings."""
    from ansible_collections.netlab.testbed.plugins.module_utils.sriov import state

    names = dict.fromkeys(entry["step"]["args"]["interface"] for entry in entries)
    nics = {name: state.physical(name) for name in names}
    return {
        name: {"there": False}
        if nic is None
        else {
            "autoprobe": nic["autoprobe"],
            "virtual functions": {address: state.seen(address) for address in nic["virtual"]},
        }
        for name, nic in nics.items()
    }


def _devices(entries: list[Entry]) -> dict[str, Any]:
    """Devices that a step names, as they are driven."""
    from ansible_collections.netlab.testbed.plugins.module_utils.sriov import state

    return {
        address: state.seen(address) for address in {entry["step"]["args"]["device"] for entry in entries}
    }


# The family is the first word of an operation's name.
OBSERVERS: dict[str, Callable[[list[Entry]], dict[str, Any]]] = {
    "link": _links, "process": _daemons, "domain": _guests, "xdp": _xdp, "ovs": _ovs,
    "sriov": _virtual_functions, "pci": _devices,
}  # fmt: skip


def observe(whatever_is_there: bool = False) -> dict[str, Any]:
    """Each family that the ledgers name, as it is now; JSON, and equal if and only if nothing changed.

    With ``whatever_is_there`` a family that cannot be read (a libvirtd that is gone) is told as such, to be
    compared; without, BoardError: what is recorded as whole must have been seen.
    """
    entries = [entry for scope in ("board", "topology") for entry in Ledger(scope).entries()]
    families = {entry["step"]["op"].partition(".")[0] for entry in entries}
    seen: dict[str, Any] = {BOOT: boot_id()}
    for family, reader in OBSERVERS.items():
        if family not in families:
            continue
        try:
            seen[family] = reader(
                [entry for entry in entries if entry["step"]["op"].startswith(f"{family}.")]
            )
        except (BoardError, OSError, subprocess.SubprocessError) as error:
            if not whatever_is_there:
                raise error if isinstance(error, BoardError) else BoardError(str(error)) from error
            seen[family] = f"not to be read: {error}"
    return json.loads(json.dumps(seen))  # as it comes back from the ledger


def drift(recorded: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs, in words, sorted, after a reboot, which explains most of it. Pure."""
    rebooted = BOOT in recorded and recorded[BOOT] != now.get(BOOT)
    then, seen = ({key: value for key, value in told.items() if key != BOOT} for told in (recorded, now))
    return [REBOOTED] * rebooted + sorted(_differences("", then, seen))


def _differences(place: str, then: Any, now: Any) -> Iterable[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in {*then, *now}:
            where = f"{place} {key}".strip()
            if key not in now:
                yield f"{where} is gone"
            elif key not in then:
                yield f"{where} is new"
            else:
                yield from _differences(where, then[key], now[key])
    elif isinstance(now, str) and isinstance(then, dict):
        yield f"{place}: {now}"
    elif then != now:
        yield f"{place} was {then} and is {now}"
