# SPDX-License-Identifier: Apache-2.0
"""Threads of a guest's QEMU as the kernel has them: which are virtual processors, which move frames, the rest.

QEMU names its threads where libvirt runs it (``-name ...,debug-threads=on``): "CPU 0/KVM", "CPU 0/TCG". vhost's are
kernel threads named after QEMU's pid, ``vhost-1234``; since kernel 6.4 they are tasks of QEMU's own process.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.pinning.plan import Seen, cpu_list, cpu_set

PROC = Path("/proc")
_VCPU = re.compile(r"CPU (\d+)/")
_ALL_VCPUS = re.compile(r"ALL CPUs/")  # TCG without a thread for each


def threads_of(pid: int, proc: Path = PROC) -> dict[str, list[int]]:
    """Thread ids by part: ``vcpu/0``, ..., ``emulator``, ``vhost``."""
    found: dict[str, list[int]] = {}
    for tid, name in _tasks(proc / str(pid) / "task"):
        found.setdefault(_part(name, pid), []).append(tid)
    for tid, name in _tasks(proc):
        if name == f"vhost-{pid}":
            found.setdefault("vhost", []).append(tid)
    return {part: sorted(set(tids)) for part, tids in found.items()}


def _part(name: str, pid: int) -> str:
    if vcpu := _VCPU.match(name):
        return f"vcpu/{vcpu[1]}"
    if _ALL_VCPUS.match(name):
        return "vcpu/0"
    return "vhost" if name == f"vhost-{pid}" else "emulator"


def _tasks(folder: Path) -> Iterable[tuple[int, str]]:
    """(id, name) of each task in a folder of /proc; those that end meanwhile are left out."""
    with contextlib.suppress(FileNotFoundError):
        for entry in folder.iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    yield (
                        int(entry.name),
                        (entry / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n"),
                    )


def affinity(tids: Iterable[int]) -> Seen | None:
    """Where the threads may run, sched_getaffinity(2); None where there is none of them any more."""
    sets = []
    for tid in tids:
        with contextlib.suppress(ProcessLookupError):
            sets.append(frozenset(os.sched_getaffinity(tid)))
    if not sets:
        return None
    return Seen(cpu_list(frozenset().union(*sets)), len(set(sets)) == 1)


def bind(tids: Iterable[int], cpus: str) -> None:
    """sched_setaffinity(2) for each that is still there."""
    for tid in tids:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(tid, cpu_set(cpus))
