# SPDX-License-Identifier: Apache-2.0
"""Long-running programs that we start on a board, and how we know them again.

Each carries a mark in its environment, ``NETLAB_TESTBED_DAEMON=name``: it is inherited over fork and exec, is
there from the first instant, and cannot be somebody else's, which neither holds of a pid file nor of a
program's name. Only processes with the mark are ever stopped.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, operation

MARK = "NETLAB_TESTBED_DAEMON"
LOGS = Path("/run/netlab-testbed/log")
STOP_LIMIT = 10.0  # seconds from SIGTERM to SIGKILL


def marked(name: str) -> list[int]:
    """Pids of the live processes that carry the mark of this daemon."""
    mark = f"{MARK}={name}".encode()
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0") and of_this_machine(entry):
                pids.append(int(entry.name))
        except OSError:
            continue  # gone, or not ours to read
    return sorted(pids)


def of_this_machine(process: Path) -> bool:
    """Whether /proc/PID is of this board, and not of a container or local board on it, whose programs it sees as well:
    they bear the same marks, and are somebody else's. pid_namespaces(7). OSError where it is gone."""
    return (process / "ns/pid").samefile(process.parent / "self/ns/pid")


def command_lines(pids: list[int]) -> list[list[str]]:
    """argv of each process that is still there."""
    lines = []
    for pid in pids:
        with contextlib.suppress(OSError):
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
            lines.append([word.decode(errors="replace") for word in raw.rstrip(b"\0").split(b"\0")])
    return lines


def answers(ready: str, limit: float = 0.5) -> bool:
    """Whether something listens at unix:/path, tcp:host:port or udp:address:port, or a libvirtd serves libvirt:uri.

    A libvirtd listens before its drivers are up, and ends when one of them fails: only an opened URI says
    that it is there.
    """
    kind, _, where = ready.partition(":")
    if kind == "libvirt":
        return _libvirt_answers(where)
    if kind == "udp":
        return _udp_bound(*where.rpartition(":")[::2])
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(limit)
                probe.connect(where)
        else:
            host, _, port = where.rpartition(":")
            socket.create_connection((host, int(port)), timeout=limit).close()
    except OSError:
        return False
    return True


def _udp_bound(address: str, port: str) -> bool:
    """Nobody answers over UDP unless asked in his own words; but the kernel lists who listens (proc_net_tcp.txt)."""
    number = int.from_bytes(socket.inet_aton(address), sys.byteorder)
    bound = f"{number:08X}:{int(port):04X}"
    lines = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
    return any(line.split()[1] == bound for line in lines)


def _libvirt_answers(uri: str) -> bool:
    try:
        import libvirt
    except ImportError as error:
        raise BoardError("this board's Python has no libvirt module: package python3-libvirt") from error
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    try:
        libvirt.open(uri).close()
    except libvirt.libvirtError:
        return False
    return True


@operation("process.start", "start {name}: {argv[0]}", volatile=True)
def start(
    name: str, argv: list[str], ready: str, limit: float, environment: dict[str, str] | None = None
) -> None:
    """Start it and wait until it listens. A program that ends before it does is an error with its own words."""
    if marked(name) and answers(ready):
        return
    stop(name)
    for folder in (LOGS.parent, LOGS):  # a parent that mkdir makes by the way has other permissions
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    with open(log, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        try:
            process = subprocess.Popen(
                argv, env={**plain_environment(), **(environment or {}), MARK: name}, start_new_session=True, cwd="/",
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise BoardError(f"{name}: there is no program {argv[0]} on this board") from error
    deadline = time.monotonic() + limit
    while not answers(ready):
        if process.poll() is not None and not marked(name):
            said = log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
            raise BoardError(
                f"{name} ended with status {process.returncode} before it listened on {ready}: {said}"
            )
        if time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
            stop(name)  # and its log with it
            raise BoardError(f"{name} does not listen on {ready} after {limit:.0f} s: {said}")
        time.sleep(0.01)


def plain_environment() -> dict[str, str]:
    """What a program gets that is not the session's of whoever had it started."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/root",
    }


@operation("process.stop", "stop {name}", volatile=True)
def stop(name: str) -> None:
    """SIGTERM, then SIGKILL, to the marked processes only; returns when they are gone."""
    for number, limit in ((signal.SIGTERM, STOP_LIMIT), (signal.SIGKILL, STOP_LIMIT)):
        handles = []
        for pid in marked(name):
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                handles.append(handle)
                signal.pidfd_send_signal(handle, number)
        deadline = time.monotonic() + limit
        while handles and time.monotonic() < deadline:
            gone, _, _ = select.select(handles, [], [], max(0.0, deadline - time.monotonic()))
            for handle in gone:
                os.close(handle)
                handles.remove(handle)
        for handle in handles:
            os.close(handle)
        if not handles:
            (LOGS / f"{name}.log").unlink(missing_ok=True)
            for folder in (LOGS, LOGS.parent):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            return
    raise BoardError(f"{name} (pids {marked(name)}) does not end")


@operation("service.start", "start unit {unit}")
def service_start(unit: str) -> None:
    _systemctl("start", unit)


@operation("service.stop", "stop unit {unit}")
def service_stop(unit: str) -> None:
    _systemctl("stop", unit)


def service_active(unit: str) -> bool:
    """As ``systemctl is-active`` says."""
    return (
        subprocess.run(["systemctl", "--quiet", "is-active", unit], timeout=30, check=False).returncode == 0
    )


def _systemctl(verb: str, unit: str) -> None:
    done = subprocess.run(["systemctl", verb, unit], capture_output=True, text=True, timeout=90, check=False)
    if done.returncode:
        raise BoardError(f"systemctl {verb} {unit}: {done.stderr.strip()}")


def has_systemd() -> bool:
    """sd_booted(3)."""
    return Path("/run/systemd/system").is_dir()
