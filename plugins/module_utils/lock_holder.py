# SPDX-License-Identifier: Apache-2.0
"""Who holds a lock, and whether that one still lives: the controller's side. Decides, and changes nothing."""

from __future__ import annotations

import calendar
import os
import pwd
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

MARK = "NETLAB_HOLDER"  # in the environment of what a holder starts, its token
LONGEST = 200  # characters of a purpose

# mine; its process runs on this machine; it ended; or it is another machine's, and nobody here can tell
Standing = Literal["mine", "alive", "gone", "unknown"]


@dataclass(frozen=True)
class Machine:
    """What tells one controller from another, and one of its boots from the next."""

    host: str
    machine_id: str  # empty where there is none
    boot_id: str
    pid_namespace: str

    @classmethod
    def this(cls) -> Machine:
        return cls(
            socket.gethostname(),
            _text("/etc/machine-id"),
            _text("/proc/sys/kernel/random/boot_id"),
            str(Path("/proc/self/ns/pid").readlink()),
        )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def start_time(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat, proc_pid_stat(5); None where no such process runs (a zombie does not)."""
    state, *fields = (_text(f"/proc/{pid}/stat").rpartition(")")[2] or "X").split()
    return None if state in "ZX" else fields[18]


def owner() -> str:
    """Who runs this: with sudo, who called it."""
    caller = os.environ.get("SUDO_USER")
    if caller and os.geteuid() == 0:
        return caller
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def holder_of(pid: int, purpose: str, user: str | None = None) -> dict[str, Any]:
    """The process `pid` of this machine as the holder of a lock."""
    machine = Machine.this()
    started = start_time(pid)
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in purpose).split())
    return {
        "user": user or owner(),
        "host": machine.host,
        "machine_id": machine.machine_id,
        "boot_id": machine.boot_id,
        "pid_namespace": machine.pid_namespace,
        "pid": pid,
        "start_time": started,
        "token": f"{machine.boot_id} {machine.pid_namespace} {pid} {started}",
        "purpose": words[:LONGEST],
        "asked": begun(started),
    }


def begun(started: str | None) -> float:
    """When a process of this machine began, in seconds since 1970; ``started`` is its start_time, in ticks.

    Who asks for locks of several machines says the same to all of them: of two runs the older one waits (lock.take),
    and with a time for each question either may be the older one somewhere.
    """
    stat = Path("/proc/stat").read_text(encoding="ascii")
    btime = next(int(line.split()[1]) for line in stat.splitlines() if line.startswith("btime "))
    return btime + int(started or 0) / os.sysconf("SC_CLK_TCK")


def runs(held: Mapping[str, Any]) -> bool:
    """Whether the holder, a process of this machine, runs, or anything that it has started and that bears its mark."""
    pid = held.get("pid")
    if isinstance(pid, int) and pid > 0 and start_time(pid) == held.get("start_time"):
        return True
    mark = f"{MARK}={held.get('token')}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environment.read_bytes().split(b"\0"):
                return True
        except OSError:  # it ended, or is another user's
            continue
    return False


def standing(held: Mapping[str, Any], me: Mapping[str, Any], running: bool | None = None) -> Standing:
    """How a lock stands to `me`, who is a process of this machine. `running`: whether its holder runs,
    looked for where it is not given.

    A name alone does not make two hosts one: without a machine id, another boot may be another machine.
    """
    if held.get("token") == me["token"]:
        return "mine"
    if "damaged" in held or held.get("host") != me["host"] or held.get("machine_id") != me["machine_id"]:
        return "unknown"
    if held.get("boot_id") != me["boot_id"]:
        return "gone" if me["machine_id"] else "unknown"
    if held.get("pid_namespace") != me["pid_namespace"]:
        return "unknown"
    return "alive" if (runs(held) if running is None else running) else "gone"


def may_take(held: Mapping[str, Any], me: Mapping[str, Any], stands: Standing, *, break_lock: bool) -> bool:
    """Whether `me` may take this lock for its own.

    =========  =======================  ==================
    standing   without --break-lock     with --break-lock
    =========  =======================  ==================
    mine       yes                      yes
    gone       if its owner is mine     yes
    unknown    no                       yes
    alive      no                       no
    =========  =======================  ==================
    """
    if stands in ("mine", "alive"):
        return stands == "mine"
    return break_lock or (stands == "gone" and held.get("user") == me["user"])


def says(held: Mapping[str, Any], stands: Standing, now: float | None = None) -> str:
    """Who holds it, in words: `in use by ada on desk (pid 4711) since 2026-11-22T10:40:07Z (12 min): netlab bench`."""
    if "damaged" in held:
        return f"locked by a file that cannot be read, {held['damaged']}"
    who = f"{held.get('user')} on {held.get('host')} (pid {held.get('pid')})"
    since = f"since {held.get('since')}{_ago(str(held.get('since')), now)}: {held.get('purpose')}"
    if stands == "gone":
        return f"locked by a process that is gone, of {who} {since}"
    return f"in use by {who} {since}"


def _ago(since: str, now: float | None) -> str:
    try:
        taken = calendar.timegm(time.strptime(since, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return ""
    seconds = int((time.time() if now is None else now) - taken)
    if seconds < 0:  # its clock is not ours
        return ""
    if seconds < 100:
        return f" ({seconds} s ago)"
    return f" ({seconds // 60} min ago)" if seconds < 7200 else f" ({seconds // 3600} h ago)"


def advice(stands: Standing) -> str:
    """What helps, for whom --wait and --break-lock are options."""
    return {
        "mine": "",
        "alive": "--wait goes on when it is given back",
        "gone": "--break-lock takes it over",
        "unknown": "--wait goes on when it is given back, --break-lock takes it over: ask there first",
    }[stands]
