# SPDX-License-Identifier: Apache-2.0
"""A deploy on real local boards that fails or is interrupted is rolled back: nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.machine import more_than, snapshot

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]


class Lab:
    """Two local boards of this test's own, and the machine before they were."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.inventory = folder / "hosts.yml"
        hosts = (ROOT / "tests/inventory/hosts.yml").read_text(encoding="utf-8")
        self.inventory.write_text(re.sub(r"test(dut|peer)", r"stop\1", hosts), encoding="utf-8")
        self.before = snapshot()

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "netlab", *words, "-i", str(self.inventory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "NETLAB_LOGS": str(self.logs)},
        )

    def call(self, *words: str, status: int = 0) -> tuple[str, str]:
        program = self.start(*words)
        out, err = program.communicate(timeout=240)
        assert program.returncode == status, f"{words}: {program.returncode}\n{out}\n{err}"
        return out, err

    def left(self) -> dict[str, set[str]]:
        return more_than(self.before, snapshot())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.call("destroy")


def press_when(program: subprocess.Popen[str], words: str, number: signal.Signals, times: int = 1) -> str:
    """Sends the signal once a line with these words has been printed; what was printed until the end."""
    assert program.stderr is not None
    said = ""
    for line in program.stderr:
        said += line
        if words in line:
            for _ in range(times):
                program.send_signal(number)
            break
    else:
        pytest.fail(f"no line has the words {words!r}:\n{said}")
    _, rest = program.communicate(timeout=240)
    return said + rest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_deploy_leaves_nothing(lab: Lab, number: signal.Signals) -> None:
    program = lab.start("deploy", "-t", "tap")
    said = press_when(program, "KVM or TCG", number)  # what comes next starts the guests
    assert program.returncode == 130, said
    assert "netlab: interrupted: stopping deploy ..." in said
    assert "rolled back" in said
    assert lab.left() == {}


def test_an_interrupted_deploy_in_the_middle_of_the_boards_leaves_nothing(lab: Lab) -> None:
    program = lab.start("deploy", "-t", "tap")
    said = press_when(program, "Local boards are up", signal.SIGINT)
    assert program.returncode == 130, said
    assert lab.left() == {}


def test_a_deploy_that_fails_is_rolled_back_and_named(lab: Lab) -> None:
    nic = "          board_nic: eth1\n"
    disk = "          guest_disk: /no/such/disk.qcow2\n"
    hosts = lab.inventory.read_text(encoding="utf-8")
    lab.inventory.write_text(hosts.replace(nic, nic + disk, 1), encoding="utf-8")
    _, err = lab.call("deploy", "-t", "tap", status=1)
    assert "netlab: stopdut: the task '" in err
    assert "/no/such/disk.qcow2" in err
    assert "rolled back" in err
    (log,) = lab.logs.iterdir()
    assert f"full log: {log}" in err
    assert lab.left() == {}


def test_a_topology_that_is_refused_leaves_the_one_before_it_alone(lab: Lab) -> None:
    lab.call("deploy", "-t", "host")
    lab.call("deploy", "-t", "nonsense", status=2)
    out, _ = lab.call("status", "--json")
    assert '"topology": "host"' in out
