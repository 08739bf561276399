# SPDX-License-Identifier: Apache-2.0
"""Real commands that want the same local boards: one goes on, and the other says who has them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.needs("unshare", "tini"),
    pytest.mark.timeout(300),
]

ROOT = Path(__file__).resolve().parents[2]
LOCKS = Path("/var/lib/netlab-testbed-locks")
DUT, PEER = LOCKS / "board-lockdut.json", LOCKS / "board-lockpeer.json"
PLAN = """
topologies: [host]
scenarios: [latency]
instruments: [{name: netperf, parameters: {duration_s: 2}}]
blocks: 1
aa_pair: false
quiet: {wait_s: 0.5}
"""


class Lab:
    """Two local boards of this test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inventory = folder / "hosts.yml"
        hosts = (ROOT / "tests/inventory/hosts.yml").read_text(encoding="utf-8")
        self.inventory.write_text(re.sub(r"test(dut|peer)", r"lock\1", hosts), encoding="utf-8")
        (folder / "plan.yml").write_text(PLAN, encoding="utf-8")

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "netlab", *words, "-i", str(self.inventory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if name != "SUDO_USER"},
                **variables,
                "NETLAB_LOGS": str(self.folder / "logs"),
                "NETLAB_RESULTS": str(self.folder / "results"),
            },
        )

    def call(self, *words: str, status: int = 0, **variables: str) -> tuple[str, str]:
        program = self.start(*words, **variables)
        out, err = program.communicate(timeout=240)
        assert program.returncode == status, f"{words}: {program.returncode}\n{out}\n{err}"
        return out, err

    def holding(self, *words: str) -> subprocess.Popen[str]:
        """A command, once it holds the boards."""
        program = self.start(*words)
        deadline = time.monotonic() + 60
        while not (DUT.exists() and PEER.exists()):
            assert program.poll() is None, program.communicate()
            assert time.monotonic() < deadline, "it never took the lock"
            time.sleep(0.02)
        return program


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.call("destroy")
    assert not DUT.exists()
    assert not PEER.exists()


def test_of_two_deploys_at_once_one_goes_on(lab: Lab) -> None:
    programs = [lab.start("deploy", "-t", "host") for _ in range(2)]
    ended = [program.communicate(timeout=240) for program in programs]
    assert sorted(program.returncode for program in programs) == [0, 3], ended
    loser = next(number for number, program in enumerate(programs) if program.returncode == 3)
    said = ended[loser][1]
    assert (
        f"lockdut, lockpeer: in use by root on {os.uname().nodename} (pid {programs[1 - loser].pid}) since 2"
        in said
    )
    assert ": netlab deploy -t host -i " in said
    assert "nothing was changed on any board" in said
    assert "try: netlab deploy -t host -i " in said
    assert " --wait" in said
    assert not DUT.exists(), "given back by the task that ended the deploy"


def test_a_bench_keeps_its_boards_and_who_waits_goes_on_after_it(lab: Lab) -> None:
    bench = lab.holding("bench", str(lab.folder / "plan.yml"))
    assert DUT.stat().st_mode & 0o777 == 0o600
    assert LOCKS.stat().st_mode & 0o777 == 0o700
    waiter = lab.start("deploy", "-t", "host", "--wait")
    _, said = lab.call("destroy", status=3)
    assert f"(pid {bench.pid}) since" in said
    _, said = lab.call("destroy", "--break-lock", status=3)
    assert "its holder runs on this machine: such a lock is not broken" in said
    out, _ = lab.call("status")
    assert f"lockdut is in use by root on {os.uname().nodename} (pid {bench.pid})" in out
    lab.call("deploy", "-t", "host", "--check")
    held = DUT.read_bytes()
    out, err = bench.communicate(timeout=240)
    assert bench.returncode == 0, f"{out}\n{err}"
    out, err = waiter.communicate(timeout=240)
    assert waiter.returncode == 0, f"{out}\n{err}"
    assert "netlab: waiting for lockdut, lockpeer: in use by root" in err
    assert json.loads(held)["pid"] == bench.pid
    (run,) = (lab.folder / "results").iterdir()
    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [trial["status"] for trial in trials] == ["ok"]


def test_a_lock_of_a_killed_command_is_stale_and_taken_over_by_its_owner(lab: Lab) -> None:
    program = lab.holding("deploy", "-t", "host")
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while (
        True
    ):  # what the killed command had started on a board may run for a moment more, and then it is not stale
        out, _ = lab.call("status", "--json")
        locks = [board["lock"] for board in json.loads(out)["boards"].values()]
        if all(lock["stale"] for lock in locks):
            break
        assert time.monotonic() < deadline, locks
    assert [lock["pid"] for lock in locks] == [program.pid] * 2
    out, _ = lab.call("status")
    assert "(stale)" in out
    _, said = lab.call("deploy", "-t", "host", status=3, SUDO_USER="somebody-else")
    assert "locked by a process that is gone" in said
    assert "--break-lock" in said
    lab.call("deploy", "-t", "host")
    out, _ = lab.call("status", "--json")
    assert [board["lock"] for board in json.loads(out)["boards"].values()] == [None, None]


def test_others_take_over_what_they_are_told_to(lab: Lab) -> None:
    program = lab.holding("deploy", "-t", "host")
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=60)
    lab.call("destroy", "--break-lock", "--wait", "60", SUDO_USER="somebody-else")
    assert not DUT.exists()


def test_an_interrupted_deploy_gives_its_boards_back(lab: Lab) -> None:
    program = lab.holding("deploy", "-t", "host")
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=120)
    assert program.returncode == 130, err
    assert not DUT.exists()
    assert not PEER.exists()


def test_ansible_by_itself_is_a_holder_too(lab: Lab) -> None:
    ansible = Path(sys.executable).with_name("ansible-playbook")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}

    def play(name: str) -> subprocess.CompletedProcess[str]:
        command = [ansible, "-i", lab.inventory, f"netlab.testbed.{name}", "-e", "testbed_topology=host"]
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
        )

    assert play("deploy").returncode == 0
    assert not DUT.exists()
    assert play("lock").returncode == 0  # takes them, and ends without giving them back
    out, _ = lab.call("status")
    assert re.search(
        r"lockdut is locked by a process that is gone, .*: ansible-playbook netlab.testbed.lock \(stale", out
    )
    held = {**json.loads(DUT.read_text(encoding="utf-8")), "host": "another-controller"}
    DUT.write_text(json.dumps(held), encoding="utf-8")
    refused = play("deploy")
    assert refused.returncode != 0
    assert "lockdut: in use by" in refused.stdout + refused.stderr
    _, said = lab.call("destroy", status=3)
    assert "--break-lock   (takes it over: ask there first)" in said
    lab.call("destroy", "--break-lock")
