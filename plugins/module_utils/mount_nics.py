# SPDX-License-Identifier: Apache-2.0
"""Over which interfaces this board reaches the servers of what it has mounted: taking one down may hang the board.

File systems: proc(5), /proc/mounts, where nfs(5) and mount.cifs(8) put the server's address as ``addr=``. Disks:
/sys/class/iscsi_connection (iscsi(7) of Linux). A name that is not yet an address is not looked up: that could hang.
"""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

NETWORK = re.compile(r"^(nfs4?|cifs|smb3|smbfs|ceph|9p|afs|glusterfs|fuse\.(sshfs|glusterfs|ceph.*))$")
ISCSI = Path("/sys/class/iscsi_connection")
IP_TIMEOUT = 10  # seconds


def servers(mounts: Iterable[str]) -> set[str]:
    """Addresses of the servers of these lines of /proc/mounts. Pure."""
    found: set[str] = set()
    for line in mounts:
        words = line.split()
        if len(words) < 4 or not NETWORK.match(words[2]):
            continue
        options = dict(option.partition("=")[::2] for option in words[3].split(","))
        told = [options.get(key, "") for key in ("addr", "mountaddr")]
        found |= {str(address) for text in [*told, *_sources(words[0])] if (address := _address(text))}
    return found


def _sources(device: str) -> list[str]:
    """What may be addresses in `192.0.2.1:/export`, `//192.0.2.1/share`, `[2001:db8::1]:/x`, `a:6789,b:6789:/`."""
    if device.startswith("["):
        return [device[1:].partition("]")[0]]
    if device.startswith("//"):
        return [device[2:].partition("/")[0]]
    return [part.partition(":")[0].rpartition("@")[2] for part in device.split(",")]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def iscsi_targets(connections: Path = ISCSI) -> set[str]:
    found = set()
    for path in connections.glob("*/address"):
        try:
            text = path.read_text(encoding="ascii").strip().strip("[]")
        except OSError:
            continue
        if address := _address(text):
            found.add(str(address))
    return found


def route_nic(address: str) -> str | None:
    """The interface by which packets to this address leave: ip-route(8)."""
    done = subprocess.run(
        ["ip", "-json", "route", "get", address], capture_output=True, timeout=IP_TIMEOUT, check=False
    )
    if done.returncode:
        return None
    told = json.loads(done.stdout or b"[]")
    return str(told[0]["dev"]) if told and "dev" in told[0] else None


def mount_nics(addresses: Iterable[str], route: Callable[[str], str | None] = route_nic) -> list[str]:
    """The interfaces, without the loopback: a server on this very board needs none."""
    return sorted({nic for address in addresses if (nic := route(address))} - {"lo"})
