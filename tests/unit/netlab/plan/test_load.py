# SPDX-License-Identifier: Apache-2.0
"""Plans from names, files and the command line; what is wrong with them is said with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab import plan
from netlab.errors import InvalidInput

KNOWN = {"topologies": ["host", "tap", "macvtap"], "instruments": ["netperf"]}


def write(folder: Path, text: str, name: str = "my-plan.yml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path | str, **arguments: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        plan.load(path, **arguments)  # type: ignore[arg-type]
    return str(caught.value)


def test_the_shortest_plan(tmp_path: Path) -> None:
    read = plan.load(write(tmp_path, "topologies: [host, tap]\n"))
    assert read.as_dict() == {
        "name": "my-plan",
        "description": "",
        "topologies": ["host", "tap"],
        "scenarios": ["latency"],
        "instruments": [{"name": "netperf", "parameters": {}}],
        "blocks": 3,
        "seed": 1,
        "baseline": "host",
        "aa_pair": True,
        "warm_up_s": 0.5,
        "pause_s": 0.0,
        "retries": 1,
        "quiet": {},
    }


def test_as_dict_is_a_plan_again(tmp_path: Path) -> None:
    told = "topologies: [host, tap]\nquiet: {wait_s: 5}\nbaseline: tap\nscenarios: [{name: latency}]\n"
    read = plan.load(write(tmp_path, told))
    assert read.as_dict()["quiet"] == {"wait_s": 5.0}
    assert plan.Plan.model_validate(read.as_dict()) == read
    read = plan.load("stratos-2022")
    assert plan.Plan.model_validate(read.as_dict()) == read


def test_design_example(tmp_path: Path) -> None:
    text = (
        "name: my-comparison\ntopologies: [host, tap, macvtap]\nscenarios: [latency]\nblocks: 10\nseed: 7\n"
    )
    read = plan.load(write(tmp_path, text), known=KNOWN)
    assert (read.name, read.blocks, read.seed, len(read.trials())) == ("my-comparison", 10, 7, 40)


def test_builtin_plans_load_and_say_what_they_are() -> None:
    names = {item.name: item.description for item in plan.builtin_plans()}
    assert {"demo", "quick", "stratos-2022"} <= set(names)
    assert all(names.values())
    for name in names:
        assert plan.load(name).name == name


def test_the_command_line_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "topologies: [host]\nblocks: 2\nseed: 3\n")
    read = plan.load(path, topologies=["tap", "host", "tap"], blocks=4, seed=0)
    assert (read.topologies, read.blocks, read.seed) == (["tap", "host"], 4, 0)


def test_the_command_lines_topologies_bring_their_baseline(tmp_path: Path) -> None:
    path = write(tmp_path, "topologies: [host, tap]\nbaseline: tap\n")
    assert plan.load(path).baseline == "tap"
    assert plan.load(path, topologies=["macvtap", "tap"]).baseline == "tap"
    assert plan.load(path, topologies=["macvtap", "host"]).baseline == "host"


def test_the_command_lines_topologies_leave_out_scenarios_of_others(tmp_path: Path) -> None:
    """`-t tap` of a plan that has a scenario on host alone: no mistake, and not measured on tap instead."""
    text = "topologies: [host, tap]\nscenarios: [latency, {name: interference, topologies: [host]}]\n"
    read = plan.load(write(tmp_path, text), topologies=["tap"], known={"topologies": ["host", "tap"]})
    assert {(spec.topology, spec.scenario) for spec in read.trials()} == {("tap", "latency")}
    text = text.replace("topologies: [host]}", "topologies: [hots]}")
    with pytest.raises(InvalidInput, match="no topology is called 'hots'"):
        plan.load(write(tmp_path, text), topologies=["tap"], known={"topologies": ["host", "tap"]})


def test_a_folder_beside_us_does_not_hide_a_builtin_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert plan.load("demo").name == "demo"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("topology: [host]\n", ":1: topology: unknown key; did you mean topologies?"),
        ("blocks: 3\n", ":1: topologies: is missing\n  expected: `topologies: [host, tap]`"),
        ("topologies: []\n", ":1: topologies: must not be empty"),
        ("topologies: host\n", ":1: topologies: must be a list, not 'host'"),
        ("topologies:\n  - host\n  - Tap\n", ":3: topologies[1]: 'Tap' is not a name"),
        ("topologies: [host, host]\n", ":1: topologies: host is listed twice"),
        ("topologies: [host]\nblocks: 0\n", ":2: blocks: 0 is out of range\n  expected: 1 or more"),
        ("topologies: [host]\nblocks: 2000\n", ":2: blocks: 2000 is out of range\n  expected: 1000 or less"),
        ("topologies: [host]\nblocks: yes\n", ":2: blocks: must be a whole number, not True"),
        ("topologies: [host]\nseed: '7'\n", ":2: seed: must be a whole number, not '7'"),
        ("topologies: [host]\nname: 2022\n", ":2: name: must be text, not 2022"),
        (
            "topologies: [host]\ninstruments:\n  - name: netperf\n    params: {}\n",
            ":4: instruments[0].params: unknown key; did you mean parameters?\n  expected: one of name,",
        ),
        ("topologies: [host]\ninstruments: [5]\n", ":2: instruments[0]: must be a name, or a mapping"),
        (
            "topologies: [host]\ninstruments: [netperf, netperf]\n",
            "netperf with the same parameters is listed",
        ),
        ("topologies: [hsot]\n", ":1: topologies[0]: no topology is called 'hsot'; did you mean host?"),
        (
            "topologies: [host]\ninstruments: [netprf]\n",
            ":2: instruments[0]: no instrument is called 'netprf'",
        ),
        (
            "topologies: [host]\nscenarios: [latancy]\n",
            "no scenario is called 'latancy'; did you mean latency?",
        ),
        ("- host\n", ":1: a plan is a mapping"),
        ("topologies: [host]\nwarm_up_s: -1\n", ":2: warm_up_s: -1 is out of range\n  expected: 0 or more"),
        ("topologies: [host]\npause_s: long\n", ":2: pause_s: must be a number, not 'long'"),
        ("topologies: [host]\nretries: 11\n", ":2: retries: 11 is out of range\n  expected: 10 or less"),
        ("topologies: [host]\naa_pair: 1\n", ":2: aa_pair: must be true or false, not 1"),
        (
            "topologies: [host, tap]\nbaseline: ovs\n",
            ":2: baseline: ovs is not among the plan's topologies\n  expected: one of host, tap",
        ),
        (
            "topologies: [host]\nquiet:\n  wait: 5\n",
            ":3: quiet.wait: unknown key; did you mean wait_s?\n  expected: one of wait_s, window_s,",
        ),
        (
            "topologies: [host]\nquiet: {window_s: 0}\n",
            ":2: quiet.window_s: 0 is out of range\n  expected: more than 0",
        ),
        ("topologies: [host]\nquiet: yes\n", ":2: quiet: must be a mapping of keys and values, not True"),
        (
            "topologies: [host]\nscenarios:\n  - name: latency\n    condition: [x]\n",
            ":4: scenarios[0].condition: unknown key; did you mean conditions?\n  expected: one of name,",
        ),
        ("topologies: [host]\nscenarios: [3]\n", ":2: scenarios[0]: must be a name, or a mapping with"),
        (
            "topologies: [host, tap]\nscenarios:\n  - name: latency\n    topologies: [host, tpa]\n",
            ":4: scenarios[0].topologies[1]: no topology is called 'tpa'; did you mean tap?\n  expected: one of host,",
        ),
        (
            "topologies: [host]\nscenarios:\n  - latency\n  - name: interference\n    topologies:\n      - tap\n",
            ":6: scenarios[1].topologies[0]: tap is not among the plan's topologies\n  expected: some of host",
        ),
        (
            "topologies: [host]\nscenarios:\n  - name: latency\n    topologies: [host, host]\n",
            ":4: scenarios[0].topologies: host is listed twice",
        ),
        (
            "topologies: [host]\nscenarios:\n  - name: latency\n    topologies: host\n",
            ":4: scenarios[0].topologies: must be a list, not 'host'",
        ),
        (
            "topologies: [host]\nscenarios:\n  - name: latency\n    topologies: [Host]\n",
            ":4: scenarios[0].topologies[0]: 'Host' is not a name",
        ),
        (
            "topologies: [host]\nscenarios:\n  - latency\n  - name: latency\n",
            ":2: scenarios: latency is listed twice",
        ),
        (
            "topologies: [host]\nscenarios:\n  - name: latency\n    conditions: [loud]\n",
            ":4: scenarios[0].conditions[0]: latency has no condition 'loud'",
        ),
    ],
)
def test_each_mistake_has_file_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, text)
    message = refused(path, known=KNOWN)
    assert message.startswith(str(path))
    assert expected in message


def test_mistakes_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    message = refused(write(tmp_path, "topologies: [host]\nseed: x\nblocks: 0\nblock: 1\n"))
    lines = [line for line in message.splitlines() if not line.startswith("  ")]
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4"]


def test_a_wrong_option_is_blamed_on_the_command_line(tmp_path: Path) -> None:
    path = write(tmp_path, "topologies: [host]\n")
    assert refused(path, topologies=["hots"], known=KNOWN).startswith(
        "command line: --topology: no topology is called 'hots'; did you mean host?"
    )
    assert refused(path, blocks=0).startswith("command line: --blocks: 0 is out of range")
    assert refused(path, seed=-1).startswith("command line: --seed: -1 is out of range")


def test_no_such_plan_names_the_ones_there_are() -> None:
    message = refused("dmo")
    assert "no plan is called 'dmo'; did you mean demo?" in message
    assert "stratos-2022" in message
    assert "No such file" in refused("absent.yml")


def test_the_file_names_the_plan(tmp_path: Path) -> None:
    assert plan.load(write(tmp_path, "topologies: [host]\n", "Über Plan 2.yaml")).name == "ber-plan-2"
    assert plan.load(write(tmp_path, "topologies: [host]\n", "___.yml")).name == "plan"


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = "nam: x\ntopologies: [host, tpa]\nblocks: many\ninstruments:\n  - name: Netperf\n"
    message = refused(write(tmp_path, text), known=KNOWN)
    told = [line.partition(".yml")[2] for line in message.splitlines() if not line.startswith("  ")]
    assert told == [
        ":1: nam: unknown key; did you mean name?",
        ":2: topologies[1]: no topology is called 'tpa'; did you mean tap?",
        ":3: blocks: must be a whole number, not 'many'",
        ":5: instruments[0].name: 'Netperf' is not a name",
    ]


def test_a_refusal_names_the_next_command(tmp_path: Path) -> None:
    for text in ("topologies: [host\n", "topologies: [host]\nblocks: 0\n", "- host\n"):
        path = write(tmp_path, text, "my plan.yml")
        with pytest.raises(InvalidInput) as caught:
            plan.load(path)
        assert (caught.value.hint or "").startswith(f"netlab bench '{path}' --dry-run ")
