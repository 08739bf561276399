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


STATUS = """
- name: Status
  netlab.testbed.report:
    data:
      deployment: {topology: plain, state: ready}
      domains:
        guest1: {ours: true, running: true, interfaces: [{name: eth0, addresses: [192.0.2.101/24]}]}
        guest2: {ours: true, running: true, interfaces: null}
        guest3: {ours: true, running: false, interfaces: null}
        somebodys: {ours: false, running: true, interfaces: null}
"""


def test_status(netlab, lab) -> None:
    lab.tasks("status", STATUS)
    ended = netlab("status", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    rows = [line.split() for line in ended.out.splitlines()]
    assert any(
        row[:3] == ["board1", "plain", "ready"] and row[-2:] == ["guest1", "192.0.2.101/24"] for row in rows
    )
    assert "guest2 (its agent does not answer)" in ended.out
    assert "guest3 (stopped)" in ended.out
    assert "somebodys" not in ended.out
    assert any(row[:2] == ["board2", "-"] and "not up" in " ".join(row) for row in rows)


def test_status_as_json(netlab, lab) -> None:
    lab.tasks("status", STATUS)
    said = json.loads(netlab("status", "-i", lab.inventory, "--json").out)
    assert said["boards"]["board1"]["deployment"]["topology"] == "plain"
    assert said["unreachable"] == {}


def test_status_shows_what_it_reached_and_says_what_it_did_not(netlab, lab) -> None:
    lab.hosts(board2={"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1})
    lab.tasks("status", "- {name: Hello, ansible.builtin.command: 'true'}\n" + STATUS, hosts="duts:peers")
    ended = netlab("status", "-i", lab.inventory)
    assert ended.status == 4, ended.err
    assert "guest1" in ended.out
    assert "unreachable" in ended.out
    assert "netlab: board2 cannot be reached" in ended.err
