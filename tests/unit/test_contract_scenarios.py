# SPDX-License-Identifier: Apache-2.0
"""A scenario is a role, a page, and something that a plan can name: the three agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted((ROOT / "roles").glob("scenario_*"))
NAMES = [role.name.removeprefix("scenario_").replace("_", "-") for role in ROLES]

each_role = pytest.mark.parametrize("role", ROLES, ids=NAMES)


def told(role: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((role / "meta/scenario.yml").read_text(encoding="utf-8")))


def tasks(role: Path) -> list[dict[str, Any]]:
    """Every task of measure.yml, those of blocks too."""
    found: list[dict[str, Any]] = []
    todo = list(yaml.safe_load((role / "tasks/measure.yml").read_text(encoding="utf-8")))
    while todo:
        task = todo.pop(0)
        inside = [part for name in ("block", "rescue", "always") for part in task.get(name, [])]
        todo = [*inside, *todo]
        found += [] if inside else [task]
    return found


def test_the_scenarios_of_the_report_are_here() -> None:
    assert {"latency", "guest-to-guest", "interference", "scaling", "pressure"} <= set(NAMES)


def test_each_scenario_has_a_page_and_each_page_a_scenario() -> None:
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs/scenarios").glob("*.md")}
    assert sorted(pages) == sorted(NAMES)
    for name, text in pages.items():
        assert text.splitlines()[0] == f"# {name}"
        assert len(text.split()) > 60, f"docs/scenarios/{name}.md says next to nothing"


@each_role
def test_scenario_says_what_a_plan_has_to_know(role: Path) -> None:
    scenario = told(role)
    assert set(scenario) <= {
        "description", "conditions", "condition_pattern", "default_conditions", "guests", "on_host",
    }  # fmt: skip
    assert scenario["description"].strip()
    assert isinstance(scenario["guests"], int)
    assert isinstance(scenario["on_host"], bool)
    assert ("conditions" in scenario) != ("condition_pattern" in scenario)
    for condition, words in scenario.get("conditions", {}).items():
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", condition)
        assert words.strip()
    if "condition_pattern" in scenario:
        assert scenario["default_conditions"]
        assert all(
            re.fullmatch(scenario["condition_pattern"], item) for item in scenario["default_conditions"]
        )


@each_role
def test_the_page_names_every_condition(role: Path) -> None:
    page = (ROOT / f"docs/scenarios/{told_name(role)}.md").read_text(encoding="utf-8")
    assert [name for name in told(role).get("conditions", {}) if f"| `{name}` |" not in page] == []


def told_name(role: Path) -> str:
    return role.name.removeprefix("scenario_").replace("_", "-")


@each_role
def test_one_trial_is_one_measurement_by_whatever_instrument_and_one_result(role: Path) -> None:
    text = (role / "tasks/measure.yml").read_text(encoding="utf-8")
    includes = [
        task["ansible.builtin.include_role"] for task in tasks(role) if "ansible.builtin.include_role" in task
    ]
    assert [include["tasks_from"] for include in includes] == ["measure"]
    assert includes[0]["name"] == "netlab.testbed.instrument_{{ trial.instrument }}"
    last = tasks(role)[-1]
    assert last["netlab.testbed.trial_result"]["trial"] == "{{ trial }}"
    assert last["delegate_to"] == "{{ groups['peers'] | first }}"
    assert not re.search(r"netperf|irtt|sockperf", text), "a scenario knows no instrument"


@each_role
def test_each_option_of_the_instrument_is_told(role: Path) -> None:
    """Or what one scenario set would apply to the next."""
    (include,) = [task for task in tasks(role) if "ansible.builtin.include_role" in task]
    assert set(include["vars"]) == {"measurement_flows", "measurement_loads", "measurement_pins"}


def test_what_is_pinned_is_undone_whatever_happens() -> None:
    for role in ROLES:
        listed = yaml.safe_load((role / "tasks/measure.yml").read_text(encoding="utf-8"))
        for task in listed:
            pins = [part for part in task.get("block", []) if "netlab.testbed.pinning" in part]
            if pins:
                undone = [
                    part["netlab.testbed.pinning"]
                    for part in task["always"]
                    if "netlab.testbed.pinning" in part
                ]
                assert undone == [{"pins": []}]
        assert not any("netlab.testbed.pinning" in task for task in listed), (
            f"{role.name} pins outside a block"
        )
