# SPDX-License-Identifier: Apache-2.0
"""Boot the guest kernel under KVM, and see within a time limit whether it reaches its init.

QEMU runs in a session of its own, is killed with all of its process group whatever happens here, and dies
with this process (PR_SET_PDEATHSIG, prctl(2)), so that a probe that is interrupted leaves nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

# What /init of the guest image prints first.
READY_MARK = b"netlab-testbed: init reached"
PROBE_MEMORY_MIB = 192
KILL_SECONDS = 5.0
PR_SET_PDEATHSIG = 1
_MACHINES = {"x86_64": "q35", "aarch64": "virt,gic-version=host"}


@dataclass(frozen=True)
class Boot:
    """What became of a boot: whether the init was reached, after how long, and what to say where it was
    not."""

    reached: bool
    seconds: float
    failure: str = ""


def qemu_program(arch: str) -> str:
    """The path of QEMU for one architecture."""
    name = f"qemu-system-{arch}"
    found = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin")
    if found is None:
        raise BoardError(f"{name} is not installed, so no {arch} guest can run on this board")
    return found


def probe_command(qemu: str, arch: str, kernel: Path, initramfs: Path, command_line: str) -> list[str]:
    """QEMU with KVM, a console and nothing else; the guest powers off by itself once it has told that it is
    up."""
    return [
        qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", _MACHINES[arch], "-accel", "kvm", "-cpu", "host", "-smp", "1",
        "-m", str(PROBE_MEMORY_MIB),
        "-kernel", str(kernel), "-initrd", str(initramfs), "-append", f"{command_line} netlab.poweroff",
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
    ]  # fmt: skip


# A /dev of QEMU's own, in a mount namespace of its own, with little more in it than the node of KVM.
_PRIVATE_DEV = """
mount -t tmpfs -o mode=0755,nosuid tmpfs /dev
mknod -m 0600 /dev/kvm c "$1" "$2"
mknod -m 0666 /dev/null c 1 3
mknod -m 0666 /dev/urandom c 1 9
shift 2
exec "$@"
"""


def with_kvm_node(command: Sequence[str], numbers: str) -> list[str]:
    """The command where it finds /dev/kvm, on a board that has none; `numbers`: "major:minor". Nothing of it
    is seen on the board, and the kernel removes it with the process."""
    major, minor = numbers.strip().split(":")
    namespace = ["unshare", "--mount", "--propagation", "private", "--"]
    return [*namespace, "sh", "-ec", _PRIVATE_DEV, "sh", major, minor, *command]


def _before_exec() -> None:
    """In QEMU's process: die with this one, and leave no core file where KVM makes QEMU abort."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group, which is the session that was started for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        process.wait(timeout=KILL_SECONDS)
    except subprocess.TimeoutExpired:
        raise BoardError(
            f"QEMU (pid {process.pid}) hangs in the kernel under KVM and cannot be killed; restart this board"
        ) from None


def _watch(process: subprocess.Popen[bytes], deadline: float) -> tuple[bool, bytes, bytes]:
    """(ready mark seen, console, errors), reading until the mark, the end of QEMU's output, or the
    deadline."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = {"console": bytearray(), "errors": bytearray()}
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "console")
        selector.register(process.stderr, selectors.EVENT_READ, "errors")
        while selector.get_map() and READY_MARK not in said["console"]:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                break
            for key, _events in ready:
                chunk = os.read(key.fd, 65536)
                if chunk:
                    said[key.data] += chunk
                else:
                    selector.unregister(key.fileobj)
    return READY_MARK in said["console"], bytes(said["console"]), bytes(said["errors"])


def _last_words(console: bytes) -> str:
    lines = [line.strip() for line in console.decode(errors="replace").splitlines() if line.strip()]
    return f"; its last line was: {lines[-1][:120]}" if lines else ""


def boot(command: Sequence[str], limit: float) -> Boot:
    """Run QEMU until its guest's init has spoken, at most `limit` seconds."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, preexec_fn=_before_exec,
    )  # fmt: skip
    try:
        reached, console, errors = _watch(process, started + limit)
        seconds = time.monotonic() - started
    finally:
        _kill(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    if reached:
        return Boot(True, seconds)
    last = _last_words(console)
    if seconds >= limit:
        return Boot(False, seconds, f"the guest kernel did not reach its init within {limit:.0f} s{last}")
    words = errors.decode(errors="replace").strip().splitlines()
    if words:
        return Boot(False, seconds, f"QEMU ends under it: {re.sub(r'^qemu-system-[^ ]+: ', '', words[-1])}")
    return Boot(False, seconds, f"the guest ended before it reached its init{last}")
