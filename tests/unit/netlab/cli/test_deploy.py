# SPDX-License-Identifier: Apache-2.0
"""netlab deploy: what is refused before anything starts, what is printed, how it exits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

DEPLOY = """
- name: Bridge and taps
  ansible.builtin.copy:
    content: "{{ testbed_topology }} {{ testbed_guests is number }} {{ testbed_guests }}\\n"
    dest: "{{ inventory_dir }}/{{ inventory_hostname }}"
    mode: "0600"
  vars: {testbed_guests: "{{ guest_count | default(1) }}"}
- name: What is there now
  netlab.testbed.report:
    data: {guests: [{name: guest1, address: 192.0.2.101/24}]}
"""


def test_a_topology_is_deployed(netlab, lab) -> None:
    lab.tasks("deploy", DEPLOY)
    ended = netlab("deploy", "-t", "plain", "-i", lab.inventory, "--guests", "2")
    assert ended.status == 0, ended.err
    assert (lab.folder / "board1").read_text() == "plain True 2\n"
    assert "guest1" in ended.out
    assert "192.0.2.101/24" in ended.out
    assert ended.out.splitlines()[-1].startswith("plain is deployed on 1 board, 1 guest: 1 changed, ")
    assert "deploy    board1     Bridge and taps  " in ended.err
    again = netlab("deploy", "-t", "plain", "-i", lab.inventory, "--guests", "2")
    assert ": 0 changed, " in again.out


def test_check_and_diff_print_and_do_nothing(netlab, lab) -> None:
    lab.tasks("deploy", DEPLOY)
    ended = netlab("deploy", "-t", "plain", "-i", lab.inventory, "--check", "--diff")
    assert ended.status == 0, ended.err
    assert "board1: Bridge and taps\n" in ended.out
    assert "    +plain True 1\n" in ended.out
    assert "@@" not in ended.out
    assert "--- before" not in ended.out
    assert "deploy    board1     Bridge and taps  would change\n" in ended.err
    assert ended.out.splitlines()[-1] == "plain on 1 board: 1 would be changed; nothing was"
    assert not (lab.folder / "board1").exists()


def test_the_variables_do_what_the_flags_do(netlab, lab, monkeypatch) -> None:
    lab.tasks("deploy", DEPLOY)
    for name, value in {"TOPOLOGY": "fancy", "INVENTORY": lab.inventory, "GUESTS": "3", "CHECK": "1"}.items():
        monkeypatch.setenv(f"NETLAB_{name}", value)
    ended = netlab("deploy")
    assert ended.out.splitlines()[-1] == "fancy on 1 board: 1 would be changed; nothing was"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["-t", "plian"],
            "there is no topology 'plian'; did you mean plain?\n  expected: one of fancy, plain\n",
        ),
        ([], "no topology was named\n  expected: one of fancy, plain\ntry: netlab topologies"),
        (["-t", "plain", "-i", "elsewhere"], "there is no inventory 'elsewhere'"),
        (
            ["-t", "plain", "--guests", "many"],
            "'--guests' (env var: 'NETLAB_GUESTS'): expected a whole number",
        ),
        (["-t", "plain", "--guests", "0"], "expected at least 1"),
        (["-t", "plain", "--quickly"], "No such option: --quickly\ntry: netlab deploy --help"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(netlab, lab, arguments, said) -> None:
    lab.tasks("deploy", "- {name: Never, ansible.builtin.fail: {msg: this must not run}}")
    ended = netlab("deploy", *(["-i", lab.inventory] if "-i" not in arguments else []), *arguments)
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_an_inventory_with_a_mistake_is_refused(netlab, lab) -> None:
    lab.tasks("deploy", "- {name: Never, ansible.builtin.fail: {msg: this must not run}}")
    lab.hosts(board1={"board_nik": "eth1"})
    ended = netlab("deploy", "-t", "plain", "-i", lab.inventory)
    assert ended.status == 2
    assert f"{lab.inventory}:" in ended.err
    assert "board_nik" in ended.err
    assert "this must not run" not in ended.err


def test_a_board_that_cannot_do_it_exits_3(netlab, lab) -> None:
    lab.tasks(
        "deploy",
        "- {name: Needs, netlab.testbed.require: {requirements: [{that: false, message: no openvswitch}]}}",
    )
    ended = netlab("deploy", "-t", "plain", "-i", lab.inventory)
    assert ended.status == 3
    assert "netlab: board1: no openvswitch\n" in ended.err
    assert "nothing was changed on any board" in ended.err
    assert f"try: netlab check -i {lab.inventory} " in ended.err


def test_a_board_that_cannot_be_reached_exits_4(netlab, lab) -> None:
    lab.hosts(board1={"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1})
    lab.tasks("deploy", "- {name: Hello, ansible.builtin.command: 'true'}")
    ended = netlab("deploy", "-t", "plain", "-i", lab.inventory)
    assert ended.status == 4, ended.err
    assert "netlab: board1 cannot be reached: " in ended.err
    assert "try: ansible -i " in ended.err


def test_a_play_that_fails_exits_1_and_is_rolled_back(netlab, lab) -> None:
    lab.tasks("deploy", DEPLOY + "- {name: Proof, ansible.builtin.fail: {msg: TCP does not pass}}")
    lab.tasks(
        "rollback",
        "- {name: Undo, ansible.builtin.file: {path: '{{ inventory_dir }}/board1', state: absent}}",
    )
    ended = netlab("deploy", "-t", "plain", "-i", lab.inventory)
    assert ended.status == 1
    assert "board1: the task 'Proof' failed:\n  TCP does not pass\n" in ended.err
    assert "full log: " in ended.err
    assert "rolled back" in ended.err
    assert not (lab.folder / "board1").exists()
    assert ended.out == ""


def test_a_reader_of_the_diff_that_goes_away_does_not_stop_the_deploy(lab) -> None:
    """`netlab deploy --diff | head -1`"""
    lab.tasks("deploy", DEPLOY + "- {name: Last, ansible.builtin.command: 'touch {{ inventory_dir }}/last'}")
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "netlab", "deploy", "-t", "plain", "-i", lab.inventory, "--diff"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, env=environment, check=False
    )
    os.close(write)
    assert "rolled back" not in ended.stderr
    assert (lab.folder / "last").exists()
