# SPDX-License-Identifier: Apache-2.0
"""Each molecule scenario is a test, which fails with what molecule printed, or when something is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import ops
from tests.emulated import board as emulated
from tests.integration.machine import more_than, snapshot

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
ON_EMULATED = ("sriov",)  # on the shipped inventory, by molecule/sriov
SECONDS = 680
BUILD_SECONDS = 2700  # of an emulated board's image, where it is not there yet


def unmet(topology: str) -> list[str]:
    """Why these boards cannot carry a topology, as `netlab check` says; empty where they can."""
    done = subprocess.run(
        [PROGRAMS / "netlab", "check", "--json", "--inventory", "tests/inventory"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("NETLAB_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=200,
        check=False,
    )
    if done.returncode != 0:
        return []  # then it is molecule's failure that is told
    boards = json.loads(done.stdout)["boards"].values()
    return [reason for board in boards for reason in board["topologies"].get(topology, [])]


def lack_of_emulation() -> str | None:
    """Why no emulated board can be had here; somebody's own one is not taken from them."""
    (board,) = yaml.safe_load((emulated.SHIPPED / "hosts.yml").read_text(encoding="utf-8"))["all"][
        "children"
    ]["emulated_boards"]["hosts"]
    return f"emulated board {board} is somebody's" if ops.left(board) else emulated.lack()


@pytest.mark.root
@pytest.mark.timeout(
    BUILD_SECONDS + 900
)  # the first one may have to install what boards need, and to build the guest image
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, tmp_path: Path) -> None:
    if scenario in ON_EMULATED and (reason := lack_of_emulation()):
        pytest.skip(reason)
    before = snapshot()
    done = subprocess.run(
        [PROGRAMS / "molecule", "test", "--scenario-name", scenario],
        cwd=ROOT,
        env=os.environ | {"MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS + (BUILD_SECONDS if scenario in ON_EMULATED else 0),
        check=False,
    )
    if done.returncode != 0:
        reasons = unmet(scenario)
        if reasons:
            pytest.skip(f"cannot be carried here: {'; '.join(reasons)}")
        pytest.fail(f"molecule ended with {done.returncode}\n{done.stdout}", pytrace=False)
    assert more_than(before, snapshot()) == {}
