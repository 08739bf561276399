# SPDX-License-Identifier: Apache-2.0
"""From where threads and interrupts may run to where they should. Pure.

A thing that can be pinned is named by a word: ``vcpu/guest1/0``, ``emulator/guest1`` (QEMU's other threads),
``vhost/guest1``, ``irq/24``. CPUs are lists as the kernel writes them, ``0,2-3``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step

_LIST = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


class Seen(NamedTuple):
    """Where a thing may run. Of several threads: everywhere that one of them may, and whether all are alike."""

    cpus: str
    uniform: bool = True


def cpu_set(text: str) -> frozenset[int]:
    """CPUs of a list. BoardError where it is none."""
    if not _LIST.fullmatch(text):
        raise BoardError(f"{text!r} is not a list of CPUs, such as 0,2-3")
    found: set[int] = set()
    for span in text.split(","):
        first, _, last = span.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    if not found:
        raise BoardError(f"{text!r} has no CPU in it: the first of a range comes first")
    return frozenset(found)


def cpu_list(cpus: Iterable[int]) -> str:
    """The kernel's way to write them: ascending, ranges where there are neighbours."""
    spans: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if spans and cpu == spans[-1][1] + 1:
            spans[-1][1] = cpu
        else:
            spans.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def plan(seen: Mapping[str, Seen], held: Mapping[str, str], wanted: Mapping[str, str]) -> list[Step]:
    """Steps that leave the wanted things pinned, and those that we hold but that are not wanted as they were.

    ``seen``: every thing that is held or wanted and is there. ``held``: what we have pinned, and where it could
    run before. The undo of each step is that first state, not the pin before this one.
    """
    steps = [
        _set(thing, before)
        for thing, before in held.items()
        if thing not in wanted and thing in seen and not _is(seen[thing], before)
    ]
    for thing, cpus in wanted.items():
        if thing in seen and not _is(seen[thing], cpus):
            before = held.get(thing, seen[thing].cpus)
            steps.append(_set(thing, cpus_as_written(cpus), undo=_set(thing, before)))
    return steps


def cpus_as_written(cpus: str) -> str:
    return cpu_list(cpu_set(cpus))


def held_by(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a ledger's entries say that we hold, and where it could run before the first of them."""
    held: dict[str, str] = {}
    for entry in entries:
        undo = entry["undo"]
        if undo and undo["op"] == "pin.set":
            held.setdefault(undo["args"]["thing"], undo["args"]["cpus"])
    return held


def spent(entries: Sequence[Mapping[str, Any]], wanted: Iterable[str]) -> list[int]:
    """Ids of the entries that nothing is left to undo of, once a plan was carried out.

    Those of things that are as they were before; of a thing that is still pinned all but the first, whose undo
    is the one that counts.
    """
    keep = set(wanted)
    first: set[str] = set()
    ids = []
    for entry in entries:
        if entry["step"]["op"] != "pin.set":
            continue
        thing = entry["step"]["args"]["thing"]
        if thing in keep and entry["undo"] and thing not in first:
            first.add(thing)
        else:
            ids.append(int(entry["id"]))
    return ids


def _is(seen: Seen, cpus: str) -> bool:
    return seen.uniform and cpu_set(seen.cpus) == cpu_set(cpus)


def _set(thing: str, cpus: str, undo: Step | None = None) -> Step:
    return Step("pin.set", {"thing": thing, "cpus": cpus}, undo=undo)
