# SPDX-License-Identifier: Apache-2.0
"""Local boards and the programs on them: made, found, entered, and gone without a trace."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.integration.machine import more_than, snapshot

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.root, pytest.mark.needs("unshare", "tini", "nsenter", "ip")]
A, B = "testa", "testb"


@pytest.fixture
def boards() -> Iterator[dict[str, set[str]]]:
    """Two boards, and what the machine held before them."""
    for name in (A, B):
        local_board.stop(name)
    before = snapshot()
    for name in (A, B):
        local_board.start(name)
    yield before
    for name in (A, B):
        local_board.stop(name)


def run(name: str, script: str) -> str:
    return local_board.run_in_board(name, ["sh", "-c", script])


def test_nothing_is_left_of_them(boards: dict[str, set[str]]) -> None:
    local_board.wire(A, "eth1", B, "eth1")
    run(A, "ip link add br0 type bridge; touch /run/x /dev/shm/z; sleep 1000 >/dev/null 2>&1 &")
    assert more_than(boards, snapshot()) != {}
    for name in (A, B):
        local_board.stop(name)
    assert more_than(boards, snapshot()) == {}


def test_a_task_that_is_delegated_to_a_board_runs_there(boards: dict[str, set[str]], tmp_path: Path) -> None:
    """For Ansible its inventory_hostname is still the board that it is done for."""
    assert boards
    play = tmp_path / "play.yml"
    play.write_text(
        f"""
- hosts: {A}
  gather_facts: false
  tasks:
    - {{name: Here, ansible.builtin.raw: hostname, register: here}}
    - {{name: There, ansible.builtin.raw: hostname, register: there, delegate_to: {B}}}
    - name: Told
      ansible.builtin.debug: {{msg: "of {{{{ here.stdout | trim }}}} and {{{{ there.stdout | trim }}}}"}}
""",
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"), "-i", f"{A},{B}", play,
            "-e", "ansible_connection=netlab.testbed.local_board",
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert f"of {A} and {B}" in done.stdout, done.stdout + done.stderr


def test_the_record_of_a_board_that_died_goes_with_destroy(boards: dict[str, set[str]]) -> None:
    pid = local_board.board_pid(A)
    assert pid is not None
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([handle], [], [], 10)[0]
    os.close(handle)
    assert A not in local_board.current_boards()
    assert A in local_board.recorded_boards()
    argv = [ROOT / ".venv/bin/ansible", "localhost", "-m", "netlab.testbed.local_boards"]
    arguments = json.dumps({"boards": [A, B], "state": "absent"})
    told = subprocess.run(
        [*argv, "-a", arguments, "-e", "ansible_python_interpreter=/usr/bin/python3"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert f"stop local board {A}" in told
    assert more_than(boards, snapshot()) == {}


def test_a_cable_carries_frames(boards: dict[str, set[str]]) -> None:
    local_board.wire(A, "eth1", B, "cable0")
    run(A, "ip address add 192.0.2.1/24 dev eth1")
    run(B, "ip address add 192.0.2.2/24 dev cable0")
    listen = (
        "import socket; s = socket.create_server(('192.0.2.2', 5555)); print('up', flush=True); s.accept()"
    )
    pid = str(local_board.board_pid(B))
    server = subprocess.Popen(
        ["nsenter", "-t", pid, "-a", "--", sys.executable, "-c", listen], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"
    connect = "import socket; socket.create_connection(('192.0.2.2', 5555), timeout=10)"
    local_board.run_in_board(A, [sys.executable, "-c", connect])
    assert server.wait(timeout=10) == 0


def test_a_board_sees_only_itself(boards: dict[str, set[str]]) -> None:
    assert run(A, "hostname").strip() == A
    assert run(A, "ls /sys/class/net").split() == ["lo"]
    assert "kvm" not in run(A, "ls /dev").split()
    assert run(A, "ls /run/netlab-testbed 2>/dev/null || true") == ""
    assert int(run(A, "ls -d /proc/[0-9]* | wc -l")) < 10


def test_orphans_are_reaped(boards: dict[str, set[str]]) -> None:
    run(A, "(sh -c 'sleep 0.05 &') >/dev/null 2>&1")
    deadline = time.monotonic() + 5
    while "Z" in run(A, "ps -o stat= -e") or "sleep 0.05" in run(A, "ps -o args= -e"):
        assert time.monotonic() < deadline, "a zombie stays"
        time.sleep(0.02)


def test_starting_twice_is_starting_once(boards: dict[str, set[str]]) -> None:
    pid = local_board.board_pid(A)
    local_board.start(A)
    assert local_board.board_pid(A) == pid


def test_a_pid_that_is_somebody_elses_by_now_is_no_board(boards: dict[str, set[str]]) -> None:
    record = local_board.RECORDS / A
    genuine = record.read_text(encoding="ascii")
    record.write_text(json.dumps({"pid": os.getpid(), "start_time": "1"}), encoding="ascii")
    assert local_board.board_pid(A) is None
    local_board.stop(A)  # finds the init by its mark, and nobody else
    assert local_board.board_pid(B) is not None
    with pytest.raises(OSError, match="No such file"):
        local_board.start_time(json.loads(genuine)["pid"])


def test_killing_the_init_ends_all_of_it(boards: dict[str, set[str]]) -> None:
    pid = local_board.board_pid(A)
    assert pid is not None
    handle = os.pidfd_open(pid)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.close(handle)
    deadline = time.monotonic() + 5
    while local_board.board_pid(A) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    local_board.start(A)
    assert local_board.board_pid(A) not in (None, pid)


DAEMON = """
import json, sys
from ansible_collections.netlab.testbed.plugins.module_utils import process_ops
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
what = sys.argv[1]
listen = [sys.executable, "-c", "import socket,time; s=socket.create_server(('127.0.0.1', 5555)); time.sleep(100)"]
if what == "start":
    process_ops.start("d", listen, "tcp:127.0.0.1:5555", 10)
    first = process_ops.marked("d")
    process_ops.start("d", listen, "tcp:127.0.0.1:5555", 10)
    same = process_ops.marked("d") == first
    process_ops.stop("d")
    process_ops.stop("d")
    print(json.dumps([len(first), same, process_ops.marked("d"), process_ops.answers("tcp:127.0.0.1:5555")]))
else:
    argv = {"dies": [sys.executable, "-c", "raise SystemExit('no licence')"],
            "deaf": [sys.executable, "-c", "import time; time.sleep(100)"],
            "absent": ["/no/such/program"]}[what]
    try:
        process_ops.start("d", argv, "tcp:127.0.0.1:5555", 0.5)
    except BoardError as error:
        print(json.dumps([str(error), process_ops.marked("d")]))
"""


def daemon(name: str, what: str) -> list[object]:
    environment = f"PYTHONPATH={ROOT / '.collections'}:{ROOT}"
    told = local_board.run_in_board(name, ["env", environment, sys.executable, "-c", DAEMON, what])
    return list(json.loads(told))


def test_a_daemon_is_started_once_and_stopped_for_good(boards: dict[str, set[str]]) -> None:
    assert daemon(A, "start") == [1, True, [], False]
    assert run(A, "ls -R /run/netlab-testbed 2>/dev/null || true") == ""


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("dies", "d ended with status 1 before it listened on tcp:127.0.0.1:5555: no licence"),
        ("deaf", "d does not listen on tcp:127.0.0.1:5555 after 0 s: "),
        ("absent", "d: there is no program /no/such/program on this board"),
    ],
)
def test_a_daemon_that_does_not_come_up_says_why(boards: dict[str, set[str]], what: str, says: str) -> None:
    assert daemon(A, what) == [says, []]
