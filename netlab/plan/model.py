# SPDX-License-Identifier: Apache-2.0
"""What a plan is: its keys, their types and limits. docs/schemas/plan.schema.json is made from this file."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from importlib import resources
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator

from netlab.plan.trials import TrialSpec, order_trials

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
ROLE_SUFFIX_PATTERN = r"^[a-z][a-z0-9_]{0,30}$"
SCENARIO_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
RoleSuffix = Annotated[str, Field(pattern=ROLE_SUFFIX_PATTERN)]
Scenario = Annotated[str, Field(pattern=SCENARIO_PATTERN)]

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class Instrument(BaseModel):
    """An instrument and what it is told; it may stand in a plan several times, told different things."""

    model_config = _STRICT

    name: RoleSuffix = Field(description="The instrument: what follows `instrument_` in its role's name.")
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Handed to the instrument's role as it stands; the role's docs say what it takes.",
    )


def _bare_name(value: Any) -> Any:
    """`netperf` is short for `{name: netperf}`."""
    return {"name": value} if isinstance(value, str) else value


InstrumentEntry = Annotated[
    Instrument, BeforeValidator(_bare_name, json_schema_input_type=RoleSuffix | Instrument)
]


@functools.cache
def _defaults() -> dict[str, Any]:
    text = resources.files("netlab.plan").joinpath("defaults.yml").read_text(encoding="utf-8")
    values: dict[str, Any] = yaml.safe_load(text)
    return values


def _default(key: str, *, description: str, **limits: Any) -> Any:
    """A field whose default stands in defaults.yml; it is validated like a value from a file."""
    return Field(default=_defaults()[key], description=description, validate_default=True, **limits)


class Plan(BaseModel):
    """Topologies x scenarios x instruments, each combination once in every block."""

    model_config = _STRICT | {"title": "netlab-testbed plan"}

    name: Name = Field(description="Part of the run's name; by default the name of the file.")
    description: str = _default("description", description="One line for people; printed in reports.")
    topologies: list[RoleSuffix] = Field(
        min_length=1, description="Datapaths to measure, in the order in which the table shows them."
    )
    scenarios: list[Scenario] = _default(
        "scenarios", min_length=1, description="What traffic runs where; `latency` is guest to peer and back."
    )
    instruments: list[InstrumentEntry] = _default(
        "instruments",
        min_length=1,
        description="Programs that measure: a name, or a name and its parameters.",
    )
    blocks: int = _default(
        "blocks",
        ge=1,
        le=1000,
        description="How often each combination is measured; a block holds each once, in its own order.",
    )
    seed: int = _default(
        "seed",
        ge=0,
        le=2**63 - 1,
        description="Decides the order within the blocks: the same plan and seed give the same order.",
    )

    @field_validator("topologies", "scenarios", "instruments")
    @classmethod
    def _no_repeats(cls, items: list[Any]) -> list[Any]:
        seen: set[str] = set()
        for item in items:
            key = item if isinstance(item, str) else json.dumps(item.model_dump(), sort_keys=True)
            if key in seen:
                label = item if isinstance(item, str) else f"{item.name} with the same parameters"
                raise ValueError(f"{label} is listed twice")
            seen.add(key)
        return items

    def trials(self) -> list[TrialSpec]:
        """Every trial of the plan in the order in which it is to be run."""
        told = [(instrument.name, instrument.parameters) for instrument in self.instruments]
        return order_trials(self.topologies, self.scenarios, told, self.blocks, self.seed)

    def as_dict(self) -> dict[str, Any]:
        """The plan with nothing left out, as JSON values; `Plan.model_validate` takes it back."""
        return self.model_dump(mode="json")


def schema() -> dict[str, Any]:
    """JSON Schema of a plan's file, for editors (`# yaml-language-server: $schema=…`)."""
    made = Plan.model_json_schema(mode="validation")
    made["required"] = ["topologies"]  # a file's own name stands in for `name`
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def field_names(path: Sequence[str | int]) -> list[str]:
    """Keys that may stand where `path` ends: in the plan, or in one of its instruments."""
    inside: type[BaseModel] = Instrument if len(path) > 2 and path[0] == "instruments" else Plan
    return list(inside.model_fields)
