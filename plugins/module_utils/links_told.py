# SPDX-License-Identifier: Apache-2.0
"""Links as ip(8) tells them. A board that nothing was installed on has no pyroute2 yet, and is asked all the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

LIMIT = 10  # seconds; measured: 0.003
Link = dict[str, Any]


def run(*arguments: str) -> list[dict[str, Any]]:
    """What `ip -json` prints. BoardError where it does not."""
    argv = ["ip", "-json", *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BoardError(f"this board's ip(8) does not run ({error}): package iproute2") from error
    if done.returncode:
        raise BoardError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return [entry for entry in json.loads(done.stdout or "[]") if entry]


def read() -> dict[str, Link]:
    """Every link by name, with the keys that link_ops.read() gives it too; two more are said here alone."""
    return links(run("-details", "address", "show"))


def links(told: Iterable[Mapping[str, Any]]) -> dict[str, Link]:
    """Pure. ``global6``: IPv6 addresses, without those that each link gives itself. ``up``, ``carrier``: a link
    that is down has no carrier, whether or not its cable has."""
    return {entry["ifname"]: _link(entry) for entry in told}


def _link(told: Mapping[str, Any]) -> Link:
    kind = (told.get("linkinfo") or {}).get("info_kind")
    addresses = [entry for entry in told.get("addr_info") or [] if entry.get("local")]
    return {
        "name": told["ifname"],
        "index": told["ifindex"],
        # a persistent tap and a tun are one kind to the kernel
        "kind": "tap" if kind in ("tun", "tuntap") else kind,
        "alias": told.get("ifalias") or "",
        "mac": told.get("address"),
        "mtu": told["mtu"],
        "master": told.get("master") or "",
        "up": "UP" in told["flags"],
        "carrier": "LOWER_UP" in told["flags"],
        "addresses": [_cidr(entry) for entry in addresses if entry["family"] == "inet"],
        "global6": [
            _cidr(entry) for entry in addresses if entry["family"] == "inet6" and entry["scope"] != "link"
        ],
    }


def _cidr(entry: Mapping[str, Any]) -> str:
    return f"{entry['local']}/{entry['prefixlen']}"


def networks() -> list[str]:
    """IPv4 networks that this board has a way to, its default route aside."""
    found = {str(entry["dst"]) for entry in run("-4", "route", "show") if entry.get("dst") != "default"}
    return sorted(dst if "/" in dst else f"{dst}/32" for dst in found)
