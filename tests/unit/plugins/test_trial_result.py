# SPDX-License-Identifier: Apache-2.0
"""A trial with the counters of both ends, and one that was not measured."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.netlab.testbed.plugins.action.trial_result import FACT, ActionModule, joined, skipped

SPEC = {
    "order": 1,
    "block": 1,
    "topology": "tap",
    "scenario": "latency",
    "instrument": "netperf",
    "parameters": {},
}
MEASURED: dict[str, Any] = {
    **SPEC, "status": "ok", "flags": [{"rule": "x", "text": "y", "severity": "note"}],
    "counters": {"before": {"board": {"a": 1}}, "after": {"board": {"a": 2}}},
}  # fmt: skip


class Task:
    def __init__(self, **args: Any) -> None:
        self.args = args


class Action(ActionModule):
    """Without Ansible around it: ``peer`` is what a command on the peer ends with, or the error that it raises."""

    def __init__(self, peer: Any, **args: Any) -> None:
        self._task = Task(**args)
        self.peer = peer
        self.asked: list[str] = []

    def _low_level_execute_command(self, command: str, **others: Any) -> dict[str, Any]:
        self.asked.append(command)
        if isinstance(self.peer, Exception):
            raise self.peer
        return dict(self.peer)


def printed(resent: int) -> dict[str, Any]:
    """As cat ends with /proc/net/snmp and /proc/net/dev of a peer."""
    text = (
        f"Tcp: RtoAlgorithm RetransSegs\nTcp: 1 {resent}\n  eth0: 7 0 0 0 0 0 0 0 7 0 0 0 0 0 0 0\n"
        f"  eth1: {resent} 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n"
    )
    return {"rc": 1, "stdout": text, "stderr": "cat: /proc/net/softnet_stat: No such file or directory"}


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})


def test_the_reading_after_one_trial_is_the_one_before_the_next() -> None:
    facts: dict[str, Any] = {}
    trials: list[Any] = []
    for number, arguments in enumerate([{}, *[{"trial": SPEC, "measured": MEASURED}] * 2]):
        action = Action(printed(number), interfaces=["eth1"], **arguments)
        result = action.run(task_vars={"inventory_hostname": "board1", "ansible_facts": facts})
        facts = result["ansible_facts"]
        trials.append(result.get("trial"))
        assert action.asked[0].startswith("cat /proc/net/snmp ")
    assert trials[0] is None
    peers = [
        (trial["counters"]["before"]["peer"], trial["counters"]["after"]["peer"]) for trial in trials[1:]
    ]
    resent = [tuple(reading["tcp_retransmitted_segments"] for reading in pair) for pair in peers]
    assert resent == [(0, 1), (1, 2)]
    assert peers[0][0]["interfaces"].keys() == {"eth1"}
    assert trials[1]["counters"]["before"]["board"] == {"a": 1}
    assert trials[1]["flags"] == MEASURED["flags"]


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        (AnsibleConnectionFailure("board2 is not up"), "board2 is not up"),
        ({"rc": 127, "stdout": "\n", "stderr": "cat: not found"}, "127: cat: not found"),
    ],
)
def test_a_peer_that_cannot_be_read_does_not_lose_the_trial(peer: Any, words: str) -> None:
    action = Action(peer, trial=SPEC, measured=MEASURED)
    result = action.run(task_vars={"ansible_facts": {FACT: {"sent": 1}}})
    assert "failed" not in result
    trial = result["trial"]
    assert trial["status"] == "ok"
    assert trial["counters"]["after"]["peer"] == {}
    assert [flag["rule"] for flag in trial["flags"]] == ["x", "peer_counters_missing"]
    assert words in trial["flags"][1]["text"]
    assert result["ansible_facts"] == {FACT: None}  # what is old is not passed off as the next one's


def test_a_trial_that_is_skipped_reads_nothing_and_has_every_key() -> None:
    action = Action({}, trial=SPEC, skipped="this board has no CPU 1")
    trial = action.run(task_vars={"inventory_hostname": "board1"})["trial"]
    assert action.asked == []
    assert (trial["status"], trial["reason"], trial["board"]) == (
        "skipped",
        "this board has no CPU 1",
        "board1",
    )
    assert {
        "started",
        "finished",
        "metrics",
        "counters",
        "flags",
        "raw",
        "flows",
        "loads",
        "pins",
        "samples",
    } <= set(trial)
    json.dumps(trial)


def test_nothing_measured_and_no_reason_is_a_mistake() -> None:
    with pytest.raises(AnsibleActionFail, match="measured"):
        Action({}, trial=SPEC).run(task_vars={})


def test_joining_changes_nothing_of_what_was_measured() -> None:
    before = json.dumps(MEASURED)
    joined(MEASURED, {"sent": 1}, None, "")
    skipped(SPEC, "board1", "why")
    assert json.dumps(MEASURED) == before
