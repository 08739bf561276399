# SPDX-License-Identifier: Apache-2.0
"""netlab reproduce: a bundle is repeated on boards with other names, and every row gets its verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from netlab.cli.benching import load_plan, versions
from netlab.cli.theirs import read_back
from netlab.results import RunStore
from tests.unit.netlab.cli.test_bench import lines
from tests.unit.netlab.cli.test_bench import plan as plan  # a fixture

PINS = """
- name: Look
  netlab.testbed.report:
    data:
      environment: {kernel: {release: "{{ kernel }}"}, versions: {ruler: "1.0"}, cpu: {count: 4}}
      guest_image: null
  vars: {kernel: "6.1"}
"""
ENVIRONMENT = """
- name: Look
  netlab.testbed.report:
    data:
      environment: {kernel: {release: "6.1"}, versions: {ruler: "1.0"}}
      quiet: {quiet: true, said: quiet}
"""
OURS = """
all:
  vars: {vars}
duts:
  hosts:
    mine: {{board_nic: enp3s0, board_address: 198.51.100.2/24, guest_count: 3}}
peers:
  hosts:
    other: {{board_nic: enp4s0, board_address: 198.51.100.1/24}}
"""
LOCAL = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "/usr/bin/python3",
    "cannot": "nothing",
    "broken": "nothing",
    "pause": 0,
    "bad": 0,
    "bad_board": "mine",
    "fails": 0,
    "kernel": "6.1",
}


@pytest.fixture
def ours(lab, plan):
    """The inventory of another lab, and what its boards say when they are asked."""
    lab.tasks("environment", ENVIRONMENT, hosts="duts:peers")
    lab.tasks("pins", PINS.replace('  vars: {kernel: "6.1"}\n', ""), hosts="duts:peers")
    unmet = '{plain: [], fancy: \'{{ ["no such device"] if cannot == "fancy" else [] }}\'}'
    report = "{name: Say, netlab.testbed.report: {data: {topologies: " + unmet + "}}}"
    lab.tasks("check", f"- {report}", hosts="duts:peers")

    def written(**told: object) -> Path:
        return lab.file("ours.yml", OURS.format(vars=json.dumps({**LOCAL, **told})))

    return written


def measured(
    lab, folder: str, boards: tuple[str, str], p50_us: float, blocks: int = 2, kernel: str = "6.1"
) -> str:
    """The name of a run of plan.yml that nobody has measured."""
    dut, peer = boards
    guest = {
        "name": "g1",
        "mac": "02:00:00:00:00:01",
        "address": "192.0.2.9/24",
        "vcpus": 1,
        "memory_mib": 192,
    }
    nics = (
        {"board_nic": "eth1", "board_address": "192.0.2.2/24"},
        {"board_nic": "eth1", "board_address": "192.0.2.1/24"},
    )
    inventory = {
        dut: {"role": "dut", "groups": ["duts"], "connection": None, "variables": nics[0], "guests": [guest]},
        peer: {"role": "peer", "groups": ["peers"], "connection": None, "variables": nics[1], "guests": []},
    }
    wanted = load_plan(str(lab.folder / "plan.yml"), blocks=blocks)
    with RunStore.create(lab.folder / folder, wanted, inventory=inventory, versions=versions()) as run:
        reading = {"kernel": {"release": kernel}, "versions": {"ruler": "1.0"}}
        run.set_environment("before", dict.fromkeys(boards, reading))
        for spec in run.manifest.order:
            metrics = {"p50_us": p50_us + 0.01 * spec["order"], "transactions": 1000}
            now = "2026-01-01T00:00:00+00:00"
            told = {**spec, "board": dut, "guest": "g1", "status": "ok", "reason": None, "metrics": metrics}
            run.append({**told, "flags": [], "raw": "verbatim", "started": now, "finished": now})
        run.finish("complete")
        return run.name


@pytest.fixture
def bundle(netlab, lab, plan, ours) -> Path:
    """A run of two blocks on board1 and board2, in one file."""
    measured(lab, "theirs", ("board1", "board2"), 50.0)
    ended = netlab("export", "latest", "run.zip", "--results", "theirs", "--keep-names")
    assert ended.status == 0, ended.err
    return lab.folder / "run.zip"


def test_a_dry_run_shows_what_stands_for_what_and_runs_nothing(netlab, lab, bundle, ours) -> None:
    ended = netlab("reproduce", "run.zip", "-i", str(ours(cannot="fancy")), "--dry-run")
    assert ended.status == 0, ended.err
    said = " ".join(ended.out.split())
    assert "dut board1 -> mine eth1 -> enp3s0" in said
    assert "peer board2 -> other eth1 -> enp4s0" in said
    assert "taken over from theirs: guest_count 1" in said
    assert "mine cannot carry fancy: no such device" in said
    assert not (lab.folder / "results").exists()
    assert not (lab.folder / "measured.txt").exists()
    told = json.loads(netlab("reproduce", "run.zip", "-i", str(ours()), "--dry-run", "--json").out)
    assert told["boards"][0]["mine"] == "mine"
    assert told["settings"]["mine"]["guest_count"] == 1


def test_the_same_trials_in_the_same_order_and_a_verdict_for_each_row(netlab, lab, bundle, ours) -> None:
    ended = netlab("reproduce", "run.zip", "-i", str(ours()), "--json")
    assert ended.status == 0, ended.err
    assert "board1 -> mine" in ended.err
    (theirs,), (mine,) = ((lab.folder / name).iterdir() for name in ("theirs", "results"))
    order, again = (json.loads((run / "manifest.json").read_text())["order"] for run in (theirs, mine))
    assert order == again
    assert [(line["order"], line["board"]) for line in lines(lab)] == [(n, "mine") for n in range(1, 5)]
    assert {line["told"]["topology"] for line in lines(lab)} == {"plain", "fancy"}
    told = json.loads(ended.out)
    assert [(row["topology"], row["verdict"]) for row in told["rows"]] == [
        ("plain", "differs"),
        ("fancy", "differs"),
    ]
    assert told["verdict"] == "differs"  # 2 us are not 50
    # A run that reproduced one is a run: it is exported and reproduced in its turn.
    assert netlab("export", mine.name, "again.zip").status == 0
    told = json.loads(netlab("reproduce", "again.zip", "--run", mine.name, "--json").out)
    assert [row["share"] for row in told["rows"]] == [0, 0]
    assert told["verdict"] != "differs"
    # What was taken over holds when the run goes on: ours has three guests.
    kept = (mine / "trials.jsonl").read_text().splitlines(keepends=True)[:-1]
    (mine / "trials.jsonl").write_text("".join(kept))
    ended = netlab("bench", "--resume", mine.name, "-i", str(ours()))
    assert ended.status == 0, ended.err
    manifest = json.loads((mine / "manifest.json").read_text())
    assert manifest["inventory"]["mine"]["settings"]["guest_count"] == 1
    assert len(manifest["inventory"]["mine"]["guests"]) == 1


def test_one_and_the_same_is_reproduced(netlab, lab, bundle) -> None:
    name = measured(lab, "results", ("mine", "other"), 50.1)
    ended = netlab("reproduce", "run.zip", "--run", name)
    assert ended.status == 0, ended.err
    said = " ".join(ended.out.split())
    assert said.count("reproduced within 10 %") == 2
    assert "Reproduced, within a margin of 10 %: 2 reproduced." in said
    assert "Ordering of topologies" in said
    assert "the environments do not differ" in said


@pytest.mark.parametrize("factor", [1.3, 1 / 1.3])
def test_figures_shifted_by_a_third_differ_and_what_may_be_why_is_told(netlab, lab, bundle, factor) -> None:
    name = measured(lab, "results", ("mine", "other"), 50.0 * factor, kernel="6.12")
    told = json.loads(netlab("reproduce", "run.zip", "--run", name, "--json").out)
    assert told["verdict"] == "differs"
    assert {row["verdict"] for row in told["rows"]} == {"differs"}
    assert [cause["key"] for cause in told["differences"]] == ["kernel release"]
    wide = json.loads(netlab("reproduce", "run.zip", "--run", name, "--json", "--margin", "40").out)
    assert wide["verdict"] == "reproduced"


def test_strict_refuses_what_is_not_the_same_before_anything_is_touched(netlab, lab, bundle, ours) -> None:
    ended = netlab("reproduce", "run.zip", "-i", str(ours(kernel="6.12")), "--strict")
    assert ended.status == 3
    assert "mine: kernel: 6.1 against 6.12" in ended.err
    assert "nothing was touched" in ended.err
    assert not (lab.folder / "results").exists()
    assert not (lab.folder / "measured.txt").exists()
    same = netlab("reproduce", "run.zip", "-i", str(ours()), "--strict", "--dry-run")
    assert same.status == 0, same.err


def test_strict_refuses_what_cannot_be_asked(netlab, lab, bundle, ours) -> None:
    lab.tasks("pins", "- {name: Look, ansible.builtin.fail: {msg: no such file}}", hosts="duts:peers")
    ended = netlab("reproduce", "run.zip", "-i", str(ours()), "--strict")
    assert ended.status == 3
    assert "kernel: 6.1 against not known" in ended.err


def test_without_results_it_is_set_up_and_run(netlab, lab, bundle, ours) -> None:
    assert netlab("export", "latest", "bare.zip", "--results", "theirs", "--without-results").status == 0
    ended = netlab("reproduce", "bare.zip", "-i", str(ours()))
    assert ended.status == 0, ended.err
    assert len(lines(lab)) == 4
    assert "theirs, us" not in ended.out
    assert "plain" in ended.out


def test_boards_that_have_no_counterpart_are_told(netlab, lab, bundle, ours) -> None:
    ended = netlab("reproduce", "run.zip", "-i", str(ours()), "--map", "board1=other")
    assert ended.status == 2
    assert "--map: board1 is a dut, other a peer" in ended.err
    ended = netlab("reproduce", "run.zip", "-i", str(ours()), "--map", "board9=mine")
    assert "no board of theirs is called 'board9'" in ended.err
    assert not (lab.folder / "results").exists()


def test_a_topology_that_this_netlab_has_not_is_refused(netlab, lab, bundle, ours) -> None:
    import shutil

    shutil.rmtree(lab.root / "roles/datapath_fancy")
    ended = netlab("reproduce", "run.zip", "-i", str(ours()))
    assert ended.status == 2
    assert "fancy" in ended.err
    assert not (lab.folder / "results").exists()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"mine": {"ansible_python_interpreter": "/tmp/evil"}}, "this is taken over from nobody"),
        ({"mine": {"guest_accelerator": "{{ lookup('pipe', 'touch hit') }}"}}, "a template stands here"),
        ({"mine": {"datapath_x": "#jinja2: variable_start_string:'[%'\n[% x"}}, "a template stands here"),
    ],
)
def test_settings_that_somebody_wrote_into_a_run_reach_nothing(
    netlab, lab, bundle, ours, settings, expected
) -> None:
    mine = lab.folder / "results" / measured(lab, "results", ("mine", "other"), 50.0)
    manifest = json.loads((mine / "manifest.json").read_text())
    manifest["inventory"]["mine"]["settings"] = settings["mine"]
    (mine / "manifest.json").write_text(json.dumps({**manifest, "state": "interrupted"}))
    (mine / "trials.jsonl").write_text("")
    ended = netlab("bench", "--resume", mine.name, "-i", str(ours()))
    assert ended.status == 2
    assert expected in ended.err
    assert not (lab.folder / "measured.txt").exists()
    assert not (lab.folder / "hit").exists()


def test_deploy_over_somebody_elses_inventory(netlab, lab, plan, ours) -> None:
    """Boards and NICs are ours, guests theirs; theirs is data, whatever it says of connections."""
    evil = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "/bin/false",
        "x": "{{ lookup('pipe', 'false') }}",
    }
    theirs = yaml.safe_load(Path(lab.inventory).read_text())
    theirs["all"]["vars"].update(evil)
    theirs["duts"]["hosts"]["board1"]["guest_count"] = 2
    lab.file("theirs.yml", yaml.safe_dump(theirs))
    say = "{msg: '{{ inventory_hostname }} {{ board_nic }} {{ guest_count }}', dest: said}"
    lab.tasks(
        "deploy",
        f"- {{name: Say, ansible.builtin.copy: {{content: {json.dumps(yaml.safe_load(say)['msg'])}, "
        "dest: '{{ inventory_dir }}/said', mode: '0600'}}",
    )
    ended = netlab("deploy", "-i", "theirs.yml", "-t", "plain", "--on", str(ours()), "--map", "board1=mine")
    assert ended.status == 0, ended.err
    assert "mine stands for board1" in ended.err
    assert (lab.folder / "said").read_text() == "mine enp3s0 2"


def test_pins_of_a_run(netlab, lab, bundle) -> None:
    told = json.loads(netlab("pins", "--results", "theirs", "--json").out)
    assert {"board": "board1", "name": "ruler", "value": "1.0"} in told["pins"]
    assert any(pin["name"] == "ansible-core" for pin in told["pins"])
    assert "kernel" in netlab("pins", "latest", "--results", "theirs").out


def test_an_alias_is_no_difference() -> None:
    theirs = {"a": "init=/redacted/path1 quiet", "b": ["/redacted/path1", "x"], "c": "/redacted/path1 debug"}
    mine = {"a": "init=/sbin/init quiet", "b": ["/home/me", "y"], "c": "/sbin/init quiet"}
    assert read_back(theirs, mine, ["/redacted/path1"]) == {
        "a": "init=/sbin/init quiet",
        "b": ["/home/me", "x"],
        "c": "/redacted/path1 debug",
    }
