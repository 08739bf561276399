# SPDX-License-Identifier: Apache-2.0
"""On a fresh machine the programs that tests of boards need are brought by what brings them for users: a deploy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lacking(items: list[pytest.Item]) -> set[str]:
    """The programs that some test needs and this machine has not."""
    needed = {program for item in items for marker in item.iter_markers("needs") for program in marker.args}
    return {program for program in needed if shutil.which(program) is None}


def pytest_runtestloop(session: pytest.Session) -> None:
    """Before the first test: let each topology's roles install what they need, on the tests' own boards."""
    here = [item for item in session.items if item.path.is_relative_to(Path(__file__).parent)]
    if session.config.option.collectonly or os.geteuid() != 0 or not lacking(here):
        return
    netlab = [sys.executable, "-m", "netlab"]
    for role in sorted(ROOT.glob("roles/datapath_*")):
        topology = role.name.removeprefix("datapath_")
        print(f"installing what topology {topology} needs ...", file=sys.stderr, flush=True)
        # Where it cannot be deployed, the tests that need it skip or fail, and say why; packages come first.
        subprocess.run(
            [*netlab, "deploy", "-t", topology, "-i", "tests/inventory"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=1200,
            check=False,
        )
        if not lacking(here):
            break
    subprocess.run(
        [*netlab, "destroy", "-i", "tests/inventory"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        timeout=300,
        check=True,
    )
