# SPDX-License-Identifier: Apache-2.0
"""What a plan is: its keys, their types and limits. docs/schemas/plan.schema.json is made from this file."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from importlib import resources
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from netlab.plan.trials import Plot, Treatment, TrialSpec, order_trials

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
ROLE_SUFFIX_PATTERN = r"^[a-z][a-z0-9_]{0,30}$"
SCENARIO_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"
CONDITION_PATTERN = r"^[a-z0-9][a-z0-9-]{0,30}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
RoleSuffix = Annotated[str, Field(pattern=ROLE_SUFFIX_PATTERN)]
ScenarioName = Annotated[str, Field(pattern=SCENARIO_PATTERN)]

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


def _bare_name(value: Any) -> Any:
    """`netperf` is short for `{name: netperf}`."""
    return {"name": value} if isinstance(value, str) else value


def _word(value: Any) -> Any:
    """`conditions: [1, 2]` is how one writes numbers of guests; a condition is a word."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Condition = Annotated[
    str, BeforeValidator(_word, json_schema_input_type=str | int), Field(pattern=CONDITION_PATTERN)
]


class Instrument(BaseModel):
    """An instrument and what it is told; it may stand in a plan several times, told different things."""

    model_config = _STRICT

    name: RoleSuffix = Field(description="The instrument: what follows `instrument_` in its role's name.")
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Handed to the instrument's role as it stands; the role's docs say what it takes.",
    )


class ScenarioChoice(BaseModel):
    """A scenario, the conditions under which it is to be measured, and on which of the plan's topologies."""

    model_config = _STRICT

    name: ScenarioName = Field(
        description="The scenario: what follows `scenario_` in its role's name, with `-` for `_`."
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Some of the scenario's conditions; by default those its role names.",
    )
    topologies: list[RoleSuffix] = Field(
        default_factory=list,
        description="Some of the plan's topologies: it is measured on no other. By default on all.",
    )

    @field_validator("conditions", "topologies")
    @classmethod
    def _no_repeats(cls, items: list[str]) -> list[str]:
        return _each_once(items)

    @model_serializer(mode="plain")
    def _short(self) -> str | dict[str, Any]:
        """As briefly as it can be written; both forms are read back."""
        more = {"conditions": list(self.conditions), "topologies": list(self.topologies)}
        given = {key: items for key, items in more.items() if items}
        return {"name": self.name, **given} if given else self.name

    def is_wanted_on(self, topology: str) -> bool:
        """Whether the plan has it on this topology."""
        return not self.topologies or topology in self.topologies


class Quiet(BaseModel):
    """How quiet the boards have to be before a block; what is left out is as role board or the inventory has it."""

    model_config = _STRICT

    wait_s: float | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Seconds to wait for a board that is not quiet; then its trials are flagged.",
    )
    window_s: float | None = Field(
        default=None, gt=0, le=60, description="Seconds that are watched at a time."
    )
    idle_at_least: float | None = Field(
        default=None, ge=0, le=1, description="Share of all CPUs' time that nothing runs."
    )
    steal_at_most: float | None = Field(
        default=None, ge=0, le=1, description="Share of all CPUs' time that the machine's own host takes."
    )
    running_at_most: float | None = Field(
        default=None, ge=0, le=10000, description="Tasks that run or wait for a CPU, on the mean of a window."
    )

    @model_serializer(mode="plain")
    def _given(self) -> dict[str, float]:
        return {key: value for key, value in vars(self).items() if value is not None}


