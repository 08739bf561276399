# SPDX-License-Identifier: Apache-2.0
"""What the kernel keeps of each virtual function with its physical one: ip-link(8), the settings of ``vf NUM``."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

LIMIT = 30  # seconds; a driver asks its NIC's firmware
SETTINGS = ("mac", "spoof_check", "trust", "link_state")
# Ours -> what ip(8) calls it, told and set.
TOLD = {"mac": "address", "spoof_check": "spoofchk", "trust": "trust", "link_state": "link_state"}
WORDS = {"mac": "mac", "spoof_check": "spoofchk", "trust": "trust", "link_state": "state"}
LINK_STATES = ("auto", "enable", "disable")


def parse(told: str) -> dict[int, dict[str, Any]]:
    """Settings by the number of the virtual function, from ``ip -json link show``. Pure."""
    (link,) = json.loads(told) or [{}]
    return {
        function["vf"]: {ours: function[theirs] for ours, theirs in TOLD.items() if theirs in function}
        for function in link.get("vfinfo_list", [])
    }


def _told(interface: str) -> str:
    """Empty where there is no such interface (any more)."""
    done = subprocess.run(
        ["ip", "-json", "link", "show", "dev", interface],
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else "[]"


def read(interface: str) -> dict[int, dict[str, Any]]:
    return parse(_told(interface))


def addresses(interface: str) -> tuple[str, str]:
    """The MAC address that the interface has, and the one from the NIC's maker, which is what a guest finds."""
    (link,) = json.loads(_told(interface)) or [{}]
    own = str(link.get("address") or "")
    return own, str(link.get("permaddr") or own)


def command(interface: str, vf: int, settings: dict[str, Any]) -> list[str]:
    """Pure."""
    argv = ["ip", "link", "set", "dev", interface, "vf", str(vf)]
    for key, value in settings.items():
        argv += [WORDS[key], ("on" if value else "off") if isinstance(value, bool) else str(value)]
    return argv


def write(interface: str, vf: int, settings: dict[str, Any]) -> None:
    """One setting at a time: a driver may know one of them and not the other, and the error tells which."""
    for key, value in settings.items():
        argv = command(interface, vf, {key: value})
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode:
            said = done.stderr.strip().removeprefix("RTNETLINK answers: ")
            raise BoardError(f"cannot set {key} of virtual function {vf} of {interface}: {said}")
