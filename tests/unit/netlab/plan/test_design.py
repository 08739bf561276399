# SPDX-License-Identifier: Apache-2.0
"""Scenarios as their roles describe them, and what a plan amounts to with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from netlab import collection, plan
from netlab.collection import Collection
from netlab.errors import InvalidInput
from netlab.plan import Design, Plan
from netlab.plan.design import guests_needed
from netlab.plan.scenarios import guestless, read_scenarios

LATENCY = {"description": "guest to peer", "conditions": {}, "guests": 0, "on_host": True}
BETWEEN = {"description": "guest to guest", "conditions": {}, "guests": 2, "on_host": False}
LOADED = {"conditions": {"alone": "A", "same-cpu": "A and B"}, "guests": 1, "on_host": True}
SCALING = {
    "condition_pattern": "^[1-9][0-9]?$",
    "default_conditions": [1, 2],
    "guests": 1,
    "on_host": False,
}


@pytest.fixture
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collection with scenarios and two topologies, of which `bare` carries no guests."""
    folder = tmp_path / "roles"
    for name, content in {
        "scenario_latency/meta/scenario.yml": LATENCY,
        "scenario_guest_to_guest/meta/scenario.yml": BETWEEN,
        "scenario_interference/meta/scenario.yml": LOADED,
        "scenario_scaling/meta/scenario.yml": SCALING,
        "datapath_bare/vars/main.yml": {"datapath_bare__has_guests": False},
        "datapath_tap/vars/main.yml": {"datapath_tap__taps": "{{ board_guests }}"},
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True)
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(collection, "find", lambda: Collection(tmp_path))
    return folder


def made(**told: Any) -> Design:
    data = {"name": "p", "topologies": ["bare", "tap"], "blocks": 1, **told}
    return Design.of(Plan.model_validate(data))


def combinations(design: Design) -> set[tuple[str, int, str, str]]:
    return {(spec.topology, spec.replica, spec.scenario, spec.condition) for spec in design.trials()}


def test_scenarios_are_found_by_their_roles(roles: Path) -> None:
    found = read_scenarios(roles)
    assert set(found) == {"latency", "guest-to-guest", "interference", "scaling"}
    assert found["scaling"].default_conditions == ("1", "2")
    assert found["interference"].conditions == {"alone": "A", "same-cpu": "A and B"}
    assert (found["guest-to-guest"].guests, found["guest-to-guest"].on_host) == (2, False)


def test_a_scenario_without_conditions_of_the_plan_has_its_own(roles: Path) -> None:
    design = made(scenarios=["interference", "latency", "scaling"], aa_pair=False, topologies=["tap"])
    assert {what[2:] for what in combinations(design)} == {
        ("interference", "alone"),
        ("interference", "same-cpu"),
        ("latency", ""),
        ("scaling", "1"),
        ("scaling", "2"),
    }
    assert design.as_dict()["scenarios"] == [
        {"name": "interference", "conditions": ["alone", "same-cpu"]},
        "latency",
        {"name": "scaling", "conditions": ["1", "2"]},
    ]
    assert Plan.model_validate(design.as_dict()) == design.plan


def test_what_means_nothing_without_guests_is_not_planned_there_and_said(roles: Path) -> None:
    design = made(scenarios=["latency", "guest-to-guest"])
    assert combinations(design) == {
        ("bare", 1, "latency", ""),
        ("bare", 2, "latency", ""),
        ("tap", 1, "latency", ""),
        ("tap", 1, "guest-to-guest", ""),
    }
    assert design.left_out() == [("bare", "guest-to-guest", "bare carries no guests")]


def test_a_scenario_can_be_wanted_on_some_topologies_alone(roles: Path) -> None:
    design = made(scenarios=["latency", {"name": "interference", "topologies": ["bare"]}])
    assert combinations(design) == {
        *(("bare", replica, "latency", "") for replica in (1, 2)),
        *(("bare", replica, "interference", what) for replica in (1, 2) for what in ("alone", "same-cpu")),
        ("tap", 1, "latency", ""),
    }
    assert design.left_out() == [("tap", "interference", "the plan has it on bare alone")]
    assert design.as_dict()["scenarios"][1] == {
        "name": "interference",
        "conditions": ["alone", "same-cpu"],
        "topologies": ["bare"],
    }
    assert Plan.model_validate(design.as_dict()) == design.plan
    specs = [spec.as_dict() for spec in design.trials()]
    assert (
        guests_needed(specs, "tap", design.scenarios) == 0
    )  # what is not measured there needs no guests there


