# SPDX-License-Identifier: Apache-2.0
"""A local board: a container of Linux namespaces on this machine, held by one init process.

Everything of the board (processes, links, mounts, sockets, its libvirtd and guests) lives in namespaces
that die with the init, so removing a board is killing one process: namespaces(7), pid_namespaces(7).
The init is ``tini``: libvirtd waits for ever for a zombie QEMU where the init does not reap orphans.

What is written outside is one small record a board, ``/run/netlab-testbed/boards/NAME``, with the init's pid
and start time (a pid alone may be somebody else's by now).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, operation

RECORDS = Path("/run/netlab-testbed/boards")
RECORD_TRIES = 100
MARK = "NETLAB_TESTBED_BOARD"
START_LIMIT = 15.0  # seconds; measured: 0.05

# Run once by the first process in the new namespaces. Everything that a board's programs write to by fixed name is
# a private tmpfs; /dev has no kvm node: libvirt throws its capability cache away at every start where there is one
# that does not work, so the accelerator probe makes the node, and only where KVM really works.
SETUP = r"""
set -eu
umask 022
mkdir -p $NETLAB_TESTBED_PRIVATE "$NETLAB_TESTBED_LIBVIRT_CACHE" /var/cache/libvirt
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t bpf -o mode=0700 bpf /sys/fs/bpf 2>/dev/null || true
mount -t tmpfs -o mode=0755,nosuid tmpfs /mnt
cd /mnt
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  name=${node%%:*} numbers=${node#*:}
  mknod -m 0666 "$name" c "${numbers%%:*}" "${numbers#*:}"
done
mkdir -m 0755 net pts
mkdir -m 1777 shm
mknod -m 0666 net/tun c 10 200
minor=$(awk '$2 == "vhost-net" { print $1 }' /proc/misc)
if [ -n "$minor" ]; then mknod -m 0600 vhost-net c 10 "$minor"; fi
ln -s /proc/self/fd fd
ln -s /proc/self/fd/0 stdin
ln -s /proc/self/fd/1 stdout
ln -s /proc/self/fd/2 stderr
ln -s pts/ptmx ptmx
cd /
mount --move /mnt /dev
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=0755,nosuid tmpfs /run
mkdir -m 1777 /run/lock
for folder in $NETLAB_TESTBED_PRIVATE; do mount -t tmpfs -o mode=0755,nosuid tmpfs "$folder"; done
chmod 0700 /var/lib/netlab-testbed
mount --bind "$NETLAB_TESTBED_LIBVIRT_CACHE" /var/cache/libvirt
mkdir -p /etc/libvirt/qemu /var/lib/libvirt/qemu /var/log/libvirt/qemu
printf '%s\n' "$NETLAB_TESTBED_QEMU_CONF" > /etc/libvirt/qemu.conf
hostname "$NETLAB_TESTBED_HOSTNAME"
ip link set lo up
for link in ${NETLAB_TESTBED_LINKS:-}; do ip link add "$link" type veth peer name "far-$link"; done
unset NETLAB_TESTBED_HOSTNAME NETLAB_TESTBED_SETUP NETLAB_TESTBED_PRIVATE
unset NETLAB_TESTBED_LIBVIRT_CACHE NETLAB_TESTBED_QEMU_CONF NETLAB_TESTBED_LINKS
exec "$@"
"""
# No systemd, no udev, no cgroups of its own: libvirt is told to do without. Guests run as the board's root, which
# is who may open the taps that a role made.
QEMU_CONF = """\
stdio_handler = "file"
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
remember_owner = 0"""
UNSHARE = ("unshare", "--fork", "--pid", "--mount", "--uts", "--net", "--ipc", "--kill-child", "--mount-proc")
ENTER_SETUP = ("sh", "-c", 'eval "$NETLAB_TESTBED_SETUP"', "sh")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

PRIVATE = ("/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/lib/netlab-testbed")
LIBVIRT_CACHE = Path("/var/cache/netlab-testbed/libvirt")


# A name is a file's, a host's and a word of a command line; an interface's is that of netdevice(7).
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
LINK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,14}")


def check_names(boards: Iterable[str], links: Iterable[str] = ()) -> None:
    """BoardError for what cannot be a local board, or an interface of one: nothing is made or looked for then."""
    for name in boards:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise BoardError(f"{name!r:.80} cannot name a local board")
    for link in links:
        if not isinstance(link, str) or not LINK.fullmatch(link):
            raise BoardError(f"{link!r:.80} cannot name an interface")


def start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat (clock ticks since boot), proc_pid_stat(5).

    OSError where there is no such process, or only what is left of one that has ended (a zombie).
    """
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    state, *fields = stat.rpartition(")")[2].split()
    if state in "ZX":
        raise ProcessLookupError(errno.ESRCH, f"process {pid} has ended")
    return fields[18]


def board_pid(name: str, records: Path = RECORDS) -> int | None:
    """The pid of the board's init, or None where the board is not up."""
    try:
        record = json.loads((records / name).read_text(encoding="ascii"))
        pid = int(record["pid"])
        return pid if start_time(pid) == record["start_time"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _marked(*programs: str) -> dict[str, int]:
    """By board, a process of one of these programs that bears its mark: found also without a record."""
    found: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            comm = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        for item in environment:
            key, _, value = item.partition(b"=")
            if key == MARK.encode() and comm in programs:
                found[value.decode(errors="replace")] = int(entry.name)
    return found


def recorded_boards() -> set[str]:
    """Names of the local boards with a record: those whose init died by other hands have one still."""
    return {path.name for path in RECORDS.iterdir()} if RECORDS.is_dir() else set()


def current_boards() -> list[str]:
    """Names of the local boards that are up."""
    return sorted({name for name in recorded_boards() if board_pid(name)} | set(_marked("tini")))


def run_in_board(name: str, argv: list[str]) -> str:
    """Run one program in a board's namespaces; its stdout. BoardError with its stderr when it fails."""
    pid = board_pid(name)
    if pid is None:
        raise BoardError(f"local board {name} is not up")
    done = subprocess.run(
        ["nsenter", "-t", str(pid), "-a", "--", *argv],
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    if done.returncode:
        raise BoardError(f"{name}: {' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def current_links(name: str) -> set[str]:
    """Interfaces that a board has."""
    return {link["ifname"] for link in json.loads(run_in_board(name, ["ip", "-json", "link"]))}


def setup_environment(name: str, links: Iterable[str] = ()) -> dict[str, str]:
    """What SETUP reads. ``links``: interfaces to make at once, for a board that is on no cable."""
    links = list(links)
    check_names([name], links)
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        MARK: name,
        "NETLAB_TESTBED_HOSTNAME": name,
        "NETLAB_TESTBED_SETUP": SETUP,
        "NETLAB_TESTBED_PRIVATE": " ".join(PRIVATE),
        "NETLAB_TESTBED_LIBVIRT_CACHE": str(LIBVIRT_CACHE),
        "NETLAB_TESTBED_QEMU_CONF": QEMU_CONF,
        "NETLAB_TESTBED_LINKS": " ".join(links),
    }


def twin_command(name: str, links: Iterable[str]) -> list[str]:
    """Runs what is appended in a throwaway board: as the board will be when it has been made, and gone with its end.

    This is what check mode asks where a board is not up: nothing is started, and the answer is a real one.
    """
    # without the mark: a twin is not the board, and never taken for it
    environment = [f"{key}={value}" for key, value in setup_environment(name, links).items() if key != MARK]
    return ["env", *environment, *UNSHARE, *ENTER_SETUP]


@operation("local_board.start", "start local board {name}")
def start(name: str) -> None:
    if board_pid(name):
        return
    missing = [program for program in ("unshare", "tini", "nsenter", "ip") if shutil.which(program) is None]
    if missing:
        raise BoardError(f"local boards need {', '.join(missing)} (packages util-linux, tini, iproute2)")
    stop(name)  # an init whose record was lost must not hold the name
    ready, ready_write = os.pipe()
    errors, errors_write = os.pipe()
    try:
        # By stdout: a POSIX shell need not know descriptors of two digits (dash does not).
        say_ready = "echo ready; exec >/dev/null; exec sleep infinity"
        outside = subprocess.Popen(
            [*UNSHARE, "tini", "--", *ENTER_SETUP, "sh", "-c", say_ready], env=setup_environment(name),
            start_new_session=True, cwd="/", stdin=subprocess.DEVNULL, stdout=ready_write, stderr=errors_write,
        )  # fmt: skip
        os.close(ready_write)
        os.close(errors_write)
        readable, _, _ = select.select([ready], [], [], START_LIMIT)
        if not readable or not os.read(ready, 16):
            outside.kill()
            outside.wait()
            said = (
                os.read(errors, 4096).decode(errors="replace").strip()
                if select.select([errors], [], [], 0)[0]
                else ""
            )
            raise BoardError(
                f"local board {name} did not start: {said or f'not ready after {START_LIMIT:.0f} s'}"
            )
    finally:
        os.close(ready)
        os.close(errors)
    init = _only_child(outside.pid)
    _record(name, {"pid": init, "start_time": start_time(init)})


def _record(name: str, record: dict[str, int | str]) -> None:
    """Whoever stops the last other board meanwhile takes the empty folder away: it is made again."""
    scratch = RECORDS / f".{name}.new"
    for _ in range(RECORD_TRIES):
        RECORDS.mkdir(mode=0o755, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            scratch.write_text(json.dumps(record), encoding="ascii")
            scratch.replace(RECORDS / name)
            return
    raise BoardError(f"local board {name} cannot be recorded: {RECORDS} is taken away time and again")


def _only_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    if len(children) != 1:
        raise BoardError(f"process {pid} should hold one init and holds {len(children)}")
    return int(children[0])


@operation("local_board.stop", "stop local board {name}")
def stop(name: str) -> None:
    """Kill the init and wait until it is gone: then all that was in its namespaces is.

    Then the unshare(1) that waited for it outside, which may take a moment longer by itself.
    """
    while (pid := board_pid(name) or _marked("tini").get(name) or _marked("unshare").get(name)) is not None:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                if not select.select([handle], [], [], START_LIMIT)[0]:
                    raise BoardError(f"the init of local board {name} (pid {pid}) does not die")
            finally:
                os.close(handle)
    (RECORDS / name).unlink(missing_ok=True)
    for folder in (RECORDS, RECORDS.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()  # only when empty


@operation("local_board.wire", "wire {a_board}/{a_link} to {b_board}/{b_link}")
def wire(a_board: str, a_link: str, b_board: str, b_link: str) -> None:
    """A veth pair with one end in each board: veth(4). It goes with either board."""
    pids = {board: board_pid(board) for board in (a_board, b_board)}
    if None in pids.values():
        raise BoardError(f"cannot wire {a_board} to {b_board}: not both are up")
    # Born inside board a, the far end straight into board b: the machine itself never sees the cable.
    argv = ["ip", "link", "add", a_link, "type", "veth", "peer", "name", b_link, "netns", str(pids[b_board])]
    done = subprocess.run(
        ["nsenter", "-t", str(pids[a_board]), "-n", "--", *argv],
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    if done.returncode:
        raise BoardError(f"cannot wire {a_board}/{a_link} to {b_board}/{b_link}: {done.stderr.strip()}")
    for board, link in ((a_board, a_link), (b_board, b_link)):
        run_in_board(board, ["ip", "link", "set", link, "up"])


def wanted_cables(cables: list[dict[str, str]]) -> list[dict[str, Any]]:
    """``[{board: link, board: link}]`` as the wire operation's arguments."""
    wires = []
    for cable in cables:
        check_names(cable, cable.values())
        if len(cable) != 2:
            raise BoardError(f"a cable has two ends on two boards, this one has {len(cable)}: {cable}")
        (a_board, a_link), (b_board, b_link) = cable.items()
        wires.append({"a_board": a_board, "a_link": a_link, "b_board": b_board, "b_link": b_link})
    return wires
