# SPDX-License-Identifier: Apache-2.0
"""sshd and sudo for boards of tests, unpacked from the distribution's packages and not installed on this machine.

An sshd that is installed is also started where systemd runs, for everybody: not what running tests may do.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import AptWorld, machine_architecture
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

CACHE = Path("/var/cache/netlab-testbed/test-ssh")
WANTED = ("openssh-server", "openssh-sftp-server", "sudo")


def _installed() -> set[str]:
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}|${Package}\n"],
        capture_output=True, text=True, timeout=30, check=True,
    ).stdout  # fmt: skip
    return {line.partition("|")[2] for line in shown.splitlines() if line.startswith("ii")}


@cache
def unpacked() -> Path:
    """A folder with their usr and etc, kept from run to run. Skips the test where there is no mirror."""
    if not CACHE.is_dir():
        CACHE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent, prefix="test-ssh-") as scratch:
            tree = Path(scratch) / "tree"
            try:
                world = AptWorld("test-ssh", machine_architecture())
                world.refresh()
                closure = world.library_closure(WANTED)
                lacking = [closure[name] for name in sorted(set(closure) - (_installed() - set(WANTED)))]
                for package in world.download(lacking, Path(scratch)):
                    subprocess.run(["dpkg", "-x", package, tree], timeout=60, check=True)
            except (BoardError, FileNotFoundError) as error:
                pytest.skip(f"needs the packages {', '.join(WANTED)}: {error}")
            if (tree / "lib").is_dir():  # a path of before the merge of /usr
                shutil.copytree(tree / "lib", tree / "usr/lib", dirs_exist_ok=True, symlinks=True)
            tree.chmod(0o755)
            tree.replace(CACHE)
    return CACHE
