# SPDX-License-Identifier: Apache-2.0
"""What a board has to pin, and what of it this testbed holds already."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.netlab.testbed.plugins.module_utils.ledger import ROOT, Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.pinning import interrupts, ops
from ansible_collections.netlab.testbed.plugins.module_utils.pinning.plan import cpu_list, cpu_set, spent

# Of the board, not of a topology: what is pinned during a trial leaves the deployment as whole as it was.
SCOPE = "board"
PARTS = ("vcpu", "emulator", "vhost")  # of a guest


class Wanted(NamedTuple):
    """Where things are to run; what was named and is not there, and why; what this board cannot do."""

    things: dict[str, str]
    absent: dict[str, str]
    unmet: list[str]


class PinLedger(Ledger):
    """The board's ledger, from which spent pins are taken out again: a run has many, and undoes them itself."""

    def __init__(self, root: Path = ROOT) -> None:
        super().__init__(SCOPE, root)

    def forget(self, wanted: Collection[str]) -> None:
        """Take out what nothing is left to undo of, now that just ``wanted`` is pinned."""
        if not spent(self.entries(), wanted):
            return
        with self.alone():
            data = self.read()
            gone = set(spent(data["entries"], wanted))
            data["entries"] = [entry for entry in data["entries"] if entry["id"] not in gone]
            if data["entries"] or data["deployment"]:
                self._write(data)
                return
            self.path.unlink(missing_ok=True)


def wanted_of(pins: Sequence[Mapping[str, Any]], needed: Sequence[int]) -> Wanted:
    """The module's pins as things. ``needed``: CPUs that programs are to be bound to, beside the pins."""
    things: dict[str, str] = {}
    absent: dict[str, str] = {}
    unmet = []
    usable = os.sched_getaffinity(0)
    for pin in pins:
        named, why = _things(pin)
        things |= {thing: str(pin["cpus"]) for thing in named}
        absent |= why
    cpus = sorted(set(needed).union(*(cpu_set(text) for text in things.values())))
    if missing := [cpu for cpu in cpus if cpu not in usable]:
        unmet.append(f"this board has no CPU {cpu_list(missing)}: it may use {cpu_list(usable)}")
    unmet += [why for thing, why in absent.items() if thing.startswith(("vcpu/", "emulator/"))]
    return Wanted(things, absent, unmet)


def _things(pin: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The things that a pin names and that are there, and why the others are not."""
    if pin["what"] == "interrupts":
        nic = pin["nic"]
        numbers = interrupts.interrupts_of(nic)
        why = {} if numbers else {f"interrupts/{nic}": f"{nic} has no interrupts of its own"}
        return [f"irq/{number}" for number in numbers], why
    parts = ops.guest_threads(pin["guest"])
    named: list[str] = []
    absent: dict[str, str] = {}
    for what in PARTS if pin["what"] == "guest" else (pin["what"],):
        found = _of_guest(pin, what, parts)
        named += found
        if not found:
            absent[f"{what}/{pin['guest']}"] = _why_not(what, pin["guest"], bool(parts))
    return named, absent


def _of_guest(pin: Mapping[str, Any], what: str, parts: Mapping[str, list[int]]) -> list[str]:
    if what != "vcpu":
        return [f"{what}/{pin['guest']}"] if what in parts else []
    numbers = sorted(int(part.rpartition("/")[2]) for part in parts if part.startswith("vcpu/"))
    return [f"vcpu/{pin['guest']}/{number}" for number in numbers if pin.get("vcpu") in (None, number)]


def _why_not(what: str, guest: str, runs: bool) -> str:
    if not runs:
        return f"guest {guest} does not run"
    if what == "vhost":
        return f"guest {guest} has no vhost threads: QEMU itself moves its frames"
    return f"guest {guest} has no such thread: {what}"
