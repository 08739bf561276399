# SPDX-License-Identifier: Apache-2.0
"""PCI devices that guests are to have, as they are, for the planner and for the one who asks. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.sriov import pci, vf_links

IFF_UP = 1  # netdevice(7)
UNSAFE = Path("module/vfio_iommu_type1/parameters/allow_unsafe_interrupts")


def unsafe_interrupts(sys: Path = pci.SYS) -> bool | None:
    """Whether vfio gives devices to guests without interrupt remapping; None where its module is not loaded."""
    said = pci.text(sys / UNSAFE)
    return said == "Y" if said else None


def vfio_loaded(sys: Path = pci.SYS) -> bool:
    return (sys / "bus/pci/drivers/vfio-pci").exists()


def physical(interface: str, sys: Path = pci.SYS) -> dict[str, Any] | None:
    """A NIC that may have virtual functions; None where it is not on PCI."""
    address = pci.of_interface(interface, sys)
    if address is None:
        return None
    return {
        "address": address,
        "interface": interface,
        "driver": pci.driver(address, sys),
        "total": pci.total_virtual(address, sys),
        "virtual": pci.virtual(address, sys),
        "predicted": pci.predicted_virtual(address, pci.total_virtual(address, sys), sys),
        "autoprobe": pci.text(pci.device(address, sys) / "sriov_drivers_autoprobe") != "0",
    }


def read_device(address: str, sys: Path = pci.SYS) -> dict[str, Any] | None:
    """One device; None where there is none at this address."""
    if not pci.device(address, sys).exists():
        return None
    parent = pci.physical(address, sys)
    above = pci.interfaces(parent, sys) if parent else []
    found: dict[str, Any] = {
        "address": address,
        "network": pci.base_class(address, sys) == pci.NETWORK,
        "driver": pci.driver(address, sys),
        "override": pci.override(address, sys),
        "interfaces": pci.interfaces(address, sys),
        "mac": "",
        "address_set": "",
        "up": False,
        "mtu": 0,
        "virtual": pci.number_of_virtual(address, sys),
        "group": pci.group(address, sys),
        "others": pci.others_in_group(address, sys),
        "physical": parent,
        "physical_interface": above[0] if above else None,
        "vf": None,
        "settings": {},
    }
    if found["interfaces"]:
        interface = sys / "class/net" / found["interfaces"][0]
        found["address_set"], found["mac"] = vf_links.addresses(interface.name)
        found["up"] = bool(pci.number(interface / "flags") & IFF_UP)
        found["mtu"] = pci.number(interface / "mtu")
    if parent:
        siblings = pci.virtual(parent, sys)
        if address in siblings:
            found["vf"] = siblings.index(address)
            found["settings"] = vf_links.read(above[0]).get(found["vf"], {}) if above else {}
    return found


def read(interface: str, addresses: Iterable[str], sys: Path = pci.SYS) -> dict[str, Any]:
    """The measured NIC with its virtual functions, and the devices named, as plan.plan takes them."""
    nic = physical(interface, sys)
    wanted = [*(nic["virtual"] if nic else []), *addresses]
    devices = {address: read_device(address, sys) for address in dict.fromkeys(wanted)}
    return {
        "nic": nic,
        "devices": {address: found for address, found in devices.items() if found is not None},
        "vfio": vfio_loaded(sys),
        "unsafe_interrupts": unsafe_interrupts(sys),
    }


def seen(address: str, sys: Path = pci.SYS) -> dict[str, Any]:
    """What is told of one device to whoever compares: nothing that changes by itself."""
    found = read_device(address, sys)
    if found is None:
        return {"there": False}
    return {key: found[key] for key in ("driver", "override", "settings")}
