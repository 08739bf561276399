# SPDX-License-Identifier: Apache-2.0
"""netlab bench and demo: every trial of the plan gets its line, whatever fails, and a run can be resumed."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

# Measures every trial of its group at once, in as many tasks; what fails is named by the variable `broken`.
BENCH = """
- name: Datapath
  netlab.testbed.require:
    requirements: [{that: "{{ testbed_topology != cannot }}", message: no such device}]
- name: Build
  ansible.builtin.command: "true"
- name: What the board is
  measured: {facts: {kernel: "6.1", governor: performance}}
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
    board: "{{ inventory_hostname }}"
    fails: "{{ fails if trial.order == bad and inventory_hostname == bad_board else 0 }}"
    pause: "{{ pause }}"
    folder: "{{ inventory_dir }}"
    told:
      topology: "{{ testbed_topology }}"
      guest_count: "{{ guest_count | default(none) }}"
      warm_up_s: "{{ testbed_warm_up_s }}"
      pause_s: "{{ testbed_pause_s }}"
"""
ENVIRONMENT = """
- name: Look
  netlab.testbed.report:
    data:
      environment: {kernel: {release: "6.1"}}
      quiet: "{{ looked if testbed_quiet | default(false) else {} }}"
  vars:
    looked: {quiet: "{{ not busy }}", said: "not quiet after {{ board_quiet_wait_s | default(10) }} s"}
  when: not asleep or (inventory_dir ~ '/awake.txt') is exists
