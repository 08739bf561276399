# SPDX-License-Identifier: Apache-2.0
"""netperf's page and role name every parameter, metric and rule that there is, and no other parameter."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.command import (
    DEFAULTS,
    PRESETS,
    TESTS,
    netperf_command,
    read_parameters,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.parser import parse
from ansible_collections.netlab.testbed.plugins.module_utils.path_proof import PORT as NETSERVER_PORT

ROOT = Path(__file__).resolve().parents[3]
PAGE = "".join(
    (ROOT / f"docs/instruments/{name}.md").read_text(encoding="utf-8") for name in ("netperf", "common")
)
OPTIONS = yaml.safe_load(
    (ROOT / "roles/instrument_netperf/meta/argument_specs.yml").read_text(encoding="utf-8")
)["argument_specs"]["measure"]["options"]["instrument_netperf_parameters"]["options"]


def rules() -> set[str]:
    """Every rule that the sources can raise, by the forms in which they name one."""
    forms = (
        r'\b(?:flag|broken)\(\s*"(\w+)"',
        r're\.compile\(r".*"\),\s*"(\w+)"',
        r'"(\w+)" if below else',
        r'if below else "(\w+)"',
    )
    folders = [ROOT / "plugins/module_utils" / name for name in ("netperf", "measuring")]
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in folder.glob("*.py")]
    return {rule for text in sources for form in forms for rule in re.findall(form, text)}


def metrics() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests/fixtures/netperf").glob("*.json"):
        run = json.loads(path.read_text(encoding="utf-8"))
        try:
            asked = read_parameters(run["parameters"] or {"duration_s": 1})
            found |= set(parse(run["stdout"], run["stderr"], run["rc"], asked).metrics)
        except MeasurementError:
            continue
    return found


def test_the_page_names_every_rule() -> None:
    known = rules()
    assert {
        "first_sample_contains_connect",
        "min_above_p50",
        "netperf_warning",
        "unrecognised_output",
    } <= known
    assert sorted(rule for rule in known if f"`{rule}`" not in PAGE) == []


def test_the_page_names_every_metric() -> None:
    known = metrics()
    assert {"p50_us", "histogram", "requests_lost", "mean_without_first_low_us"} <= known
    # of the percentiles' bounds one stands for three
    wanted = {name for name in known if name not in ("p90_bounds_us", "p99_bounds_us")}
    assert sorted(name for name in wanted if f"`{name}`" not in PAGE) == []


def test_the_role_has_the_choices_that_there_are() -> None:
    assert set(OPTIONS["preset"]["choices"]) == set(PRESETS)
    assert set(OPTIONS["test"]["choices"]) == set(TESTS)
    assert OPTIONS["test"]["default"] == DEFAULTS["test"]


def test_the_role_asks_at_the_port_where_the_testbeds_netservers_listen() -> None:
    defaults = yaml.safe_load(
        (ROOT / "roles/instrument_netperf/defaults/main.yml").read_text(encoding="utf-8")
    )
    assert defaults["instrument_netperf_control_port"] == NETSERVER_PORT


def test_the_page_shows_the_command_of_the_preset() -> None:
    argv = netperf_command(read_parameters({"preset": "stratos-2022"}), Flow("192.0.2.2", NETSERVER_PORT))
    shown = " ".join(["PEER" if word == "192.0.2.2" else word for word in argv[:-1]])
    assert f"    {shown} MIN_LATENCY,MEAN_LATENCY,…\n" in PAGE
