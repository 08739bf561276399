# SPDX-License-Identifier: Apache-2.0
"""A board's network interfaces, each with what it is and what it carries: which of them is free to be measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.features import read_features

CLASSES = Path("/sys/class/net")
# No end of a cable: made in software, over other interfaces or none. A veth is one: of local boards.
SOFTWARE = frozenset(
    ("bond", "bridge", "dummy", "erspan", "geneve", "gre", "gretap", "ifb", "ip6gre", "ip6gretap", "ip6tnl", "ipip",
     "ipvlan", "ipvtap", "macsec", "macvlan", "macvtap", "netdevsim", "nlmon", "openvswitch", "sit", "tap", "team",
     "vcan", "vlan", "vrf", "vti", "vxlan", "wireguard")
)  # fmt: skip
SWITCH = "openvswitch"  # the kind of a bridge of Open vSwitch's, and of what the kernel makes all its ports ports of
Links = Mapping[str, Mapping[str, Any]]


def driver(name: str, kind: str | None, classes: Path = CLASSES) -> str | None:
    """The driver as sysfs names it; of a link without hardware its kind."""
    path = classes / name / "device/driver"
    return path.resolve().name if path.exists() else kind


def pci_address(name: str, classes: Path = CLASSES) -> str | None:
    """Of a virtio NIC that of the device that it sits on; None where it is on another bus, or without hardware."""
    device = (classes / name / "device").resolve()
    for path in (device, device.parent):
        if (path / "subsystem").resolve().name == "pci":
            return path.name
    return None


def iommu_group(name: str, classes: Path = CLASSES) -> dict[str, Any] | None:
    """Its number, and the other devices in it; None where no IOMMU holds the device."""
    device = (classes / name / "device").resolve()
    for path in (device, device.parent):
        group = path / "iommu_group"
        if group.is_dir():
            others = sorted(
                member.name for member in (group / "devices").iterdir() if member.name != path.name
            )
            return {"number": group.resolve().name, "others": others}
    return None


def total_vfs(name: str, classes: Path = CLASSES) -> int:
    """How many virtual functions it can have; 0 without SR-IOV."""
    return _number(classes / name / "device/sriov_totalvfs") or 0


def speed(name: str, classes: Path = CLASSES) -> int | None:
    """Mbit/s; None where the link is down or has no speed."""
    found = _number(classes / name / "speed")
    return found if found and found > 0 else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # the speed of a link that is down: EINVAL
        return None


def candidates(links: Links) -> list[str]:
    """Those that may be one end of a cable, by name. Pure."""
    return sorted(
        name for name, link in links.items() if name != "lo" and link["kind"] not in SOFTWARE and link["mac"]
    )


def carries(name: str, links: Links, board: Mapping[str, Any]) -> list[str]:
    """Why the interface is not free to be measured, in words that follow its name; none where it is free. Pure.

    ``board``: as board_facts.gather() gives it.
    """
    found = []
    if name in (board["connection_nic"], *board["connection_below"]):
        found.append("this connection comes in over it")
    if name in (*board["default_route_nics"], *board["default_route_below"]):
        found.append("it carries the default route")
    if name in (*board["mount_nics"], *board["mount_below"]):
        found.append("a file system or disk that is mounted comes over it")
    if master := foreign_master(name, links, board["switched_ports"]):
        found.append(f"it is a port of {master}")
    return found


def foreign_master(name: str, links: Links, switched: Collection[str]) -> str | None:
    """The bridge, bond, VRF or switch of somebody else's that the interface is a port of. Pure.

    ``switched``: ports of a switch of ours. All that the kernel's Open vSwitch has are ports of one interface, whosever
    switch it is, and that bears no mark.
    """
    master = links.get(links[name]["master"])
    if master is None or master["alias"] == MARK:
        return None
    ours = master["kind"] == SWITCH and name in switched
    return None if ours else str(links[name]["master"])


def read(links: Links, board: Mapping[str, Any], classes: Path = CLASSES) -> list[dict[str, Any]]:
    """Each candidate, by name."""
    return [_nic(name, links, board, classes) for name in candidates(links)]


def _nic(name: str, links: Links, board: Mapping[str, Any], classes: Path) -> dict[str, Any]:
    link = links[name]
    xdp = read_features(link["index"])
    return {
        "name": name,
        "driver": driver(name, link["kind"], classes),
        "pci_address": pci_address(name, classes),
        "mac": link["mac"],
        "up": link["up"],
        "carrier": link["carrier"] if link["up"] else None,
        "speed_mbit": speed(name, classes),
        "addresses": [*link["addresses"], *link["global6"]],
        "carries": carries(name, links, board),
        "xdp_native": xdp.native if xdp else None,
        "sriov_total_vfs": total_vfs(name, classes),
        "is_virtual_function": (classes / name / "device/physfn").exists(),
    }
