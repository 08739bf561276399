# SPDX-License-Identifier: Apache-2.0
"""Boards over SSH, signed in to by a user who is not root and may sudo: what only there can be seen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import lock
from tests.integration.ssh_board import SshLab, ssh_lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.needs("unshare", "tini", "ssh", "ssh-keygen", "netserver", "ethtool"),
    pytest.mark.timeout(400),
]

LOCK = "/var/lib/netlab-testbed-locks/this.json"
OURS = ("/run/netlab-testbed", "/var/lib/netlab-testbed", "/var/lib/netlab-testbed-locks")


@pytest.fixture(scope="module")
def lab() -> Iterator[SshLab]:
    with ssh_lab("ssb", user="ada") as made:
        yield made


def found(lab: SshLab, board: str, *words: str) -> list[str]:
    """Below our folders, what find(1) finds of these words; as mode, owner and path."""
    command = ["find", *OURS, *words, "-printf", "%m %u %p\\n"]
    return lab.inside(board, "sh", "-c", f"{' '.join(map(quoted, command))} 2>/dev/null || true").splitlines()


def quoted(word: str) -> str:
    return f"'{word}'"


def locked(lab: SshLab) -> bool:
    return all(lab.inside(board, "sh", "-c", f"ls {LOCK} 2>/dev/null || true") for board in lab.boards)


def test_one_deploy_at_a_time(lab: SshLab) -> None:
    """Each board keeps its lock itself, and the second command finds it there."""
    first = lab.start("deploy", "-t", "host")
    end = time.monotonic() + 60
    while not locked(lab):
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < end, "it never took the locks"
        time.sleep(0.02)
    said = lab.call("deploy", "-t", "host", status=3)
    assert f"{lab.dut}, {lab.peer}: in use by " in said
    assert f"(pid {first.pid}) since 2" in said
    for board in lab.boards:
        assert lab.inside(board, "stat", "-c", "%a %U", LOCK).split() == ["600", "root"]
        holder = json.loads(lab.inside(board, "cat", LOCK))
        assert holder["pid"] == first.pid
        assert holder["deploy"]
    status, said = lab.end(first)
    assert status == 0, said
    assert not locked(lab)
    lab.call("destroy")


def test_a_lock_of_this_machines_is_none_of_theirs(lab: SshLab) -> None:
    """Also where it is the first that the machine has, after the boards were made over its files."""
    holder = {"token": "somebody's"}
    assert lock.take(["somebodys-board"], holder) == {}
    try:
        assert not found(lab, lab.dut, "-path", "*-locks*")
    finally:
        lock.give_back(["somebodys-board"], {holder["token"]})


def test_a_module_that_comes_after_the_destroy_changes_nothing(lab: SshLab) -> None:
    before = lab.inside(lab.dut, "ip", "-details", "link")
    ticket = {"board": "", "deploy": "a deploy of before"}
    result = lab.module(lab.dut, "link", links=[{"name": "eth1", "mtu": 1400}], ticket=ticket)
    assert "has ended, or somebody else has the board: nothing is changed" in result["msg"]
    assert lab.inside(lab.dut, "ip", "-details", "link") == before
    assert found(lab, lab.dut, "-mindepth", "1") == []


def test_a_board_that_does_not_answer_keeps_no_other_from_being_undone(lab: SshLab) -> None:
    lab.call("deploy", "-t", "host")
    lab.cut(lab.dut)
    try:
        said = lab.call("destroy", status=4)
        assert f"{lab.dut} cannot be reached" in said
        assert found(lab, lab.peer, "-mindepth", "1") == []
        assert "192.168.20.1" not in lab.inside(lab.peer, "ip", "address")
        assert "192.168.20.2" in lab.inside(lab.dut, "ip", "address")
    finally:
        lab.mend(lab.dut)
    assert "nothing of netlab is left on 2 boards" in lab.call("destroy")
    assert "192.168.20.2" not in lab.inside(lab.dut, "ip", "address")


def test_a_board_that_somebody_else_has_keeps_the_others_as_they_are(lab: SshLab) -> None:
    lab.call("deploy", "-t", "host")
    holder = {
        "user": "bob",
        "host": "theirs",
        "pid": 1,
        "since": "2026-01-01T00:00:00Z",
        "purpose": "netlab bench",
    }
    theirs = json.dumps({"format": 1, "token": "t", **holder})
    lab.inside(lab.dut, "sh", "-c", f"mkdir -p -m 0700 {Path(LOCK).parent}; echo '{theirs}' >{LOCK}")
    try:
        said = lab.call("destroy", status=3)
        assert f"{lab.dut}: in use by bob" in said
        assert "192.168.20.1" in lab.inside(lab.peer, "ip", "address")
        assert not lab.inside(lab.peer, "sh", "-c", f"ls {LOCK} 2>/dev/null || true"), (
            "its lock is given back"
        )
    finally:
        lab.inside(lab.dut, "rm", LOCK)
    lab.call("destroy")


@pytest.mark.guest
@pytest.mark.needs("libvirtd", "qemu-img", "virsh")
def test_a_guest_for_who_may_sudo_and_for_nobody_else(lab: SshLab) -> None:
    before = {board: lab.inside(board, "ip", "-br", "address") for board in lab.boards}
    said = lab.call("deploy", "-t", "tap")
    assert "tap is deployed on 2 boards, 1 guest" in said
    assert "running" in lab.call("status")
    for board in lab.boards:
        folders = found(lab, board, "-maxdepth", "0")
        assert folders
        assert {line.partition(" /")[0] for line in folders} == {"700 root"}
        open_to_all = found(lab, board, "-perm", "/0077", "!", "-type", "l")
        assert open_to_all == [], "only in folders that nobody enters may a program leave such a thing"
    # what she has herself is hers, and what she cannot do without sudo stays so
    done = lab.ssh(lab.dut, "cat /var/lib/netlab-testbed/ledger/topology.json; ls /run/netlab-testbed")
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.count("Permission denied") == 2
    guests = lab.ssh(
        lab.dut, "virsh --readonly -c qemu:///system list --name; virsh -c qemu:///system list --name"
    )
    assert "guest1" not in guests.stdout, guests
    said = lab.call("destroy")
    assert "nothing of netlab is left on 2 boards" in said
    assert {board: lab.inside(board, "ip", "-br", "address") for board in lab.boards} == before
