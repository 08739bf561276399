# SPDX-License-Identifier: Apache-2.0
"""A bare Debian: what an installation without any task selected has of what matters here, made by debootstrap(8).

Python, an SSH server, sudo and iproute2 come with each; nothing that netlab needs is in it. Kept from run to run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import (
    AptWorld,
    debian_sources,
    machine_architecture,
)
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

CACHE = Path("/var/cache/netlab-testbed/test-bare")
INSTALLED = ("ca-certificates", "iproute2", "openssh-server", "python3", "sudo")
LIMIT = 900  # seconds; measured: 100 to 150


def bare_root(codename: str) -> Path:
    """The root of a bare Debian of that release. Skips the test where it cannot be made."""
    root = CACHE / codename
    if root.is_dir():
        return root
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f"{codename}-") as scratch:
        try:
            program, environment = _debootstrap(Path(scratch))
            mirror = next(source.uri for source in debian_sources(("main",)))
        except (BoardError, FileNotFoundError, StopIteration) as error:
            pytest.skip(f"needs debootstrap and a Debian mirror: {error}")
        made = Path(scratch) / "root"
        argv = [program, "--variant=minbase", f"--include={','.join(INSTALLED)}", codename, str(made), mirror]
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            pytest.skip(f"debootstrap made no {codename} from this machine's mirror: {' '.join(last)}")
        made.rename(root)
    return root


def _debootstrap(scratch: Path) -> tuple[str, dict[str, str]]:
    """The program, and the environment that it runs in: this machine's own, or one that is only unpacked."""
    if program := shutil.which("debootstrap"):
        return program, dict(os.environ)
    world = AptWorld("test-bare", machine_architecture())
    world.refresh()
    (package,) = world.download(world.candidates(["debootstrap"]).values(), scratch)
    subprocess.run(["dpkg", "-x", str(package), str(scratch / "debootstrap")], timeout=60, check=True)
    place = scratch / "debootstrap/usr"
    return str(place / "sbin/debootstrap"), {
        **os.environ,
        "DEBOOTSTRAP_DIR": str(place / "share/debootstrap"),
    }
