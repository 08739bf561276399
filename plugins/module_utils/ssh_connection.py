# SPDX-License-Identifier: Apache-2.0
"""The connection that whoever called this module came in by."""

from __future__ import annotations

from pathlib import Path


def ssh_connection(pid: int | str = "self", proc: Path = Path("/proc")) -> str:
    """SSH_CONNECTION (sshd(8)) of this process or the nearest of its ancestors that has it: sudo takes it away."""
    while str(pid) not in ("0", "1"):
        try:
            for item in (proc / str(pid) / "environ").read_bytes().split(b"\0"):
                if item.startswith(b"SSH_CONNECTION="):
                    return item.partition(b"=")[2].decode("ascii", errors="replace")
            stat = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        pid = stat.rpartition(")")[2].split()[1]
    return ""
