# SPDX-License-Identifier: Apache-2.0
"""What the testbed itself has made of the board: readings under two topologies differ there, and must."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Reading
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger

# What the kernel changes along: a port of a bridge or switch, and a macvtap's parent, hears every frame and does
# not merge what is to be forwarded (dev_disable_lro); a program's driver lays out its queues for it.
_PORT = ("master", "offloads", "port_settings", "promiscuous")
_BESIDE = {"master": _PORT, "features": ("offloads",)}
_PROGRAM = ("channels", "offloads", "promiscuous", "rings", "xdp")


def changed(entries: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """By interface, the keys of its reading (docs/environment.md) that the ledger's entries had a hand in. Pure."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        for name, key in _touched(entry["step"]["op"], entry["step"]["args"]):
            found.setdefault(name, set()).update(_BESIDE.get(key, (key,)))
    return {name: sorted(keys) for name, keys in sorted(found.items())}


def _touched(operation: str, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if operation == "link.set":
        yield from ((args["name"], key) for key in args["settings"])
    elif operation == "link.features":
        yield args["name"], "features"
    elif operation == "link.add" and args.get("parent"):
        yield args["parent"], "master"
    elif operation == "ovs.ports_add":
        yield from ((name, "master") for name in args["ports"])
    elif operation == "ovs.reverse_path_filter":
        yield from ((name, "rp_filter") for name in args["values"])
    elif operation == "xdp.attach":
        yield from ((args["name"], key) for key in _PROGRAM)


def read(reading: Reading) -> None:
    """The topology that the ledger names, and what it made different on each interface."""
    ledger = Ledger("topology").read()
    recorded = ledger["deployment"]
    reading.put("deployment/topology", recorded.get("topology"), "nothing is deployed")
    reading.put("deployment/state", recorded.get("state"), "nothing is deployed")
    reading.put("deployment/datapath", recorded.get("datapath") or {}, "")
    reading.put("deployment/changed", changed(ledger["entries"]), "")
