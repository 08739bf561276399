# SPDX-License-Identifier: Apache-2.0
"""Scenarios use the local lab of inventory/local, and so does whoever works with it: never both at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import local_board


@pytest.fixture(scope="session")
def free_lab() -> None:
    """Fail rather than take down the lab that somebody has up."""
    up = local_board.current_boards()
    if up:
        pytest.fail(
            f"a local lab is up ({', '.join(up)}): take it down first with ./lab destroy", pytrace=False
        )


@pytest.fixture(scope="session")
def unmet(repository: Path, free_lab: None) -> Mapping[str, list[str]]:
    """For each topology why this machine cannot carry it, as `netlab check` says; empty where it can."""
    done = subprocess.run(
        [sys.executable, "-m", "netlab", "check", "--json", "--inventory", "inventory/local"],
        cwd=repository,
        env={name: value for name, value in os.environ.items() if not name.startswith("NETLAB_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if not done.stdout:
        pytest.fail(f"netlab check ended with {done.returncode}\n{done.stderr}", pytrace=False)
    reasons: dict[str, list[str]] = {}
    for row in json.loads(done.stdout)["rows"]:
        reasons.setdefault(row["topology"], []).extend(row["unmet"])
    return reasons
