# SPDX-License-Identifier: Apache-2.0
"""The combinations that a plan measures: what they are called, their order, and which one is the baseline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

USUAL_BASELINE = "host"


class Group(NamedTuple):
    """What rows must have in common to be compared."""

    scenario: str
    condition: str
    instrument: str
    parameters: str  # as JSON


class Combination(NamedTuple):
    """What makes a row. Replica 2 is the baseline measured once more in each block, the other half of the A/A pair."""

    topology: str
    scenario: str
    condition: str
    instrument: str
    parameters: str  # as JSON
    replica: int = 1

    @property
    def group(self) -> Group:
        return Group(self.scenario, self.condition, self.instrument, self.parameters)


def of(spec: Mapping[str, Any]) -> Combination:
    """The combination that a planned trial measures; old runs know neither conditions nor replicas."""
    return Combination(
        str(spec["topology"]),
        str(spec["scenario"]),
        str(spec.get("condition") or ""),
        str(spec["instrument"]),
        json.dumps(spec.get("parameters") or {}, sort_keys=True),
        int(spec.get("replica") or 1),
    )


def planned(order: Sequence[Mapping[str, Any]]) -> dict[Combination, list[int]]:
    """The trials of each combination, by their numbers."""
    found: dict[Combination, list[int]] = {}
    for spec in order:
        found.setdefault(of(spec), []).append(int(spec["order"]))
    return found


def in_plan_order(plan: Mapping[str, Any], found: Iterable[Combination]) -> list[Combination]:
    """By topology, its replica, scenario, condition and instrument, as the plan lists them."""
    topologies = [str(name) for name in plan.get("topologies") or ()]
    scenarios = [_name(item) for item in plan.get("scenarios") or ()]
    conditions = {
        _name(item): [str(condition) for condition in item.get("conditions") or ()]
        for item in plan.get("scenarios") or ()
        if isinstance(item, Mapping)
    }
    instruments = [
        (_name(item), json.dumps(_mapping(item).get("parameters") or {}, sort_keys=True))
        for item in plan.get("instruments") or ()
    ]

    def place(own: Combination) -> tuple[Any, ...]:
        return (
            _index(topologies, own.topology),
            own.replica,
            _index(scenarios, own.scenario),
            _index(conditions.get(own.scenario, []), own.condition),
            _natural(own.condition),
            _index(instruments, (own.instrument, own.parameters)),
        )

    return sorted(found, key=place)


def baselines(plan: Mapping[str, Any], found: Iterable[Combination]) -> dict[Group, str]:
    """The topology that the others of a group are compared with.

    The one that is measured twice; else the plan's baseline; else `host`; else the first of the group: a scenario
    between guests has no row of the host's.
    """
    wanted = str(plan.get("baseline") or USUAL_BASELINE)
    by_group: dict[Group, list[Combination]] = {}
    for own in in_plan_order(plan, found):
        by_group.setdefault(own.group, []).append(own)

    def likely(own: Combination) -> tuple[bool, bool]:
        return own.replica > 1, own.topology == wanted

    return {group: max(members, key=likely).topology for group, members in by_group.items()}


def labels(found: Iterable[Combination]) -> dict[tuple[str, str], str]:
    """`netperf`; where a plan uses it twice, also what it was told: `netperf test=UDP_RR`.

    By instrument and parameters as JSON.
    """
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for own in found:
        told.setdefault(own.instrument, {})[own.parameters] = json.loads(own.parameters)
    made = {}
    for instrument, variants in told.items():
        for text, parameters in variants.items():
            differing = [
                f"{key}={value if isinstance(value, str) else json.dumps(value)}"
                for key, value in sorted(parameters.items())
                if any(other.get(key) != value for other in variants.values())
            ]
            made[(instrument, text)] = " ".join([instrument, *differing])
    return made


def _name(item: Any) -> str:
    return str(item.get("name")) if isinstance(item, Mapping) else str(item)


def _mapping(item: Any) -> Mapping[str, Any]:
    return item if isinstance(item, Mapping) else {}


def _index(listed: Sequence[Any], item: Any) -> int:
    return listed.index(item) if item in listed else len(listed)


def _natural(text: str) -> list[tuple[int, int, str]]:
    """2 before 10, which letters would turn round."""
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
