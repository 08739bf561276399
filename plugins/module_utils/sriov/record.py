# SPDX-License-Identifier: Apache-2.0
"""What the ledger says of the devices that guests hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger, boot_id

Entry = Mapping[str, Any]


def entries() -> list[dict[str, Any]]:
    """Of this boot: what an earlier one did to devices is gone."""
    boot = boot_id()
    return [entry for entry in Ledger("topology").entries() if entry["boot_id"] == boot]


def made_by_us(entries: Iterable[Entry], device: str) -> bool:
    """Whether the ledger says that the virtual functions of this device are ours. Pure."""
    return any(
        entry["step"]["op"] == "sriov.count" and entry["step"]["args"]["device"] == device
        for entry in entries
    )


def guests(entries: Iterable[Entry]) -> list[str]:
    """Guests that may hold a device. Pure."""
    names = (entry["step"]["args"]["name"] for entry in entries if entry["step"]["op"] == "domain.create")
    return list(dict.fromkeys(names))


def taken(entries: Iterable[Entry]) -> dict[str, dict[str, str]]:
    """By address the whole NICs that guests hold: the interface that each was, and its MAC address. Pure."""
    return {
        entry["step"]["args"]["device"]: dict(entry["step"]["args"]["was"])
        for entry in entries
        if entry["step"]["op"] == "pci.bind"
    }
