# SPDX-License-Identifier: Apache-2.0
"""Run a command as root of a user namespace in which programs of another architecture run, too.

Each user namespace has a binfmt_misc of its own (Linux 6.7): the interpreter is registered there, and the rest of
the machine does not notice. Users and groups are mapped one to one, so that files get their true owners; all
namespaces and processes go with the command.
"""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

PROBE_SECONDS = 20
# The first bytes of an ELF program for aarch64, 64 bit, little-endian, of any OS ABI, executable or position-
# independent: elf(5), and QEMU's scripts/qemu-binfmt-conf.sh.
AARCH64_MAGIC = bytes.fromhex("7f454c460201010000000000000000000200b700")
AARCH64_MASK = bytes.fromhex("ffffffffffffff00fffffffffffffffffeffffff")
# The kernel is told of the interpreter; then the command takes the shell's place.
_INSIDE = """
set -eu
if [ -n "$NETLAB_BINFMT" ]; then
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    printf '%s' "$NETLAB_BINFMT" > /proc/sys/fs/binfmt_misc/register
fi
unset NETLAB_BINFMT
exec "$@"
"""
_UNSHARE = (
    "unshare",
    "--user",
    "--mount",
    "--pid",
    "--ipc",
    "--uts",
    "--fork",
    "--kill-child",
    "--mount-proc",
)


def binfmt_entry(interpreter: Path) -> str:
    """The line for binfmt_misc's `register`. O: the program is handed over open; C: with its own credentials; F: the
    interpreter is opened now, so that it is found from inside a chroot."""

    def escaped(text: bytes) -> str:
        return "".join(f"\\x{byte:02x}" for byte in text)

    return f":netlab-aarch64:M::{escaped(AARCH64_MAGIC)}:{escaped(AARCH64_MASK)}:{interpreter}:OCF"


def native() -> bool:
    """Whether this machine runs such programs by itself."""
    return platform.machine() == "aarch64"


def run(
    command: Sequence[str], interpreter: Path, seconds: float, environment: dict[str, str], log: Path
) -> None:
    """Run it to its end, its output in ``log``; BoardError with the last of that if it fails or takes longer."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*_UNSHARE, "sh", "-c", f"read _ && {{ {_INSIDE} }}", "sh", *command],
            env={**environment, "NETLAB_BINFMT": "" if native() else binfmt_entry(interpreter)},
            stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _map_users(process)
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.close()
            status = process.wait(seconds)
        except (OSError, subprocess.TimeoutExpired) as error:
            status = None
            what = f"took longer than {seconds:.0f} s" if not isinstance(error, OSError) else str(error)
        finally:
            process.kill()  # and all that is below it (--kill-child)
            process.wait()
    if status != 0:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-6:]
        reason = what if status is None else f"ended with status {status}"
        raise BoardError(f"{Path(command[0]).name} {reason}: {'; '.join(said)}")


def _map_users(process: subprocess.Popen[bytes]) -> None:
    """Written from outside, where every user may be mapped: user_namespaces(7)."""
    own = Path("/proc/self/ns/user").readlink()
    deadline = time.monotonic() + PROBE_SECONDS
    while Path(f"/proc/{process.pid}/ns/user").readlink() == own:
        if process.poll() is not None or time.monotonic() > deadline:
            raise OSError("unshare(1) made no user namespace")
        time.sleep(0.005)
    for table in ("uid_map", "gid_map"):
        Path(f"/proc/{process.pid}/{table}").write_text("0 0 4294967295", encoding="ascii")


def lack(interpreter: Path = Path("/bin/true")) -> str | None:
    """Why this machine cannot do it, in words; None where it can. Takes a tenth of a second."""
    if os.geteuid() != 0:
        return "the image of an emulated board is built as root"
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(["true"], interpreter, PROBE_SECONDS, {"PATH": "/usr/bin:/bin"}, Path(folder, "log"))
        except BoardError as error:
            return (
                "this kernel lets no user namespace have a binfmt_misc of its own (Linux 6.7 with CONFIG_USER_NS and"
                f" CONFIG_BINFMT_MISC does), so programs for arm64 cannot be run while the image is built: {error}"
            )
    return None
