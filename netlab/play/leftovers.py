# SPDX-License-Identifier: Apache-2.0
"""A play's private folder, 0700, and those that a wrapper which was killed has left.

The folder's name says whose it is: pid namespace, pid and start time. It goes at the next start of any netlab of the
same user, once neither that process runs nor anything that it had started.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from netlab.play import processes

_NAME = re.compile(r"netlab-(\d+)-(\d+)-(\d+)-[a-z0-9_]+")


def make() -> Path:
    """A new one, of this process."""
    _boot, _namespace, pid, started = processes.mark().split(" ")
    return Path(tempfile.mkdtemp(prefix=f"netlab-{_namespace_number()}-{pid}-{started}-"))


def sweep() -> None:
    """Removes those of processes that are gone; whatever cannot be told or removed stays."""
    boot, namespace, _pid, _started = processes.mark().split(" ")
    try:
        names = sorted(entry.name for entry in os.scandir(tempfile.gettempdir()))
    except OSError:
        return
    for name in names:
        found = _NAME.fullmatch(name)
        if not found or found[1] != _namespace_number():
            continue
        path = Path(tempfile.gettempdir()) / name
        if not _is_ours(path) or processes.runs(int(found[2]), found[3]):
            continue
        if processes.bears(f"{boot} {namespace} {found[2]} {found[3]}"):
            continue  # Ansible goes on after its wrapper was killed, and needs it
        shutil.rmtree(path, ignore_errors=True)


def _namespace_number() -> str:
    return re.sub(r"\D", "", str(Path("/proc/self/ns/pid").readlink()))


def _is_ours(path: Path) -> bool:
    """A folder of this user's that nobody else can look into, and no link to one."""
    with contextlib.suppress(OSError):
        status = path.lstat()
        return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
    return False
