# SPDX-License-Identifier: Apache-2.0
"""netlab bench and demo: every trial of the plan gets its line, whatever fails, and a run can be resumed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

# Measures every trial of its group at once, in as many tasks; what fails is named by the variable `broken`.
BENCH = """
- name: Datapath
  netlab.testbed.require:
    requirements: [{that: "{{ testbed_topology != cannot }}", message: no such device}]
- name: Build
  ansible.builtin.command: "true"
- name: What the board is
  measured: {board: {kernel: "6.1", governor: performance}}
- name: What there is now
  netlab.testbed.report: {data: {accelerator: tcg, accelerator_reason: no kvm}}
- name: Proof
  ansible.builtin.fail: {msg: TCP does not pass}
  when: testbed_topology == broken
- name: Measure
  ansible.builtin.include_tasks: measure.yml
  loop: "{{ testbed_trials }}"
  loop_control: {loop_var: trial}
"""
MEASURE = """
- name: Ruler
  measured:
    trial: "{{ trial }}"
    status: "{{ 'failed' if trial.order == bad else 'ok' }}"
    pause: "{{ pause }}"
"""
# An action plugin of the test's own, beside the playbook: it runs on the controller, where it costs nothing.
MEASURED = """
import time
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        asked = self._task.args
        if "board" in asked:
            return dict(result, board=asked["board"])
        time.sleep(float(asked["pause"]))
        ok = asked["status"] == "ok"
        metrics = {"min_us": 1.0, "mean_us": 2.0, "p50_us": 2.0, "max_us": 3.0, "transactions": 100}
        result["trial"] = dict(
            asked["trial"], guest="guest1", status=asked["status"], reason=None if ok else "no answer",
            metrics=metrics if ok else {}, raw="verbatim", flags=[],
        )
        return result
