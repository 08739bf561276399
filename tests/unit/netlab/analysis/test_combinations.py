# SPDX-License-Identifier: Apache-2.0
"""What makes a row, in which order rows come, and what each is compared with."""

from __future__ import annotations

import random
from typing import Any

import pytest

from netlab.analysis import combinations
from netlab.analysis.combinations import Combination


def made(topology: str, scenario: str = "latency", condition: str = "", replica: int = 1) -> Combination:
    return Combination(topology, scenario, condition, "netperf", "{}", replica)


PLAN: dict[str, Any] = {
    "topologies": ["tap", "host"],
    "scenarios": [{"name": "interference", "conditions": ["same-cpu", "alone"]}, "scaling"],
    "instruments": [{"name": "netperf", "parameters": {}}],
}


def test_an_old_spec_has_no_condition_and_one_replica() -> None:
    old = {"order": 3, "topology": "host", "scenario": "latency", "instrument": "netperf"}
    assert combinations.of(old) == made("host")
    new = {**old, "condition": "alone", "replica": 2, "parameters": {}}
    assert combinations.of(new) == made("host", condition="alone", replica=2)
    assert combinations.planned([old, {**old, "order": 7}]) == {made("host"): [3, 7]}


def test_order() -> None:
    """As the plan lists them; conditions that it does not list as numbers or words are read."""
    wanted = [
        made("tap", "interference", "same-cpu"),
        made("tap", "interference", "alone"),
        made("tap", "interference", "elsewhere"),
        *(made("tap", "scaling", number) for number in ("1", "2", "10")),
        made("host", "scaling", "1"),
        made("host", "scaling", "1", replica=2),
        made("unknown", "scaling", "1"),
    ]
    mixed = list(wanted)
    random.Random(1).shuffle(mixed)
    assert combinations.in_plan_order(PLAN, mixed) == wanted


@pytest.mark.parametrize(
    ("plan", "found", "baseline"),
    [
        ({}, ["tap", "host"], "host"),
        ({"baseline": "tap"}, ["tap", "host"], "tap"),
        ({"baseline": "host"}, ["tap", "macvtap"], "tap"),  # guests only: the plan's first stands in
        ({"baseline": None}, ["tap"], "tap"),
    ],
)
def test_baseline(plan: dict[str, Any], found: list[str], baseline: str) -> None:
    listed = {**PLAN, "topologies": ["tap", "macvtap", "host"], **plan}
    own = [made(name) for name in found]
    assert combinations.baselines(listed, own) == {own[0].group: baseline}


def test_what_is_measured_twice_is_the_baseline() -> None:
    own = [made("host"), made("tap"), made("tap", replica=2)]
    assert combinations.baselines(PLAN, own) == {own[0].group: "tap"}
