# SPDX-License-Identifier: Apache-2.0
"""Threads: the CPUs that they may run on, and by which policy they are given them (proc_pid_stat(5))."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files

POLICIES = {0: "", 1: "fifo", 2: "rr", 3: "batch", 5: "idle", 6: "deadline"}  # linux/sched.h: SCHED_*


@dataclass(frozen=True)
class Thread:
    """``policy`` is empty for the ordinary one; ``priority`` is that of the real-time policies."""

    tid: int
    name: str
    cpus: str
    policy: str = ""
    priority: int = 0

    def says(self) -> str:
        """``0-3``, or ``2 (fifo 50)``."""
        return f"{self.cpus} ({self.policy} {self.priority})" if self.policy else self.cpus


def parse(tid: int, comm: str, status: str, stat: str) -> Thread:
    """From the texts of /proc/TID/{comm,status,stat}."""
    cpus = next(
        (line.split()[1] for line in status.splitlines() if line.startswith("Cpus_allowed_list:")), ""
    )
    fields = stat.rpartition(")")[2].split()  # from the third field on
    priority, policy = (int(fields[37]), int(fields[38])) if len(fields) > 38 else (0, 0)
    return Thread(tid, comm, cpus, POLICIES.get(policy, str(policy)), priority)


def threads(files: Files, pids: Iterable[int]) -> list[Thread]:
    """All threads of these processes; one that ends meanwhile is left out."""
    found = []
    for pid in pids:
        for tid in files.names(f"/proc/{pid}/task"):
            texts = [files.text(f"/proc/{pid}/task/{tid}/{file}") for file in ("comm", "status", "stat")]
            if None not in texts:
                found.append(parse(int(tid), *(str(text) for text in texts)))
    return found
