# SPDX-License-Identifier: Apache-2.0
"""Each instrument's page and role name every parameter, metric and rule that there is, and no other parameter."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Output

ROOT = Path(__file__).resolve().parents[3]
UTILS = "ansible_collections.netlab.testbed.plugins.module_utils"
INSTRUMENTS = sorted(path.name.removeprefix("instrument_") for path in (ROOT / "roles").glob("instrument_*"))
COMMON = (ROOT / "docs/instruments/common.md").read_text(encoding="utf-8")
RULES = r'\b(?:flag|broken)\(\s*"(\w+)"'
each = pytest.mark.parametrize("name", INSTRUMENTS)


def instrument(name: str) -> Any:
    return importlib.import_module(f"{UTILS}.{name}.instrument").INSTRUMENT


def keys(name: str) -> tuple[str, ...]:
    return tuple(importlib.import_module(f"{UTILS}.{name}.command").KEYS)


def page(name: str) -> str:
    return (ROOT / f"docs/instruments/{name}.md").read_text(encoding="utf-8")


def specified(name: str) -> dict[str, Any]:
    specs = yaml.safe_load((ROOT / f"roles/instrument_{name}/meta/argument_specs.yml").read_text("utf-8"))
    return dict(specs["argument_specs"]["measure"]["options"])


def sources(name: str) -> str:
    return "".join(
        path.read_text("utf-8") for path in sorted((ROOT / f"plugins/module_utils/{name}").glob("*.py"))
    )


def test_there_are_some() -> None:
    assert {"netperf", "irtt", "sockperf"} <= set(INSTRUMENTS)


@each
def test_it_is_whole(name: str) -> None:
    """A role, a module of its name, a package with one object, a page."""
    assert instrument(name).name == name
    module = (ROOT / f"plugins/modules/{name}.py").read_text("utf-8")
    assert f"module_utils.{name}.instrument import INSTRUMENT" in module
    assert page(name).startswith(f"# {name}\n")
    for tasks in ("main", "abilities", "measure", "serve"):
        assert (ROOT / f"roles/instrument_{name}/tasks/{tasks}.yml").exists()


@each
def test_the_role_has_the_parameters_that_there_are(name: str) -> None:
    assert set(specified(name)[f"instrument_{name}_parameters"]["options"]) == set(keys(name))


@each
def test_the_roles_defaults_are_those_that_apply(name: str) -> None:
    defaults = importlib.import_module(f"{UTILS}.{name}.command").DEFAULTS
    for key, option in specified(name)[f"instrument_{name}_parameters"]["options"].items():
        if key in defaults and "default" in option:
            assert option["default"] == defaults[key], key


@each
def test_the_page_names_every_parameter(name: str) -> None:
    assert [key for key in keys(name) if f"`{key}`" not in page(name)] == []


@each
def test_the_page_names_every_rule(name: str) -> None:
    known = set(re.findall(RULES, sources(name)))
    assert known
    assert sorted(rule for rule in known if f"`{rule}`" not in page(name)) == []


def test_the_common_page_names_every_rule_of_the_engine() -> None:
    known = set(re.findall(RULES, sources("measuring")))
    assert {"retransmission_timeout_counted", "percentiles_not_merged"} <= known
    assert sorted(rule for rule in known if f"`{rule}`" not in COMMON) == []


@each
def test_a_rule_that_fails_a_trial_is_on_the_common_page(name: str) -> None:
    """Such a rule is the last word of a MeasurementError."""
    raised = re.findall(r"raise MeasurementError\((.{1,400}?)\)\n", sources(name), re.DOTALL)
    known = {found[1] for text in raised if (found := re.search(r', "([a-z]+_[a-z_]+)",?\s*$', text))}
    assert known
    assert sorted(rule for rule in known if f"`{rule}`" not in COMMON) == []


@each
def test_the_page_names_every_metric(name: str) -> None:
    known: set[str] = set()
    for path in (ROOT / f"tests/fixtures/{name}").glob("*.json"):
        run = json.loads(path.read_text("utf-8"))
        output = Output(run["rc"], run["stdout"], run["stderr"], run.get("file", "").encode())
        try:
            asked = instrument(name).read_parameters(run["parameters"] or {"duration_s": 1})
            known |= set(instrument(name).parse(output, asked).metrics)
        except MeasurementError:
            continue
    assert {"p50_us", "transactions"} <= known
    # of the percentiles' bounds, and of one way's figures, the first stands for the others
    wanted = {one for one in known if not re.fullmatch(r"p9\d_bounds_us|one_way_\w+", one)}
    assert sorted(one for one in wanted if f"`{one}`" not in page(name)) == []


@each
def test_the_peers_server_is_the_one_that_the_guests_have(name: str) -> None:
    """Written twice: in the role's tasks for the peer, in Python for a guest."""
    text = (ROOT / f"roles/instrument_{name}/tasks/serve.yml").read_text("utf-8")
    if name == "netperf":
        text += (ROOT / "roles/board/vars/main.yml").read_text("utf-8")
    for server in instrument(name).servers("192.0.2.2", 12866):
        words = [word for word in server.argv if re.fullmatch(r"-{0,2}[a-zA-Z]\w*", word)]
        assert [word for word in words if not re.search(rf'[\[ "]{word}[,\]"]', text)] == []


@each
def test_what_a_guest_needs_is_a_path_in_a_package(name: str) -> None:
    file = ROOT / f"roles/instrument_{name}/meta/guest.yml"
    for package, paths in (yaml.safe_load(file.read_text("utf-8")) if file.exists() else {}).items():
        assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", package)
        assert paths
        assert all(re.fullmatch(r"usr/s?bin/[\w-]+", path) for path in paths)
