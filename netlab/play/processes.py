# SPDX-License-Identifier: Apache-2.0
"""The processes below one of ours, for the one case where Ansible has to be killed.

Each of Ansible's workers is a session of its own: killing the process group of ansible-playbook, which is
what ansible-runner does, leaves them and the modules they run alive.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path


def parents() -> dict[int, int]:
    """Every process that can be seen, to its parent."""
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            content = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:  # it ended while we looked
            continue
        # The name, in parentheses, may itself hold spaces and parentheses.
        fields = content.rpartition(")")[2].split()
        if fields[0] != "Z":  # what has ended, and only waits to be reaped, is no process any more
            found[int(stat.parent.name)] = int(fields[1])
    return found


def below(pid: int) -> list[int]:
    """All descendants of `pid`, children before grandchildren."""
    tree = parents()
    found = [pid]
    for parent in found:  # grows while it is walked
        found += [child for child, its in tree.items() if its == parent]
    return found[1:]


def kill_below(pid: int) -> None:
    """SIGKILL to `pid` and all below it, whatever session they are in."""
    for process in [pid, *below(pid)]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def start_time(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat, proc_pid_stat(5): a pid alone may be somebody else's by now. None: it is gone."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = content.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]


def runs(pid: int, started: str) -> bool:
    """Whether the process that began at that time runs still."""
    return start_time(pid) == started


def bears(token: str) -> bool:
    """Whether anything runs that a process with this mark has started."""
    wanted = f"NETLAB_HOLDER={token}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environment.read_bytes().split(b"\0"):
                return True
        except OSError:  # it ended, or is another user's
            continue
    return False


def mark() -> str:
    """What is in the environment of all that this process starts: its token in a lock, lock_holder.holder_of."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    started = (
        Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    )
    return f"{boot} {Path('/proc/self/ns/pid').readlink()} {os.getpid()} {started}"
