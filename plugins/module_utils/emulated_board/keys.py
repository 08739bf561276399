# SPDX-License-Identifier: Apache-2.0
"""SSH keys of one emulated board, made when it is started: its own, and the one that it lets in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

SECONDS = 20


def make(folder: Path, name: str, port: int) -> tuple[str, str]:
    """(who may sign in, the board's own private key). In ``folder``: key and key.pub, which may sign in; known_hosts,
    by which the board is known before its first start. They go with the folder; the board's own key is kept nowhere
    but on the board."""
    host = folder / "host-key"
    for path, comment in ((folder / "key", f"netlab-testbed {name}"), (host, name)):
        _generate(path, comment)
    algorithm, public, *_ = host.with_suffix(".pub").read_text(encoding="ascii").split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {algorithm} {public}\n", encoding="ascii")
    private = host.read_text(encoding="ascii")
    host.unlink()
    host.with_suffix(".pub").unlink()
    # Who plays with sudo signs in as himself.
    owner = os.environ.get("SUDO_UID", "")
    if owner.isdigit():
        os.chown(folder / "key", int(owner), -1)
    return (folder / "key.pub").read_text(encoding="ascii"), private


def _generate(path: Path, comment: str) -> None:
    try:
        done = subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise BoardError("there is no ssh-keygen: install openssh-client") from None
    if done.returncode:
        raise BoardError(f"ssh-keygen: {done.stderr.strip() or done.stdout.strip()}")