def test_a_plan_whose_every_scenario_is_wanted_elsewhere_is_refused(roles: Path) -> None:
    told = [
        {"name": "guest-to-guest", "topologies": ["bare"]},
        {"name": "interference", "topologies": ["ovs"]},
    ]
    with pytest.raises(
        InvalidInput, match=r"no trial: .*interference: the plan has it on ovs alone"
    ) as caught:
        made(scenarios=told)
    assert "guest-to-guest: bare carries no guests" in str(caught.value)


def test_the_baseline_is_one_that_some_scenario_is_wanted_on(roles: Path) -> None:
    design = made(scenarios=[{"name": "interference", "topologies": ["tap"]}])
    assert design.as_dict()["baseline"] == "tap"


def test_the_plan_of_2022_has_interference_on_the_host_alone(repository: Path) -> None:
    """As the report of 2022 has it; so that paths with guests have one guest, as there."""
    design = Design.of(plan.load("stratos-2022"))
    specs = [spec.as_dict() for spec in design.trials()]
    assert {spec["topology"] for spec in specs if spec["scenario"] == "interference"} == {"host"}
    for topology in design.plan.topologies:
        assert guests_needed(specs, topology, design.scenarios) == (2 if topology == "host" else 0)


def test_the_baseline_is_one_that_is_measured(roles: Path) -> None:
    design = made(scenarios=["guest-to-guest"])
    assert combinations(design) == {("tap", 1, "guest-to-guest", ""), ("tap", 2, "guest-to-guest", "")}
    assert design.as_dict()["baseline"] == "tap"


def test_a_plan_with_nothing_to_measure_is_refused(roles: Path) -> None:
    with pytest.raises(InvalidInput, match="the plan p has no trial: guest-to-guest: bare carries no guests"):
        made(scenarios=["guest-to-guest"], topologies=["bare"])


def test_guests_needed_are_those_of_the_whole_run(roles: Path) -> None:
    """Each block of a topology has the same number of guests, whatever is measured in it."""
    design = made(scenarios=["latency", {"name": "scaling", "conditions": [1, 4]}, "interference"])
    specs = [spec.as_dict() for spec in design.trials()]
    assert guests_needed(specs, "tap", design.scenarios) == 4
    assert guests_needed(specs, "bare", design.scenarios) == 1
    assert guests_needed([], "tap", design.scenarios) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]\n", "not a scenario"),
        ("guests: many\n", "not a scenario: invalid literal"),
        ("condition_pattern: '^[1'\ndefault_conditions: ['1']\n", "not a scenario"),
        ("condition_pattern: '^[1-9]$'\n", "condition_pattern without default_conditions"),
        ("conditions: {a: b}\ndefault_conditions: [c]\n", "default_conditions: c: there is no such"),
    ],
)
def test_a_role_that_describes_no_scenario_is_named(roles: Path, text: str, expected: str) -> None:
    file = roles / "scenario_latency/meta/scenario.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=expected) as caught:
        plan.scenarios()
    assert str(file) in str(caught.value)


def test_roles_say_truly_whether_they_have_guests(repository: Path) -> None:
    """The word in vars/main.yml against what the role does."""
    names = [path.name.removeprefix("datapath_") for path in (repository / "roles").glob("datapath_*")]
    without = {
        name
        for name in names
        if not any(
            "netlab.testbed.guest\n" in file.read_text(encoding="utf-8")
            for file in (repository / f"roles/datapath_{name}/tasks").glob("*.yml")
        )
    }
    assert guestless(names) == without == {"host"}


def test_every_scenario_of_the_collection_can_be_planned(repository: Path) -> None:
    for name, scenario in read_scenarios(repository / "roles").items():
        assert scenario.description
        design = Design.of(Plan.model_validate({"name": "p", "topologies": ["tap"], "scenarios": [name]}))
        assert design.trials()