"""


@pytest.fixture
def plan(lab):
    """A plan over both topologies, and plays that can be told what goes wrong."""
    lab.file(
        "plan.yml",
        """
        name: both
        topologies: [plain, fancy]
        instruments: [ruler]
        blocks: 1
        """,
    )
    head = "- name: The play\n  hosts: duts\n  gather_facts: false\n  tasks:\n"
    lab.playbook("bench", head + "".join(f"    {line}\n" for line in BENCH.strip("\n").splitlines()))
    lab.playbook("measure", MEASURE.lstrip("\n"))
    lab.tasks("destroy", "- {name: Gone, ansible.builtin.command: 'touch {{ inventory_dir }}/gone'}")
    lab.tasks("status", "- {name: Look, measured: {board: {kernel: '6.1', governor: none}}}")
    lab.file("ansible_collections/netlab/testbed/playbooks/action_plugins/measured.py", MEASURED)

    def world(**told: object) -> None:
        lab.hosts(everywhere={"cannot": "nothing", "broken": "nothing", "bad": 0, "pause": 0, **told})

    world()
    return world


def lines(lab) -> list[dict]:
    (run,) = (lab.folder / "results").iterdir()
    return [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]


def test_dry_run_lists_the_trials_in_order(netlab, lab, plan) -> None:
    ended = netlab("bench", "plan.yml", "--dry-run", "--json", "--seed", "3", "--blocks", "2")
    trials = json.loads(ended.out)["trials"]
    assert [trial["order"] for trial in trials] == [1, 2, 3, 4]
    assert {(trial["block"], trial["topology"]) for trial in trials} == {
        (block, topology) for block in (1, 2) for topology in ("plain", "fancy")
    }
    shown = netlab("bench", "plan.yml", "--dry-run", "--seed", "3", "--blocks", "2")
    assert [line.split()[2] for line in shown.out.splitlines()[2:]] == [trial["topology"] for trial in trials]
    assert not (lab.folder / "results").exists()


def test_every_trial_is_measured_and_stored(netlab, lab, plan) -> None:
    ended = netlab("bench", "plan.yml", "-i", lab.inventory, "--blocks", "2")
    assert ended.status == 0, ended.err
    assert [(line["order"], line["status"], line["board"]) for line in lines(lab)] == [
        (order, "ok", "board1") for order in (1, 2, 3, 4)
    ]
    (run,) = (lab.folder / "results").iterdir()
    assert run.name in ended.out
    assert "  4/4  block 2  " in ended.err
    assert run.name in netlab("runs").out
    again = netlab("bench", "--resume", run.name, "-i", lab.inventory)
    assert again.status == 2
    assert f"{run.name} lacks no trial" in again.err
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["state"] == "complete"
    assert "ansible-core" in manifest["versions"]
    assert set(manifest["inventory"]) == {"board1", "board2"}
    assert manifest["facts"]["before"]["board1"]["governor"] == "performance"
    assert manifest["facts"]["after"]["board1"]["governor"] == "none"
    assert manifest["accelerator"] == {"board1": {"accelerator": "tcg", "reason": "no kvm"}}


def test_a_topology_that_fails_does_not_stop_the_others(netlab, lab, plan) -> None:
    plan(broken="fancy")
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 1
    told = {(line["topology"], line["status"]) for line in lines(lab)}
    assert told == {("plain", "ok"), ("fancy", "failed")}
    failed = next(line for line in lines(lab) if line["topology"] == "fancy")
    assert "TCP does not pass" in failed["reason"]
    assert "rolled back" in ended.err
    assert "1 of 2 trials failed" in ended.err


def test_a_topology_that_cannot_be_done_is_skipped_with_its_reason(netlab, lab, plan) -> None:
    plan(cannot="fancy")
    ended = netlab("bench", "plan.yml", "-i", lab.inventory, "--blocks", "2")
    assert ended.status == 3
    skipped = [line for line in lines(lab) if line["topology"] == "fancy"]
    assert [line["status"] for line in skipped] == ["skipped", "skipped"]
    assert "no such device" in skipped[0]["reason"]
    assert len([line for line in lines(lab) if line["status"] == "ok"]) == 2


def test_a_trial_that_fails_is_one_line_not_a_failed_play(netlab, lab, plan) -> None:
    plan(bad=2)
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 1
    assert [line["status"] for line in lines(lab)] == ["ok", "failed"]
    assert "1 of 2 trials failed; the first reason:\nno answer" in ended.err


def test_what_does_not_exist_is_refused_before_a_run_is_made(netlab, lab, plan) -> None:
    ended = netlab("bench", "plan.yml", "-t", "plian")
    assert ended.status == 2
    assert "'plian'; did you mean plain?" in ended.err
    assert not (lab.folder / "results").exists()


def test_resume_takes_nothing_that_the_run_has_itself(netlab, lab, plan) -> None:
    ended = netlab("bench", "plan.yml", "--resume", "latest", "--blocks", "3")
    assert ended.status == 2
    assert "--resume and PLAN, --blocks cannot be given together" in ended.err


def test_an_interrupted_run_is_resumed_without_losing_or_repeating_a_trial(netlab, lab, plan) -> None:
    plan(pause=0.5)
    ended = stopped(lab, "bench", "plan.yml", "-i", lab.inventory, "--blocks", "3", after="  2/6  ")
    assert ended.returncode == 130, ended.stderr
    (run,) = (lab.folder / "results").iterdir()
    said = ended.stderr
    assert f"try: netlab bench --resume {run.name} -i {lab.inventory}\n" in said
    assert json.loads((run / "manifest.json").read_text())["state"] == "interrupted"
    before = len(lines(lab))
    assert 2 <= before < 6
    plan()
    ended = netlab("bench", "--resume", "latest", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    assert [line["order"] for line in lines(lab)] == [1, 2, 3, 4, 5, 6]
    manifest = json.loads((run / "manifest.json").read_text())
    assert (manifest["state"], len(manifest["resumed"])) == ("complete", 1)


@pytest.fixture
def demo(lab, plan):
    """The default plan's topologies and instruments, and the inventory where the demo looks for it."""
    from netlab.plan import load

    for topology in load("demo").topologies:
        lab.role(f"datapath_{topology}", "One of the demo's")
    for instrument in load("demo").instruments:
        lab.role(f"instrument_{instrument.name}", "The demo's")

    def world(**told: object) -> None:
        plan(**told)
        lab.file("inventory/local/hosts.yml", (lab.folder / "hosts.yml").read_text())

    world()
    return world


def test_demo_measures_reports_and_removes(netlab, lab, demo, monkeypatch) -> None:
    monkeypatch.setattr("netlab.cli.demo.PLAN", "plan.yml")  # of its six topologies two are enough here
    ended = netlab("demo", "--blocks", "1")
    assert ended.status == 0, ended.err
    (run,) = (lab.folder / "results").iterdir()
    assert (run / "report.html").is_file()
    assert "report.html" in ended.out
    assert (lab.folder / "inventory/local/gone").exists()


def test_demo_removes_everything_when_it_is_interrupted(lab, demo) -> None:
    demo(pause=30)
    ended = stopped(lab, "demo", "--blocks", "1", after="Build")
    assert ended.returncode == 130, ended.stderr
    assert (lab.folder / "inventory/local/gone").exists()
    assert re.search(r"try: netlab bench --resume \S+\n", ended.stderr), (
        "-i inventory/local goes without saying"
    )


def stopped(lab, *words: str, after: str) -> subprocess.CompletedProcess[str]:
    """A call of netlab that gets one SIGTERM once `after` has been printed."""
    program = subprocess.Popen(
        [sys.executable, "-m", "netlab", *words],
        cwd=lab.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert program.stderr is not None
    said = ""
    for line in program.stderr:
        said += line
        if after in line:
            program.terminate()
            break
    _, rest = program.communicate(timeout=60)
    return subprocess.CompletedProcess(words, program.returncode, "", said + rest)
