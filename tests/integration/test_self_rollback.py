# SPDX-License-Identifier: Apache-2.0
"""A board over SSH whose controller is gone undoes everything by itself; one that is confirmed keeps what it has."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.ssh_board import SshLab, ssh_lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.needs("unshare", "tini", "ssh", "ssh-keygen", "netserver", "ethtool"),
    pytest.mark.timeout(300),
]

WITHIN_S = 25  # what the boards wait: longer than any step of a deploy of `host` takes here
CUT_S = 2.5  # ssh asks every 2 seconds, and gives up after the third time that nobody answers
LIMIT = 90.0  # seconds
LEDGER = "/var/lib/netlab-testbed/ledger"
TIMER = "/run/netlab-testbed/self-rollback.json"


@pytest.fixture(scope="module")
def lab() -> Iterator[SshLab]:
    with ssh_lab("srb") as made:
        text = made.inventory.read_text(encoding="utf-8")
        made.inventory.write_text(
            text.replace("  vars:\n", f"  vars:\n    board_confirm_within_s: {WITHIN_S}\n", 1),
            encoding="utf-8",
        )
        yield made


def until(condition: Callable[[], Any], limit: float = LIMIT) -> Any:
    """What it says once that is not nothing."""
    end = time.monotonic() + limit
    while not (said := condition()):
        assert time.monotonic() < end, f"not within {limit:.0f} s"
        time.sleep(0.05)
    return said


def content(lab: SshLab, board: str, path: str) -> dict[str, Any]:
    """A JSON file of the board's; empty where there is none."""
    said = lab.inside(board, "sh", "-c", f"cat {path} 2>/dev/null || true")
    return dict(json.loads(said)) if said else {}


def timers(lab: SshLab, board: str) -> list[str]:
    """The programs that wait on this board."""
    shown = lab.inside(board, "ps", "-e", "-ww", "-o", "pid=,args=")
    return [line for line in shown.splitlines() if "self_rollback.program" in line]


def addresses(lab: SshLab, board: str) -> list[str]:
    links = json.loads(lab.inside(board, "ip", "-json", "-4", "address", "show", "dev", "eth1"))
    return [address["local"] for link in links if link for address in link["addr_info"]]


def changed(lab: SshLab) -> bool:
    """Whether both boards have been changed, while their timers run."""
    return all(
        addresses(lab, board) and content(lab, board, TIMER) and timers(lab, board) for board in lab.boards
    )


def reports(lab: SshLab) -> dict[str, Any]:
    said = lab.call("status", "--json")
    return dict(json.loads(said[said.index("{") :])["boards"])


def stopped_in_mid_deploy(lab: SshLab) -> Any:
    """A deploy that has changed both boards, and which nothing goes on with."""
    program = lab.start("deploy", "-t", "host")
    until(lambda: changed(lab) or program.poll() is not None)
    assert program.poll() is None, program.communicate()
    os.killpg(program.pid, signal.SIGKILL)
    program.communicate()
    for pid in lab.controllers():  # what ansible-runner has started in a session of its own
        os.kill(pid, signal.SIGKILL)
    return program


def test_what_is_confirmed_stays(lab: SshLab) -> None:
    lab.call("deploy", "-t", "host")
    for board in lab.boards:
        assert timers(lab, board) == []
        assert content(lab, board, TIMER) == {}
        steps = content(lab, board, f"{LEDGER}/board.json").get("entries", [])
        assert [entry["step"]["op"] for entry in steps] == []
    assert {report["state"] for report in reports(lab).values()} == {"ready"}
    lab.call("destroy")
    for board in lab.boards:
        assert lab.inside(board, "find", "/run", "-path", "*netlab*") == ""


def test_a_controller_that_was_killed_leaves_boards_that_undo_it(lab: SshLab) -> None:
    stopped_in_mid_deploy(lab)
    for board in lab.boards:
        until(lambda board=board: not timers(lab, board))  # type: ignore[misc]
        assert addresses(lab, board) == []
        assert content(lab, board, f"{LEDGER}/topology.json")["entries"] == []
    said = lab.call("status")
    assert f"{lab.dut} rolled back by itself at 2" in said
    assert f"within {WITHIN_S} s" in said
    assert {report["state"] for report in reports(lab).values()} == {"rolled back"}
    # the next deploy goes on from there, and the ledger tells nothing of it any more
    lab.call("deploy", "-t", "host")
    assert all("rolled_back" not in report for report in reports(lab).values())
    said = lab.call("destroy")
    assert "nothing of netlab is left on 2 boards" in said


def test_a_connection_that_is_cut_for_good(lab: SshLab) -> None:
    program = lab.start("deploy", "-t", "host")
    try:
        until(lambda: changed(lab))
        for board in lab.boards:
            lab.cut(board)
        status, said = lab.end(program)
        assert status == 4, said
        for board in lab.boards:
            until(lambda board=board: not timers(lab, board))  # type: ignore[misc]
            assert addresses(lab, board) == []
    finally:
        for board in lab.boards:
            lab.mend(board)
    said = lab.call("status")
    assert f"{lab.peer} rolled back by itself at 2" in said
    said = lab.call("destroy")
    assert "nothing of netlab is left on 2 boards" in said


def test_a_connection_that_comes_back_in_time(lab: SshLab) -> None:
    """Nothing is lost by it: neither does ssh give up, nor has the board rolled back."""
    program = lab.start("deploy", "-t", "host")
    until(lambda: changed(lab) or program.poll() is not None)
    lab.cut(lab.dut)
    time.sleep(CUT_S)  # so long is the fault
    lab.mend(lab.dut)
    status, said = lab.end(program)
    assert status == 0, said
    assert {report["state"] for report in reports(lab).values()} == {"ready"}
    assert [timers(lab, board) for board in lab.boards] == [[], []]
    lab.call("destroy")


def test_a_timer_alone_undoes_nothing_of_a_whole_deployment(lab: SshLab) -> None:
    lab.call("deploy", "-t", "host")
    for board in lab.boards:
        said = lab.inside(board, "cat", f"{LEDGER}/topology.json")
        module = lab.module(board, "ledger", state="open", topology="host", confirm_within_s=0.5)
        assert module["undoable"], module
        until(lambda board=board: not timers(lab, board))  # type: ignore[misc]
        assert lab.inside(board, "cat", f"{LEDGER}/topology.json") == said
        assert content(lab, board, f"{LEDGER}/board.json") == {}
    assert {report["state"] for report in reports(lab).values()} == {"ready"}
    lab.call("destroy")
