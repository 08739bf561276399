# SPDX-License-Identifier: Apache-2.0
"""The commands that only read: status, check, topologies, runs, report."""

from __future__ import annotations

import json


def test_topologies(netlab) -> None:
    ended = netlab("topologies")
    assert ended.status == 0
    lines = ended.out.splitlines()
    assert any(line.split(maxsplit=1) == ["fancy", "Everything in between"] for line in lines)
    assert any(line.split(maxsplit=1) == ["ruler", "Measures by eye"] for line in lines)
    assert json.loads(netlab("topologies", "--json").out) == {
        "topologies": [
            {"name": "fancy", "description": "Everything in between"},
            {"name": "plain", "description": "Nothing in between"},
        ],
        "instruments": [{"name": "ruler", "description": "Measures by eye"}],
    }


def test_runs_of_an_empty_folder(netlab) -> None:
    assert netlab("runs").out == "no run in results yet; `netlab demo` or `netlab bench` makes one\n"
    assert json.loads(netlab("runs", "--json").out) == {"runs": []}


def test_a_report_of_no_run(netlab) -> None:
    ended = netlab("report", "yesterday")
    assert ended.status == 2
    assert "no run is called 'yesterday' in results" in ended.err
    assert "try: netlab runs" in ended.err


def test_a_report_in_two_forms_is_refused(netlab) -> None:
    ended = netlab("report", "--json", "--format", "csv")
    assert ended.status == 2
    assert "--json and --format csv cannot be given together" in ended.err


STATUS = """
- name: Status
  netlab.testbed.report:
    data:
      topology: plain
      state: ready
      accelerator: tcg
      libvirt: answers
      guests:
        - {name: guest1, address: 192.0.2.101/24, state: running}
        - {name: guest2, address: 192.0.2.102/24, state: agent silent}
"""


def test_status(netlab, lab) -> None:
    lab.tasks("status", STATUS)
    ended = netlab("status", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    assert [line.split() for line in ended.out.splitlines()[2:]] == [
        ["board1", "plain", "ready", "tcg", "answers", "guest1", "192.0.2.101/24", "running"],
        ["guest2", "192.0.2.102/24", "agent", "silent"],
        ["board2", "-", "not", "up", "-", "-", "-"],
    ]


CHECK = """
- name: What each board can carry
  netlab.testbed.report:
    data:
      topologies: {plain: [], fancy: [this kernel has no fancy device, nor a plain one]}
      instruments: "{{ dict(testbed_instruments | zip([{'changed': false, 'ruler': ability}])) }}"
      findings:
        - {about: measured NIC, says: "eth1: veth, carrier"}
        - {about: clock source, says: tsc}
      accelerator: tcg
      accelerator_reason: a guest kernel hung under KVM for 10 s
  vars: {ability: {version: 1.5, can_pace: false, can_bend: true}}
"""


def test_check(netlab, lab) -> None:
    lab.tasks("check", CHECK)
    ended = netlab("check", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    assert [line.split() for line in ended.out.splitlines()[2:4]] == [["fancy", "cannot"], ["plain", "can"]]
    assert ended.out.splitlines()[5:] == [
        "board1 cannot carry fancy: this kernel has no fancy device",
        "board1 cannot carry fancy: nor a plain one",
        "",
        "board1:",
        "  measured NIC  eth1: veth, carrier",
        "  clock source  tsc",
        "  guests        tcg: a guest kernel hung under KVM for 10 s",
        "  ruler         version 1.5, cannot pace, can bend",
    ]
    said = json.loads(netlab("check", "-i", lab.inventory, "--json").out)
    assert said["boards"]["board1"]["topologies"]["plain"] == []
    assert said["boards"]["board1"]["instruments"]["ruler"]["ruler"]["can_pace"] is False


def test_check_says_which_boards_are_off(netlab, lab) -> None:
    off = {"state": "not up", "reason": "deploy boots it"}
    lab.tasks("check", f"- {{name: Off, netlab.testbed.report: {{data: {json.dumps(off)}}}}}\n")
    ended = netlab("check", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    assert [line.split() for line in ended.out.splitlines()[2:4]] == [
        ["fancy", "not", "up"],
        ["plain", "not", "up"],
    ]
    assert "board1 is not up: deploy boots it\n" in ended.out
    assert json.loads(netlab("check", "-i", lab.inventory, "--json").out)["boards"]["board1"] == off


def test_check_says_what_an_instrument_lacks(netlab, lab) -> None:
    ability = "{version: 1.5, can_pace: false, can_bend: true}"
    lab.tasks("check", CHECK.replace(ability, "{missing: there is no ruler in PATH}"))
    said = netlab("check", "-i", lab.inventory).out
    assert "  ruler         not ready, there is no ruler in PATH\n" in said


def test_check_of_a_board_that_can_carry_nothing(netlab, lab) -> None:
    lab.tasks("check", CHECK.replace("plain: []", "plain: [there is no interface eth1]"))
    ended = netlab("check", "-i", lab.inventory)
    assert ended.status == 3
    assert "board1 cannot carry fancy: nor a plain one" in ended.out
    assert ended.err.splitlines()[-2].startswith("netlab: board1 can carry no topology: ")


def test_check_tells_a_reason_for_all_topologies_once(netlab, lab) -> None:
    reason = "there is no interface eth1"
    lab.tasks("check", CHECK.replace("plain: [], fancy: [", f"plain: [{reason}], fancy: [{reason}, "))
    assert f"board1 cannot carry any topology: {reason}\n" in netlab("check", "-i", lab.inventory).out


def test_status_as_json(netlab, lab) -> None:
    lab.tasks("status", STATUS)
    said = json.loads(netlab("status", "-i", lab.inventory, "--json").out)
    assert said["boards"]["board1"]["topology"] == "plain"
    assert said["boards"]["board2"] == {"state": "not up"}
    assert said["unreachable"] == {}


def test_status_shows_what_it_reached_and_says_what_it_did_not(netlab, lab) -> None:
    lab.hosts(board2={"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1})
    lab.tasks("status", "- {name: Hello, ansible.builtin.command: 'true'}\n" + STATUS, hosts="duts:peers")
    ended = netlab("status", "-i", lab.inventory)
    assert ended.status == 4, ended.err
    assert "guest1" in ended.out
    assert "unreachable" in ended.out
    assert "netlab: board2 cannot be reached" in ended.err