"""
# An action plugin of the test's own, beside the playbook: it runs on the controller, where it costs nothing.
MEASURED = """
import time
from datetime import datetime, timezone
from pathlib import Path
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        asked = self._task.args
        if "facts" in asked:
            return dict(result, board=asked["facts"])
        time.sleep(float(asked["pause"]))
        log = Path(asked["folder"], "measured.txt")
        with log.open("a") as file:
            print(asked["trial"]["order"], asked["board"], file=file)
        count = log.read_text().splitlines().count(f"{asked['trial']['order']} {asked['board']}")
        ok = count > int(asked["fails"])
        metrics = {"min_us": 1.0, "mean_us": 2.0, "p50_us": 2.0, "max_us": 3.0, "transactions": 100}
        now = datetime.now(timezone.utc).isoformat()
        result["trial"] = dict(
            asked["trial"], guest="guest1", status="ok" if ok else "failed", reason=None if ok else "no answer",
            metrics=metrics if ok else {}, raw="verbatim", flags=[], started=now, finished=now, told=asked["told"],
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
        aa_pair: false
        retries: 0
        """,
    )
    role = f"{lab.root}/roles/scenario_latency/meta"
    lab.file(
        f"{role}/scenario.yml", "{description: there and back, conditions: {}, guests: 0, on_host: true}"
    )
    role = f"{lab.root}/roles/scenario_crowd/meta"
    crowd = "{condition_pattern: '^[1-9]$', default_conditions: [1, 3], guests: 1, on_host: false}"
    lab.file(f"{role}/scenario.yml", crowd)
    lab.tasks("environment", ENVIRONMENT, hosts="duts:peers")
    lab.tasks(
        "deploy",
        "- {name: Up, ansible.builtin.copy: {content: '', dest: '{{ inventory_dir }}/awake.txt', mode: '0600'}}",
    )
    head = "- name: The play\n  hosts: duts\n  gather_facts: false\n  tasks:\n"
    lab.playbook("bench", head + "".join(f"    {line}\n" for line in BENCH.strip("\n").splitlines()))
    lab.playbook("measure", MEASURE.lstrip("\n"))
    lab.tasks("destroy", "- {name: Gone, ansible.builtin.command: 'touch {{ inventory_dir }}/gone'}")
    lab.tasks("status", "- {name: Look, measured: {facts: {kernel: '6.1', governor: none}}}")
    lab.file("ansible_collections/netlab/testbed/playbooks/action_plugins/measured.py", MEASURED)

    def world(**told: object) -> None:
        usual = {"cannot": "nothing", "broken": "nothing", "pause": 0, "busy": False, "asleep": False}
        lab.hosts(everywhere={**usual, "bad": 0, "bad_board": "board1", "fails": 99, **told})

    world()
    return world


def made(lab, inventory: dict | None = None) -> Path:
    """The folder of a run of plan.yml of which nothing is measured yet."""
    from netlab.cli.benching import load_plan
    from netlab.results import RunStore

    with RunStore.create(
        lab.folder / "results", load_plan(str(lab.folder / "plan.yml")), inventory=inventory
    ) as run:
        return run.path


def retry(lab, times: int) -> None:
    file = lab.folder / "plan.yml"
    file.write_text(file.read_text().replace("retries: 0", f"retries: {times}"))


def lines(lab) -> list[dict]:
    (run,) = (lab.folder / "results").iterdir()
    return [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain", ("--blocks", "2", "--seed", "3")),
        ("aa-pair", ("--blocks", "1")),
        ("left-out", ("--blocks", "1")),
        ("elsewhere", ("--blocks", "1")),
    ],
)
def test_dry_run_says_what_would_be_measured_and_how_long_it_takes(
    netlab, lab, plan, repository, name, options
) -> None:
    """UPDATE_GOLDEN=1 writes the files anew."""
    golden = repository / "tests/golden/dry-run" / name
    lab.file(f"{lab.root}/roles/datapath_plain/vars/main.yml", "datapath_plain__has_guests: false")
    (lab.folder / "plan.yml").write_text((golden / "plan.yml").read_text(encoding="utf-8"), encoding="utf-8")
    ended = netlab("bench", "plan.yml", "--dry-run", *options)
    assert ended.status == 0, ended.err
    if os.environ.get("UPDATE_GOLDEN"):
        (golden / "expected.txt").write_text(ended.out, encoding="utf-8")
    assert ended.out == (golden / "expected.txt").read_text(encoding="utf-8")
    assert not (lab.folder / "results").exists()


def test_dry_run_for_programs(netlab, lab, plan) -> None:
    ended = netlab("bench", "plan.yml", "--dry-run", "--json", "--seed", "3", "--blocks", "2")
    said = json.loads(ended.out)
    assert [trial["order"] for trial in said["trials"]] == [1, 2, 3, 4]
    assert {(trial["block"], trial["topology"]) for trial in said["trials"]} == {
        (block, topology) for block in (1, 2) for topology in ("plain", "fancy")
    }
    assert said["estimate"]["seconds"] > 0
    assert said["left_out"] == []


def test_dry_run_learns_from_earlier_runs(netlab, lab, plan) -> None:
    assert netlab("bench", "plan.yml", "-i", lab.inventory, "--blocks", "2").status == 0
    ended = netlab("bench", "plan.yml", "--dry-run", "--json", "--blocks", "2")
    told = json.loads(ended.out)["estimate"]
    assert told["basis"][0].startswith("as in 1 earlier run here: 4 of 4 trials, ")
    assert told["seconds"] < 35  # assumed, it would be 61


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
    environment = {name: {"kernel": {"release": "6.1"}} for name in ("board1", "board2")}
    assert manifest["environment"]["before"] == manifest["environment"]["after"] == environment
    assert set(manifest["environment"]["blocks"]) == {"1", "2"}
    assert manifest["environment"]["blocks"]["1"]["board2"]["quiet"] is True
    assert manifest["accelerator"] == {"board1": {"accelerator": "tcg", "reason": "no kvm"}}


def test_a_topology_that_fails_does_not_stop_the_others(netlab, lab, plan) -> None:
    plan(broken="fancy")
    retry(lab, 1)
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 1
    told = [(line["topology"], line["status"], line["attempt"]) for line in lines(lab)]
    assert sorted(told) == [("fancy", "failed", 1), ("fancy", "failed", 2), ("plain", "ok", 1)]
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


def test_a_failed_trial_is_tried_again_at_the_end_of_its_block(netlab, lab, plan) -> None:
    plan(bad=1, fails=1)
    retry(lab, 2)
    ended = netlab("bench", "plan.yml", "-i", lab.inventory, "--blocks", "2", "-t", "plain", "-t", "fancy")
    assert ended.status == 0, ended.err
    assert [(line["order"], line["status"], line["attempt"]) for line in lines(lab)] == [
        (1, "failed", 1),
        (2, "ok", 1),
        (1, "ok", 2),
        (3, "ok", 1),
        (4, "ok", 1),
    ]
    assert lines(lab)[0]["reason"] == "no answer"


def test_a_trial_that_keeps_failing_is_given_up_after_its_retries(netlab, lab, plan) -> None:
    plan(bad=2)
    retry(lab, 2)
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 1
    assert [(line["order"], line["status"]) for line in lines(lab)] == [
        (1, "ok"),
        (2, "failed"),
        (2, "failed"),
        (2, "failed"),
    ]
    assert "1 of 2 trials failed; the first reason:\nno answer" in ended.err
    again = netlab("bench", "--resume", "latest", "-i", lab.inventory)
    assert again.status == 2
    assert "lacks no trial" in again.err


def test_the_halves_of_the_pair_are_deployed_one_by_one(netlab, lab, plan) -> None:
    file = lab.folder / "plan.yml"
    file.write_text(file.read_text().replace("aa_pair: false", "aa_pair: true"))
    ended = netlab("bench", "plan.yml", "-i", lab.inventory, "--blocks", "2", "-t", "plain")
    assert ended.status == 0, ended.err
    told = [(line["block"], line["topology"], line["replica"]) for line in lines(lab)]
    assert sorted(told) == [(1, "plain", 1), (1, "plain", 2), (2, "plain", 1), (2, "plain", 2)]
    assert ended.err.count("Build  ") == 4
    assert "plain (again)  latency" in ended.err


def test_a_busy_machine_flags_the_trials_of_its_block(netlab, lab, plan) -> None:
    plan(busy=True)
    with (lab.folder / "plan.yml").open("a") as file:
        file.write("quiet: {wait_s: 3}\n")
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    for line in lines(lab):
        [flag] = line["flags"]
        assert flag == {"rule": "machine_not_quiet", "text": "board1, board2: not quiet after 3.0 s"}


def test_boards_that_are_not_up_are_brought_up_before_the_first_look(netlab, lab, plan) -> None:
    plan(asleep=True)
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    (run,) = (lab.folder / "results").iterdir()
    assert set(json.loads((run / "manifest.json").read_text())["environment"]["before"]) == {
        "board1",
        "board2",
    }
    assert [line["flags"] for line in lines(lab)] == [[], []]


def test_a_look_that_fails_is_said_and_flagged_and_stops_nothing(netlab, lab, plan) -> None:
    lab.tasks("environment", "- {name: Look, ansible.builtin.fail: {msg: no such file}}")
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    assert "the environment before block 1 is not known" in ended.err
    assert [flag["rule"] for line in lines(lab) for flag in line["flags"]] == ["environment_unknown"] * 2


def test_a_scenario_gets_the_guests_it_needs_and_the_play_its_times(netlab, lab, plan) -> None:
    with (lab.folder / "plan.yml").open("a") as file:
        file.write("scenarios: [latency, {name: crowd, conditions: [1, 2]}]\nwarm_up_s: 0\npause_s: 0.25\n")
    ended = netlab("bench", "plan.yml", "-i", lab.inventory, "-t", "plain")
    assert ended.status == 0, ended.err
    assert sorted((line["scenario"], line["condition"]) for line in lines(lab)) == [
        ("crowd", "1"),
        ("crowd", "2"),
        ("latency", ""),
    ]
    told = {"topology": "plain", "guest_count": 2, "warm_up_s": 0.0, "pause_s": 0.25}
    assert [line["told"] for line in lines(lab)] == [told] * 3


def test_more_guests_than_there_is_room_for_are_refused_before_a_run_is_made(netlab, lab, plan) -> None:
    lab.hosts(board1={"guest_first_host": 250})
    with (lab.folder / "plan.yml").open("a") as file:
        file.write("scenarios: [{name: crowd, conditions: [9]}]\n")
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 2
    assert "guest" in ended.err
    assert not (lab.folder / "results").exists()


TWO_DUTS = """
all:
  vars: {vars}
duts:
  hosts:
    board1: {{board_nic: eth1, board_address: 192.0.2.2/24}}
    board3: {{board_nic: eth1, board_address: 192.0.2.3/24, guest_first_host: 150}}
peers:
  hosts:
    board2: {{board_nic: eth1, board_address: 192.0.2.1/24}}
"""


@pytest.fixture
def two_duts(lab, plan):
    """The same with a second dut."""

    def world(**told: object) -> None:
        plan(**told)
        variables = yaml.safe_load((lab.folder / "hosts.yml").read_text())["all"]["vars"]
        lab.file("hosts.yml", TWO_DUTS.format(vars=json.dumps(variables)))

    world()
    return world


def test_a_failure_on_one_dut_is_retried_and_the_other_keeps_its_figures(netlab, lab, two_duts) -> None:
    two_duts(bad=1, bad_board="board3", fails=1)
    retry(lab, 1)
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 0, ended.err
    told = sorted((line["order"], line["board"], line["status"], line["attempt"]) for line in lines(lab))
    assert told == [
        (1, "board1", "ok", 1),
        (1, "board3", "failed", 1),
        (1, "board3", "ok", 2),
        (2, "board1", "ok", 1),
        (2, "board3", "ok", 1),
    ]


def test_a_line_that_one_dut_lacks_is_measured_on_resume(netlab, lab, two_duts) -> None:
    """As kill -9 between the two lines of a trial leaves it."""
    assert netlab("bench", "plan.yml", "-i", lab.inventory).status == 0
    (run,) = (lab.folder / "results").iterdir()
    first, *_ = (run / "trials.jsonl").read_text().splitlines(keepends=True)
    (run / "trials.jsonl").write_text(first)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "state": "running"}))
    ended = netlab("bench", "--resume", run.name, "-i", lab.inventory)
    assert ended.status == 0, ended.err
    told = [(line["order"], line["board"]) for line in lines(lab)]
    assert sorted(told) == [(1, "board1"), (1, "board3"), (2, "board1"), (2, "board3")]
    assert len(set(told)) == 4


def test_a_run_goes_on_with_its_own_duts_only(netlab, lab, plan) -> None:
    run = made(lab, {"board1": {"role": "dut"}, "board3": {"role": "dut"}})
    ended = netlab("bench", "--resume", run.name, "-i", lab.inventory)
    assert ended.status == 2
    assert f"{run.name} measures board1, board3; the duts of {lab.inventory} are board1" in ended.err


@pytest.mark.parametrize(
    ("where", "change", "expected"),
    [
        ("plan", {"instruments": [{"name": "ruler", "parameters": {"a": "{{ x }}"}}]}, "a template stands"),
        # Brackets of its own, which Ansible takes for a template's.
        (
            "plan",
            {
                "instruments": [
                    {"name": "ruler", "parameters": {"a": "#jinja2: variable_start_string:'[%'\n[% x"}}
                ]
            },
            "a template stands",
        ),
        ("plan", {"topologies": ["plain", "../etc"]}, "'../etc' is not a name"),
        ("plan", {"scenarios": ["gone"]}, "no scenario is called 'gone'"),
        ("order", {"parameters": {"a": "{{ x }}"}}, "trial 1 is not one of the plan"),
        ("order", {"instrument": "rulers"}, "trial 1 is not one of the plan"),
        ("order", {"more": 1}, "trial 1 is not one of the plan"),
        ("order", {"order": 7}, "the trials are not counted from 1"),
    ],
)
def test_a_stored_plan_is_checked_before_ansible_gets_it(netlab, lab, plan, where, change, expected) -> None:
    run = made(lab)
    manifest = json.loads((run / "manifest.json").read_text())
    (manifest["plan"] if where == "plan" else manifest["order"][0]).update(change)
    (run / "manifest.json").write_text(json.dumps(manifest))
    ended = netlab("bench", "--resume", run.name, "-i", lab.inventory)
    assert ended.status == 2
    assert expected in ended.err
    assert "manifest.json" in ended.err


def test_a_run_killed_after_its_last_trial_is_brought_to_its_end(netlab, lab, plan) -> None:
    assert netlab("bench", "plan.yml", "-i", lab.inventory).status == 0
    (run,) = (lab.folder / "results").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "state": "running"}))
    before = lines(lab)
    assert netlab("bench", "--resume", run.name, "-i", lab.inventory).status == 0
    assert lines(lab) == before
    assert json.loads((run / "manifest.json").read_text())["state"] == "complete"


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


def test_results_that_find_no_room_stop_the_run_in_words_and_it_can_be_resumed(
    netlab, lab, plan, monkeypatch
) -> None:
    from netlab.results.lines import LineWriter

    append = LineWriter.append

    def full(self, value) -> None:
        if value["order"] == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, value)

    monkeypatch.setattr(LineWriter, "append", full)
    ended = netlab("bench", "plan.yml", "-i", lab.inventory)
    assert ended.status == 1, ended.err
    assert "results cannot be written" in ended.err
    assert "No space left on device" in ended.err
    assert "netlab bench --resume" in ended.err
    assert [line["order"] for line in lines(lab)] == [1]
    monkeypatch.setattr(LineWriter, "append", append)
    assert netlab("bench", "--resume", "latest", "-i", lab.inventory).status == 0
    assert [(line["order"], line["status"]) for line in lines(lab)] == [(1, "ok"), (2, "ok")]


@pytest.mark.parametrize("words", [["plan.yml"], ["--resume", "latest"]])
def test_a_folder_that_may_only_be_read_is_told_before_anything_is_measured(
    netlab, lab, plan, monkeypatch, words
) -> None:
    if "--resume" in words:
        made(lab)

    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "manifest.json")

    monkeypatch.setattr("netlab.results.files.replace", refused)
    ended = netlab("bench", *words, "-i", lab.inventory)
    assert ended.status == 1
    assert "results cannot be written: manifest.json: Read-only file system" in ended.err
    assert "bench  " not in ended.err, "no play was run"


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
