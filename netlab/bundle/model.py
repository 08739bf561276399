# SPDX-License-Identifier: Apache-2.0
"""What each JSON member of a bundle holds. docs/schemas/bundle.schema.json is made from this file (schema.py)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

SCHEMA_VERSION: Literal[1] = 1

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
Group = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$")]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+:~_-]{0,99}$")]
Package = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]{0,99}$")]
RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Line = Annotated[str, Field(max_length=2000)]


class Header(BaseModel):
    """bundle.json: what kind of bundle this is."""

    model_config = _STRICT | {"title": "netlab-testbed bundle"}

    schema_version: Literal[1] = Field(description="Raised when a member changes its meaning or goes.")
    netlab: Version = Field(description="Version of netlab that exported.")
    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Field(
        description="The run's name."
    )
    run_netlab: Version = Field(description="Version of netlab that measured.")
    state: Literal["complete", "partial"] = Field(
        description="partial: trials of the plan are missing; `note` says how many."
    )
    note: Line | None = Field(default=None, description="What to know before using it, in words.")
    results: bool = Field(description="Whether run/ is there; without it there is a plan and boards only.")
    names: Literal["aliased", "kept"] = Field(description="What `--keep-names` says.")


class TrialEntry(BaseModel):
    """One trial of the order."""

    model_config = _STRICT

    order: int = Field(ge=1)
    block: int = Field(ge=1)
    topology: RoleName
    replica: Literal[1, 2] = 1
    scenario: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    condition: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{0,30})?$")] = ""
    instrument: RoleName
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class PlanFile(BaseModel):
    """plan.json: the plan with its defaults filled in, and its trials as they were run."""

    model_config = _STRICT

    plan: dict[str, JsonValue] = Field(description="docs/schemas/plan.schema.json")
    seed: int = Field(ge=0, le=2**63 - 1, description="Decided the order; the same as the plan's.")
    order: list[TrialEntry] = Field(min_length=1)


class BoardEntry(BaseModel):
    """A board as the inventory gives it, with the testbed's own variables and no others."""

    model_config = _STRICT

    name: Word
    role: Literal["dut", "peer"]
    groups: list[Group]
    variables: dict[str, JsonValue] = Field(
        description="docs/schemas/inventory.schema.json, $defs/Variables, and options of roles"
    )
    guests: list[dict[str, JsonValue]] = Field(default_factory=list)


class Role(BaseModel):
    """A role that built or measured something: which one exactly."""

    model_config = _STRICT

    version: Version = Field(description="The collection's version.")
    sha256: Sha256 = Field(description="Over the names and contents of the role's files.")


class Roles(BaseModel):
    """roles.json"""

    model_config = _STRICT

    recorded: Literal["run", "export"] = Field(
        description="run: when it was measured; export: only when the bundle was made, by the netlab at hand."
    )
    collection: Role = Field(description="All roles, plugins and playbooks.")
    topologies: dict[RoleName, Role] = Field(default_factory=dict)
    scenarios: dict[RoleName, Role] = Field(default_factory=dict)
    instruments: dict[RoleName, Role] = Field(default_factory=dict)


class Image(BaseModel):
    """One guest image. `recipe` is null where the run only knew the hash."""

    model_config = _STRICT

    hash: Hex
    arch: Word | None = None
    kernel_command_line: Line | None = None
    packages: dict[Package, Version] | None = None


class GuestImages(BaseModel):
    """guest-image.json: what the guests of each dut booted."""

    model_config = _STRICT

    boards: dict[Word, Image]


class Surroundings(BaseModel):
    """environment.json: what has a say in a latency, as the run's manifest has it."""

    model_config = _STRICT

    versions: dict[str, str] = Field(default_factory=dict)
    accelerator: dict[str, JsonValue] = Field(default_factory=dict)
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    environment: dict[str, JsonValue] = Field(default_factory=dict)


class Redaction(BaseModel):
    """What of one kind was replaced; never by what it replaced."""

    model_config = _STRICT

    kind: Word
    count: int = Field(ge=0, description="How often, over all members.")
    aliases: list[Line] = Field(description="What stands there now.")
    note: Line | None = None


REDACTIONS: TypeAdapter[list[Redaction]] = TypeAdapter(list[Redaction])
BOARDS: TypeAdapter[list[BoardEntry]] = TypeAdapter(list[BoardEntry])
