# SPDX-License-Identifier: Apache-2.0
"""What somebody changes on a board by hand: status says what, the next deploy mends it, and destroy knows it anyway."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.faults.lab import Lab

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
DETACHED = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
    "cwd": ROOT,
}
ENDED = "kill -9 $(pgrep {0}); while pgrep {0} >/dev/null; do sleep 0.01; done"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Boards that stay, as those over SSH do."""
    made = Lab("drift")
    try:
        made.raise_boards()
        yield made
    finally:
        made.close()


def drift(lab: Lab) -> list[str]:
    said = lab.call("status", "--json")  # what goes to stderr is before it
    boards: dict[str, Any] = json.loads(said[said.index("{") :])["boards"]
    return [words for board in sorted(boards) for words in boards[board]["drift"]]


@pytest.mark.parametrize(
    ("topology", "breaking"),
    [
        (
            "host",
            {
                "dut: ip address delete 192.168.20.2/24 dev eth1": "link eth1 addresses was",
                f"peer: {ENDED.format('-x netserver')}": "process netserver runs was True and is False",
            },
        ),
        (
            "tap",
            {
                "dut: ip link set nltap1 nomaster": "link nltap1 master was nlbr0",
                "dut: ip link set nlbr0 mtu 1400": "link nlbr0 mtu was 1500 and is 1400",
                "dut: ip address add 192.168.99.1/24 dev nlbr0": "link nlbr0 addresses was",
                "dut: ip link set nlbr0 down": "link nlbr0 up was True and is False",
            },
        ),
        (
            "tap",
            {
                "dut: ip link delete nltap1": "link nltap1 is gone",
                "dut: ip link delete nlbr0": "link nlbr0 is gone",
            },
        ),
        ("tap", {f"dut: {ENDED.format('^qemu-system')}": "domain guest1 is gone"}),
        ("tap", {f"dut: {ENDED.format('-x libvirtd')}": "domain: not to be read"}),
    ],
)
def test_drift_is_said_and_mended(lab: Lab, topology: str, breaking: dict[str, str]) -> None:
    lab.deployed(topology)
    assert drift(lab) == []
    for what in breaking:
        at, _, command = what.partition(": ")
        lab.inside(lab.dut if at == "dut" else lab.peer, "sh", "-c", command)
    said = drift(lab)
    for words in breaking.values():
        assert any(words in line for line in said), (words, said)
    lab.call("deploy", "-t", topology)
    assert drift(lab) == []


def test_what_is_left_after_all_of_that_is_nothing(lab: Lab) -> None:
    lab.deployed("host")
    lab.clean()
    assert lab.left() == []


def test_destroy_tells_what_somebody_changed_meanwhile(lab: Lab) -> None:
    lab.deployed("host")
    lab.inside(lab.dut, "ip", "link", "add", "theirs", "type", "bridge")
    said = lab.call("destroy")
    lab.carries = None
    lab.inside(lab.dut, "ip", "link", "delete", "theirs")
    assert f"{lab.dut}: link theirs is new (it does not bear this testbed's mark)" in said
    assert "nothing of netlab is left on 2 boards" in said


def test_destroy_by_name_needs_no_inventory(lab: Lab) -> None:
    for board in (lab.dut, lab.peer):
        assert local_board.board_pid(board)
    lab.deployed("host")
    lab.before = {}
    lab.watch.boards = {}
    destroy = [sys.executable, "-m", "netlab", "destroy", "--board", lab.dut, "--board", lab.peer]
    for _ in range(2):  # as often as one likes
        lab.clear()
        status, said = lab.end(subprocess.Popen(destroy, **DETACHED))  # type: ignore[call-overload]
        assert status == 0, said
        assert "nothing of netlab is left on 2 boards" in said
    assert not any(local_board.board_pid(board) or lab.locked(board) for board in (lab.dut, lab.peer))
