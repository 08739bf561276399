# SPDX-License-Identifier: Apache-2.0
"""Whether a figure was measured on ARM64 hardware, as far as a run's facts and environment say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netlab.report.environment import Board

ARM64 = ("aarch64", "arm64")
_EMULATED = re.compile(r"qemu|dummy-virt|virtual machine|kvm", re.IGNORECASE)

NOT_ARM64 = "not ARM64"
EMULATED = "emulated"
NOT_KNOWN = "not known"

SAYS = {
    NOT_ARM64: "not measured on ARM64 hardware: the board is of another architecture",
    EMULATED: "not measured on ARM64 hardware: an ARM64 board that is itself a virtual machine",
    NOT_KNOWN: "whether on ARM64 hardware, the run does not say",
    "ARM64": "measured on ARM64 hardware",
    "ARM64, TCG": "an ARM64 board, but its guest's CPU was emulated (TCG)",
    "ARM64, veth": "an ARM64 machine's CPU, but a local board: no NIC, no cable",
    "ARM64, veth, TCG": "an ARM64 machine, but a local board (no NIC, no cable), and its guest's CPU was emulated",
}


def virtual_machine(environment: Mapping[str, Any]) -> str | None:
    """What emulates the board, as its firmware names it; empty where nothing does, None where nobody has looked."""
    cpu = environment.get("cpu")
    if not isinstance(cpu, Mapping):
        return None
    machine = str(cpu.get("machine") or "")
    if cpu.get("virtual") or _EMULATED.search(machine):
        return machine or "a hypervisor"
    return ""


def hardware_of(board: Board | None, environment: Mapping[str, Any], *, in_guest: bool) -> str:
    """A key of SAYS. `environment` is what was read of the board; it tells an emulated board from a real one."""
    if board is None or not board.arch:
        return NOT_KNOWN
    if board.arch not in ARM64:
        return NOT_ARM64
    machine = virtual_machine(environment)
    if machine is None:
        return NOT_KNOWN
    if machine:
        return EMULATED
    said = ["ARM64"]
    if board.local:
        said.append("veth")
    if in_guest and board.accelerator == "tcg":
        said.append("TCG")
    return ", ".join(said)
