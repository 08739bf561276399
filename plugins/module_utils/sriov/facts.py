# SPDX-License-Identifier: Apache-2.0
"""Whether a board can give PCI devices to guests, for board_info. Reads only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.sriov import pci, record, state

NONE: dict[str, Any] = {"total": 0, "count": 0, "ours": False, "group": None, "shared_with": ""}
INTERRUPTS = Path("/proc/interrupts")


def interrupt_remapping(interrupts: str) -> bool | None:
    """Whether a device can raise only the interrupts that are its own; None where nothing here tells. Pure.

    /proc/interrupts names the chip of each message-signalled interrupt: x86's remapping hardware puts IR- before it,
    and an ARM GICv3's ITS, which tells devices apart by itself, ITS-. Without either, any device that writes to the
    right address raises any interrupt (drivers/vfio/vfio_iommu_type1.c, msi_device_has_isolated_msi).
    """
    chips = {
        word
        for line in interrupts.splitlines()
        for word in line.split()
        if "MSI" in word and not word.startswith(("DMAR", "HPET")) and not word.isdigit()
    }
    return all(chip.startswith(("IR-", "ITS-")) for chip in chips) if chips else None


def iommu(sys: Path = pci.SYS, interrupts: Path = INTERRUPTS) -> dict[str, Any]:
    """What the board has for it."""
    return {
        "groups": len(list((sys / "kernel/iommu_groups").glob("[0-9]*"))),
        "interrupt_remapping": interrupt_remapping(pci.text(interrupts)),
        "unsafe_interrupts": bool(state.unsafe_interrupts(sys)),
    }


def virtual_functions(interface: str, sys: Path = pci.SYS) -> dict[str, Any]:
    """Of the measured NIC: how many it can have and has, whether they are ours, and who would share their group.

    Before there are any, their group can be told where a bridge above the NIC is in the NIC's own group: nothing on
    the way sets devices apart, so they will be in it as well (drivers/iommu/iommu.c, pci_device_group).
    """
    address = pci.of_interface(interface, sys)
    if address is None:
        return NONE
    virtual = pci.virtual(address, sys)
    return {
        "total": pci.total_virtual(address, sys),
        "count": len(virtual),
        "ours": bool(virtual) and record.made_by_us(record.entries(), address),
        "group": pci.group(address, sys),
        "shared_with": shared_with(address, sys),
    }


def shared_with(address: str, sys: Path = pci.SYS) -> str:
    """Whom the virtual functions of this device are not set apart from, in words; empty where from everybody."""
    others = pci.others_in_group(address, sys)
    if not any(pci.is_above(member["address"], address, sys) for member in others):
        return ""
    own = {"address": address, "driver": pci.driver(address, sys)}
    return pci.in_words([own, *others])


def given_nic(interface: str, sys: Path = pci.SYS) -> dict[str, Any] | None:
    """The measured NIC where a guest holds the whole of it, so that no interface is left; None where none does."""
    for address, was in record.taken(record.entries()).items():
        if was["interface"] == interface and pci.driver(address, sys) == pci.VFIO:
            return {
                "name": interface, "driver": pci.VFIO, "pci_address": address, "given": True, "mac": was["address_set"],
                "virtual_functions": NONE, "sriov_total_vfs": 0, "speed_mbit": None, "xdp_native": None,
                "foreign_master": None, "mtu": 1500, "up": False, "carrier": False, "master": "", "addresses": [],
                "kind": None,
            }  # fmt: skip
    return None
