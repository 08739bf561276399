# SPDX-License-Identifier: Apache-2.0
"""What board_facts has gathered, in words: a line for each thing that decides what a board can carry or measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]


def findings(board: Facts) -> list[dict[str, str]]:
    """``{about, says}`` in the order in which one reads them. Pure."""
    rows = {
        "system": _system(board),
        "measured NIC": _nic(board["nic"]),
        "connection": board["connection_nic"] and f"comes in over {board['connection_nic']}",
        "IOMMU": _iommu(board["iommu"], board["nic"] or {}),
        "kernel options": _options(board),
        "clock source": board["clock_source"] or "the kernel does not say",
        "frequency governor": ", ".join(board["governors"])
        or "none: something outside this kernel chooses the frequency",
    }
    return [{"about": about, "says": str(says)} for about, says in rows.items() if says]


def _system(board: Facts) -> str:
    system = board["os"]
    services = "systemd" if board["service_manager"] == "systemd" else "no systemd"
    return (
        f"{system['id'].capitalize()} {system['version']}, Linux {board['kernel']} {board['arch']}, {services}, "
        f"{board['cpus']} CPUs, {board['memory_mib']} MiB"
    )


def _nic(nic: Facts | None) -> str | None:
    if nic is None:
        return None
    words = [f"{nic['name']}: {nic['driver'] or 'driver unknown'}"]
    words += [nic["pci_address"]] * bool(nic["pci_address"])
    words += [f"{nic['speed_mbit']} Mbit/s"] * bool(nic["speed_mbit"])
    words.append(
        ("carrier" if nic["carrier"] else "no carrier: is the cable in, and the other end up?")
        if nic["up"]
        else "down"
    )
    words.append(
        {True: "native XDP", False: "no native XDP", None: "native XDP unknown, the kernel does not say"}[
            nic["xdp_native"]
        ]
    )
    vfs = nic["sriov_total_vfs"]
    words.append(f"SR-IOV with up to {vfs} VFs" if vfs else "no SR-IOV")
    return ", ".join(words)


def _iommu(iommu: Facts, nic: Facts) -> str:
    if not iommu["groups"]:
        return "none in use (/sys/kernel/iommu_groups is empty): no device can be given to a guest"
    words = [f"{iommu['groups']} groups"]
    if group := nic.get("iommu_group"):
        others = f"with {', '.join(group['others'])}" if group["others"] else "alone"
        words.append(f"{nic['name']} is in group {group['number']}, {others}")
    remapping = {True: "on", False: "off", None: "not told by this kernel"}[iommu["interrupt_remapping"]]
    words.append(f"interrupt remapping {remapping}")
    return ", ".join(words)


def _options(board: Facts) -> str:
    """Those that some topology asks for, by what has become of each."""
    if board["kernel_options_file"] is None:
        return "not kept on this board (no /proc/config.gz, no /boot/config-...)"
    by_how: dict[str, list[str]] = {}
    for feature in board["features"].values():
        by_how.setdefault(feature["how"], []).append(feature["option"].removeprefix("CONFIG_"))
    words = {"built-in": "built in", "module": "as modules", "absent": "absent", "unknown": "unknown"}
    said = [
        f"{words[how]}: {', '.join(sorted(by_how[how]))}" for how in ("absent", "module", "built-in", "unknown")
        if how in by_how
    ]  # fmt: skip
    return f"{'; '.join(said)} ({board['kernel_options_file']})"