InstrumentEntry = Annotated[
    Instrument, BeforeValidator(_bare_name, json_schema_input_type=RoleSuffix | Instrument)
]
ScenarioEntry = Annotated[
    ScenarioChoice, BeforeValidator(_bare_name, json_schema_input_type=ScenarioName | ScenarioChoice)
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
    """Topologies x scenarios (and their conditions) x instruments, each combination once in every block."""

    model_config = _STRICT | {"title": "netlab-testbed plan"}

    name: Name = Field(description="Part of the run's name; by default the name of the file.")
    description: str = _default("description", description="One line for people; printed in reports.")
    topologies: list[RoleSuffix] = Field(
        min_length=1, description="Datapaths to measure, in the order in which the table shows them."
    )
    scenarios: list[ScenarioEntry] = _default(
        "scenarios",
        min_length=1,
        description="What traffic runs where: a name; or a name, some of its conditions, some of the topologies.",
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
    baseline: RoleSuffix = Field(
        default="",
        description="What the others are compared with; `host` where it is among them, else the first.",
    )
    aa_pair: bool = _default(
        "aa_pair",
        description="Measure the baseline twice in each block; what the two differ by is not resolved.",
    )
    warm_up_s: float = _default(
        "warm_up_s",
        ge=0,
        le=3600,
        description="Seconds of traffic before each measurement that count for nothing.",
    )
    pause_s: float = _default("pause_s", ge=0, le=3600, description="Seconds of rest before each trial.")
    retries: int = _default(
        "retries",
        ge=0,
        le=10,
        description="How often a trial that failed is tried again, at the end of its block.",
    )
    quiet: Quiet = _default("quiet", description="When the boards count as quiet; asked before each block.")

    @model_validator(mode="before")
    @classmethod
    def _fill_baseline(cls, data: Any) -> Any:
        """A default that depends on another key."""
        if not isinstance(data, dict) or data.get("baseline") is not None:
            return data
        topologies = data.get("topologies")
        if not isinstance(topologies, list) or not topologies:
            return data
        usual = _defaults()["baseline"]
        return {**data, "baseline": usual if usual in topologies else topologies[0]}

    @field_validator("topologies", "scenarios", "instruments")
    @classmethod
    def _no_repeats(cls, items: list[Any]) -> list[Any]:
        return _each_once(items)

    @field_validator("baseline")
    @classmethod
    def _among_topologies(cls, name: str, info: ValidationInfo) -> str:
        if name not in info.data.get("topologies", [name]):
            raise ValueError(f"{name} is not among the plan's topologies")
        return name

    def plots(self) -> list[Plot]:
        """What is deployed once in each block, in the plan's order."""
        again = [Plot(self.baseline, 2)] if self.aa_pair else []
        return [*(Plot(topology) for topology in self.topologies), *again]

    def treatments(self, topology: str) -> list[Treatment]:
        """What is measured on a topology; where a scenario names no conditions, as if it had but one."""
        return [
            Treatment(scenario.name, condition, instrument.name, instrument.parameters)
            for scenario in self.scenarios
            if scenario.is_wanted_on(topology)
            for condition in scenario.conditions or [""]
            for instrument in self.instruments
        ]

    def trials(self) -> list[TrialSpec]:
        """Every trial in the order in which it is to be run, as far as a plan alone can tell.

        A Design also knows the scenarios: their own conditions, and on which topologies they mean something.
        """
        treatments = {topology: self.treatments(topology) for topology in self.topologies}
        return order_trials(self.plots(), treatments, self.blocks, self.seed)

    def as_dict(self) -> dict[str, Any]:
        """The plan with nothing left out, as JSON values; `Plan.model_validate` takes it back."""
        return self.model_dump(mode="json")


def _each_once(items: list[Any]) -> list[Any]:
    seen: set[str] = set()
    for item in items:
        key, label = _identity(item)
        if key in seen:
            raise ValueError(f"{label} is listed twice")
        seen.add(key)
    return items


def _identity(item: Any) -> tuple[str, str]:
    """What must not stand in a list twice, and what to call it."""
    if isinstance(item, Instrument):
        return json.dumps(item.model_dump(), sort_keys=True), f"{item.name} with the same parameters"
    name = item.name if isinstance(item, ScenarioChoice) else str(item)
    return name, name


def schema() -> dict[str, Any]:
    """JSON Schema of a plan's file, for editors (`# yaml-language-server: $schema=…`)."""
    made = Plan.model_json_schema(mode="validation")
    made["required"] = ["topologies"]  # a file's own name stands in for `name`
    del made["properties"]["baseline"]["default"]  # it depends on the topologies
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


_INSIDE: dict[str, type[BaseModel]] = {"instruments": Instrument, "scenarios": ScenarioChoice}


def field_names(path: Sequence[str | int]) -> list[str]:
    """Keys that may stand where `path` ends: in the plan, or in one of its entries."""
    inside: type[BaseModel] = Plan
    if len(path) > 2:
        inside = _INSIDE.get(str(path[0]), Plan)
    elif len(path) == 2 and path[0] == "quiet":
        inside = Quiet
    return list(inside.model_fields)
