# SPDX-License-Identifier: Apache-2.0
"""PCI devices as sysfs has them: driver, IOMMU group, virtual functions. Reads only.

Source: the kernel's Documentation/ABI/testing/sysfs-bus-pci and sysfs-kernel-iommu_groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SYS = Path("/sys")
ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
NETWORK, BRIDGE = "02", "06"  # base classes of PCI's class codes
VFIO = "vfio-pci"


def device(address: str, sys: Path = SYS) -> Path:
    return sys / "bus/pci/devices" / address


def of_interface(name: str, sys: Path = SYS) -> str | None:
    """The PCI address of an interface's device; None where it is not on PCI."""
    path = sys / "class/net" / name / "device"
    return path.resolve().name if (path / "vendor").exists() else None


def text(path: Path) -> str:
    """What a file of sysfs says, empty where it is not there or does not answer."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def number(path: Path) -> int:
    said = text(path)
    return int(said, 0) if said else 0


def driver(address: str, sys: Path = SYS) -> str:
    """The driver that a device is bound to; empty where it is bound to none."""
    path = device(address, sys) / "driver"
    return path.resolve().name if path.exists() else ""


def override(address: str, sys: Path = SYS) -> str:
    """The only driver that may take it, ``driver_override``; empty where any may. The kernel writes "(null)"."""
    said = text(device(address, sys) / "driver_override")
    return "" if said == "(null)" else said


def interfaces(address: str, sys: Path = SYS) -> list[str]:
    return sorted(path.name for path in (device(address, sys) / "net").glob("*"))


def virtual(address: str, sys: Path = SYS) -> list[str]:
    """The virtual functions that a device has now, by their number."""
    links = (device(address, sys) / f"virtfn{index}" for index in range(number_of_virtual(address, sys)))
    return [link.resolve().name for link in links if link.exists()]


def number_of_virtual(address: str, sys: Path = SYS) -> int:
    return number(device(address, sys) / "sriov_numvfs")


def total_virtual(address: str, sys: Path = SYS) -> int:
    """How many virtual functions it can have, 0 without the capability SR-IOV."""
    return number(device(address, sys) / "sriov_totalvfs")


def physical(address: str, sys: Path = SYS) -> str | None:
    """The device whose virtual function this one is; None where it is none."""
    path = device(address, sys) / "physfn"
    return path.resolve().name if path.exists() else None


def group(address: str, sys: Path = SYS) -> str | None:
    """The number of a device's IOMMU group; None where it has none, which is where no IOMMU is in use."""
    path = device(address, sys) / "iommu_group"
    return path.resolve().name if path.exists() else None


def others_in_group(address: str, sys: Path = SYS) -> list[dict[str, Any]]:
    """Who else is in its group: address, driver, and whether it is a bridge."""
    members = device(address, sys) / "iommu_group/devices"
    return [
        {
            "address": path.name,
            "driver": driver(path.name, sys),
            "bridge": base_class(path.name, sys) == BRIDGE,
        }
        for path in sorted(members.glob("*"))
        if path.name != address
    ]


def in_words(members: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{member['address']} ({member['driver'] or 'no driver'})" for member in members)


def intruders(members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those in a group that may not stay beside a device that a guest has: all but bridges, as the kernel has it."""
    return [member for member in members if not member["bridge"]]


def base_class(address: str, sys: Path = SYS) -> str:
    """The first two digits of the class code, as in 0x020000 for a network controller."""
    return text(device(address, sys) / "class")[2:4]


def is_above(upper: str, lower: str, sys: Path = SYS) -> bool:
    """Whether ``upper`` is a bridge that ``lower`` is behind."""
    return device(upper, sys).resolve() in device(lower, sys).resolve().parents


def identity(address: str, sys: Path = SYS) -> int | None:
    """Another number for a device that was made anew at the same address (its inode); None where there is none."""
    try:
        return device(address, sys).stat().st_ino
    except OSError:
        return None


def predicted_virtual(address: str, count: int, sys: Path = SYS) -> list[str]:
    """Where virtual functions will be: offset and stride of PCI Express's SR-IOV 3.3.9, 3.3.10. Empty if not told."""
    folder = device(address, sys)
    offset, stride = number(folder / "sriov_offset"), number(folder / "sriov_stride")
    if not (offset and stride):
        return []
    domain, bus, slot, function = (int(part, 16) for part in re.split("[:.]", address))
    first = (bus << 8 | slot << 3 | function) + offset
    return [
        f"{domain:04x}:{rid >> 8:02x}:{rid >> 3 & 31:02x}.{rid & 7}"
        for rid in (first + stride * index for index in range(count))
    ]
