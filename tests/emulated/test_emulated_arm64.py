# SPDX-License-Identifier: Apache-2.0
"""The roles on an emulated ARM64 board of the tests' own, over SSH, with guests under KVM.

Takes minutes, and many more the first time, when the image is built: `./lab test emulated`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import ops, sandbox
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.store import FILES, content_hash
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.tools import CACHE
from ansible_collections.netlab.testbed.plugins.modules.emulated_board import lack_of_memory

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "inventory/emulated-arm64"
BOARD, PEER, PORT = "testarm", "testarmpeer", 22951
BUILD_SECONDS, DEPLOY_SECONDS = 3600, 900
pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(BUILD_SECONDS + 600)]


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shipped inventory under other names and another port; destroyed at the end."""
    if os.geteuid() != 0:
        pytest.skip("emulated boards are made by root")
    if reason := sandbox.lack() or lack_of_memory(2048, Path("/proc/meminfo").read_text(encoding="ascii")):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("lab") / "emulated"
    shutil.copytree(SHIPPED, folder)
    for path in folder.rglob("*.yml"):
        text = path.read_text(encoding="utf-8").replace("armpeer1", PEER).replace("arm1", BOARD)
        path.write_text(text.replace("22901", str(PORT)), encoding="utf-8")
    yield folder
    netlab("destroy", folder)


def netlab(command: str, inventory: Path, *more: str, seconds: float = DEPLOY_SECONDS) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "netlab", command, "-i", str(inventory), *more],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr if "--json" not in more else done.stdout


def status(inventory: Path) -> dict[str, Any]:
    told = json.loads(netlab("status", inventory, "--json"))
    return dict(told["boards"])


def on_board(inventory: Path, *command: str) -> str:
    """By the keys that are made for the board, and no others."""
    keys = ops.RECORDS / BOARD
    done = subprocess.run(
        [
            "ssh", "-i", keys / "key", "-p", str(PORT), "-o", f"UserKnownHostsFile={keys / 'known_hosts'}",
            "-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
            "root@127.0.0.1", *command,
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def test_tap_is_proven_with_a_guest_under_kvm(inventory: Path) -> None:
    netlab("deploy", inventory, "-t", "tap", seconds=BUILD_SECONDS)
    boards = status(inventory)
    assert boards[BOARD]["state"] == "ready"
    assert boards[BOARD]["accelerator"] == "kvm"
    assert boards[BOARD]["board"]["arch"] == "aarch64"
    assert [guest["state"] for guest in boards[BOARD]["guests"]] == ["running"]
    assert on_board(inventory, "lsmod").count("vhost_net") > 0


def test_a_second_deploy_changes_nothing(inventory: Path) -> None:
    assert " 0 changed" in netlab("deploy", inventory, "-t", "tap")


def test_the_baseline_takes_the_place_of_tap(inventory: Path) -> None:
    netlab("deploy", inventory, "-t", "host")
    assert status(inventory)[BOARD]["topology"] == "host"
    assert "nltap" not in on_board(inventory, "ls", "/sys/class/net")


def test_the_image_is_as_it_was_built(inventory: Path) -> None:
    """What boards write is on their overlays: the image still has the content that it is named by."""
    (folder,) = [path for path in Path(CACHE, "board-image").iterdir() if path.is_dir()]
    assert content_hash([folder / name for name in FILES]) == folder.name
    assert (ops.DISKS / BOARD / "disk.qcow2").stat().st_size > 1 << 20


def test_destroy_leaves_nothing_of_it(inventory: Path) -> None:
    netlab("destroy", inventory)
    assert not ops.left(BOARD)
    assert {board["state"] for board in status(inventory).values()} == {"not up"}
    netlab("destroy", inventory)
