# SPDX-License-Identifier: Apache-2.0
"""Interrupts of a NIC and where they are handled: Documentation/core-api/irq/irq-affinity.rst."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.pinning.plan import Seen
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

SYS = Path("/sys/class/net")
PROC = Path("/proc")


def interrupts_of(nic: str, sys: Path = SYS, proc: Path = PROC) -> list[int]:
    """Numbers of the NIC's interrupts: its MSIs, and those named after it or its device; none where it has none.

    A link without a device (veth, bridge) has none of its own, whatever else on this machine bears its name.
    """
    device = sys / nic / "device"
    if not device.exists():
        return []
    found = {int(entry.name) for entry in (device / "msi_irqs").glob("*") if entry.name.isdigit()}
    names = (nic, device.resolve().name)
    for line in (proc / "interrupts").read_text(encoding="ascii", errors="replace").splitlines():
        number, colon, rest = line.partition(":")
        if colon and number.strip().isdigit() and _names(rest, names):
            found.add(int(number))
    return sorted(number for number in found if (proc / "irq" / str(number)).is_dir())


def _names(text: str, names: tuple[str, ...]) -> bool:
    """Whether a line of /proc/interrupts names one of them: ``eth1``, ``eth1-rx-0``, ``virtio1-input.0``."""
    words = re.split(r"[\s,]+", text)
    return any(re.match(rf"{re.escape(name)}(?![A-Za-z0-9])", word) for name in names for word in words)


def affinity(number: int, proc: Path = PROC) -> Seen | None:
    """Where it may be handled; None where there is no such interrupt."""
    try:
        text = (proc / "irq" / str(number) / "smp_affinity_list").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    return Seen(text) if text else None


def bind(number: int, cpus: str, proc: Path = PROC) -> None:
    """BoardError where the kernel keeps it where it is, as it does with managed interrupts.

    One that is gone is passed over.
    """
    try:
        (proc / "irq" / str(number) / "smp_affinity_list").write_text(f"{cpus}\n", encoding="ascii")
    except FileNotFoundError:
        return
    except OSError as error:
        raise BoardError(f"interrupt {number} cannot be moved to CPU {cpus}: {error.strerror}") from error
