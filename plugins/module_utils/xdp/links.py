# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of interfaces, as far as XDP cares: read by one call of ip(8).

ip(8) because it decodes IFLA_XDP in 5 ms; importing pyroute2 alone takes 130 ms of a module's 180.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

TIMEOUT_S = 10
CARRIER_S = 30  # ixgbe and i40e reset the port when a program is attached; a switch then takes its time
POLL_S = 0.02
MODES = {1: "native", 2: "generic", 3: "offloaded", 4: "several"}  # linux/if_link.h: XDP_ATTACHED_*


@dataclass(frozen=True)
class Link:
    """One interface. ``xdp_mode`` and ``program_id`` (machine-wide) are None where no program is attached."""

    name: str
    ifindex: int
    mac: str
    carrier: bool
    xdp_mode: str | None
    program_id: int | None
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]


def run_ip(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["ip", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except FileNotFoundError as error:
        raise BoardError("ip is missing: install iproute2") from error
    except subprocess.TimeoutExpired as error:
        raise BoardError(f"ip {' '.join(arguments)} has not answered within {TIMEOUT_S} s") from error
    if done.returncode:
        raise BoardError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def parse_link(data: dict[str, Any]) -> Link:
    """One object of ``ip -json address show``."""
    addresses = data.get("addr_info", [])
    xdp = data.get("xdp", {})
    return Link(
        name=data["ifname"],
        ifindex=data["ifindex"],
        mac=data.get("address", ""),
        carrier="LOWER_UP" in data["flags"],
        xdp_mode=MODES.get(xdp.get("mode")),
        program_id=xdp.get("prog", {}).get("id"),
        ipv4=tuple(sorted(entry["local"] for entry in addresses if entry.get("family") == "inet")),
        # Temporary addresses (RFC 8981) come and go: nobody asks for them by name.
        ipv6=tuple(
            sorted(
                entry["local"]
                for entry in addresses
                if entry.get("family") == "inet6" and not entry.get("temporary")
            )
        ),
    )


def read_links() -> dict[str, Link]:
    links = (parse_link(data) for data in json.loads(run_ip("-json", "address", "show") or "[]") if data)
    return {link.name: link for link in links}


def solicited_node_mac(ipv6: str) -> str:
    """The group MAC on which a neighbour asks for this address (RFC 4291 2.7.1, RFC 2464 7)."""
    return "33:33:ff:" + ipaddress.IPv6Address(ipv6).packed[-3:].hex(":")


def board_macs(uplink: Link) -> tuple[str, ...]:
    """The MACs that the board itself must hear on its uplink."""
    return tuple(sorted({uplink.mac, *map(solicited_node_mac, uplink.ipv6)}))


def wait_for_carrier(name: str) -> None:
    """Until the link is up again. Raises BoardError after CARRIER_S seconds."""
    deadline = time.monotonic() + CARRIER_S
    while not read_links()[name].carrier:
        if time.monotonic() > deadline:
            raise BoardError(
                f"{name} lost its link when the XDP program was attached, and has none after {CARRIER_S} s:"
                " look at the cable, the switch port and the driver's messages in dmesg"
            )
        time.sleep(POLL_S)
