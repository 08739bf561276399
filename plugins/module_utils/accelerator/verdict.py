# SPDX-License-Identifier: Apache-2.0
"""Which accelerator runs the guests: KVM only where a guest kernel has really booted under it, else TCG.

That /dev/kvm is there proves nothing: on some machines a guest's kernel hangs under it (nested virtualisation
that is offered and does not work, for one). The deciding is pure; reading the board and probing are beside
it.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

KVM_NODE = Path("/dev/kvm")
# The kernel's own word that KVM is there: "major:minor", also where nothing made the node.
KVM_NUMBERS = Path("/sys/class/misc/kvm/dev")


@dataclass(frozen=True)
class Verdict:
    """What guests run under, and why; `probed_at` (ISO 8601 UTC) and `probe_seconds` where it took a
    probe."""

    accelerator: str  # kvm or tcg; untried where nobody can say
    reason: str
    probed_at: str | None = None
    probe_seconds: float | None = None


def without_probe(mode: str, guest_arch: str, board_arch: str, kvm_offered: bool) -> Verdict | None:
    """The verdict where nothing has to be tried; None where only a probe can tell. Pure.

    `mode` is auto, kvm or tcg; `kvm_offered`, whether the board's kernel has KVM at all.
    """
    if mode == "tcg":
        return Verdict("tcg", "the inventory asks for TCG (guest_accelerator)")
    if guest_arch != board_arch:
        return Verdict(
            "tcg", f"guests are {guest_arch} and this board is {board_arch}: KVM runs no foreign code"
        )
    if not kvm_offered:
        return Verdict("tcg", "this board's kernel offers no KVM (there is no /dev/kvm)")
    return None


def kvm_offered(node: Path = KVM_NODE, numbers: Path = KVM_NUMBERS) -> bool:
    return node.is_char_device() or numbers.is_file()


def board_arch() -> str:
    return platform.machine()


def may_need_probe(mode: str, guest_arch: str) -> bool:
    """Whether this board's verdict for these guests needs a kernel to try."""
    return without_probe(mode, guest_arch, board_arch(), kvm_offered()) is None
