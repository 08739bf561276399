# SPDX-License-Identifier: Apache-2.0
"""Scenarios are roles; what a plan has to know of one stands in its role's meta/scenario.yml.

description         one line
conditions          {id: words}: the ways in which it can be run; {} where there is only one
condition_pattern   instead of conditions: every word that matches is one,
default_conditions  and these are meant where a plan names none; digits are a number of guests
guests              least number of guests on a dut
on_host             whether it means something on a topology without guests
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from netlab import collection
from netlab.errors import InvalidInput, Problem

PREFIX = "scenario_"
TOPOLOGY_PREFIX = collection.TOPOLOGY_PREFIX
ONE = ("",)  # the condition of a scenario that has but one


@dataclass(frozen=True)
class Scenario:
    """What traffic runs where, as its role says it."""

    name: str
    description: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    pattern: str | None = None
    default_conditions: tuple[str, ...] = ()
    guests: int = 0
    on_host: bool = True

    def chosen(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """The conditions that a plan means: those it names, else the scenario's own."""
        return tuple(wanted) or self.default_conditions or tuple(self.conditions) or ONE

    def has(self, condition: str) -> bool:
        """Whether there is such a condition."""
        if self.pattern is not None:
            return re.fullmatch(self.pattern, condition) is not None
        return condition in self.conditions

    def choices(self) -> str:
        """The conditions that there are, for people."""
        if self.pattern is not None:
            return f"such as {', '.join(self.default_conditions)} (what matches {self.pattern})"
        if not self.conditions:
            return f"no conditions: {self.name} is run in one way only"
        return "one of " + ", ".join(self.conditions)

    def guests_for(self, condition: str) -> int:
        """How many guests a dut needs for it."""
        number = int(condition) if self.pattern is not None and condition.isdecimal() else 0
        return max(self.guests, number)


def scenarios() -> dict[str, Scenario]:
    """The scenarios of this version, by name."""
    return read_scenarios(collection.find().root / "roles")


def read_scenarios(roles: Path) -> dict[str, Scenario]:
    """The scenarios whose roles stand in a folder. InvalidInput for one that cannot be read."""
    found = {}
    for file in sorted(roles.glob(f"{PREFIX}*/meta/scenario.yml")):
        name = file.parent.parent.name.removeprefix(PREFIX).replace("_", "-")
        try:
            found[name] = _scenario(name, yaml.safe_load(file.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError, TypeError, ValueError, AttributeError, re.error) as error:
            expected = "what docs/plans.md says of it under Scenarios"
            raise InvalidInput(
                [Problem(f"not a scenario: {error}", str(file), None, None, expected)]
            ) from error
    return found


def _scenario(name: str, told: Mapping[str, Any]) -> Scenario:
    pattern = told.get("condition_pattern")
    made = Scenario(
        name=name,
        description=str(told.get("description") or ""),
        conditions={str(key): str(words) for key, words in (told.get("conditions") or {}).items()},
        pattern=None if pattern is None else str(pattern),
        default_conditions=tuple(str(item) for item in told.get("default_conditions") or ()),
        guests=int(told.get("guests", 0)),
        on_host=bool(told.get("on_host", True)),
    )
    if pattern is not None and not made.default_conditions:
        raise ValueError("condition_pattern without default_conditions")
    if wrong := [item for item in made.default_conditions if not made.has(item)]:
        raise ValueError(f"default_conditions: {', '.join(wrong)}: there is no such condition")
    return made


def guestless(topologies: Collection[str]) -> frozenset[str]:
    """Those of the topologies whose role says in vars/main.yml that they carry no guests.

    `datapath_<topology>__has_guests: false`; a role that does not say it has them.
    """
    roles = collection.find().root / "roles"
    return frozenset(name for name in topologies if not _has_guests(roles, name))


def _has_guests(roles: Path, topology: str) -> bool:
    role = f"{TOPOLOGY_PREFIX}{topology}"
    file = roles / role / "vars" / "main.yml"
    if not file.is_file():
        return True
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    return not (isinstance(told, Mapping) and told.get(f"{role}__has_guests") is False)
