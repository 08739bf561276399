# SPDX-License-Identifier: Apache-2.0
"""manifest.json: what a run was to measure, on what, with what, and how far it came."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from netlab.errors import InvalidInput, Problem
from netlab.results.shape import RunName, check_manifest

SCHEMA_VERSION: Literal[2] = (
    2  # 1: scenarios of a plan are names only, and no trial is the second half of an A/A pair
)
MANIFEST = "manifest.json"  # its name in a run's folder
LARGEST = 32 << 20  # bytes; the readings of a board are some ten thousand

State = Literal["running", "complete", "interrupted"]

_SECRET = re.compile(r"(^|_)(pass|password|passwd|passphrase|secret|token|vault)($|_)", re.IGNORECASE)
WITHHELD = "(withheld)"


class Facts(BaseModel):
    """`board_info` of each board, by board: before the first trial, and after the last."""

    before: dict[str, JsonValue] | None = None
    after: dict[str, JsonValue] | None = None


class Accelerator(BaseModel):
    """What runs a board's guests, and why that and not the other."""

    accelerator: str = Field(description="kvm or tcg")
    reason: str = ""


class Environment(BaseModel):
    """What has a say in a latency, by board: before the first trial, after the last, and how quiet it was."""

    before: dict[str, JsonValue] | None = None
    after: dict[str, JsonValue] | None = None
    blocks: dict[str, dict[str, JsonValue]] = Field(
        default_factory=dict, description="By block and board: whether it was quiet before the block."
    )


class Manifest(BaseModel):
    """The contents of manifest.json. Keys that a later netlab adds are kept as they are."""

    model_config = ConfigDict(extra="allow", validate_assignment=True, title="netlab-testbed run manifest")

    schema_version: Literal[1, 2] = Field(description="Raised when a key changes its meaning or goes.")
    run: RunName = Field(description="The run's name, which is its folder's.")
    netlab: str = Field(description="Version of netlab that made the run.")
    state: State
    started: str = Field(description="ISO 8601, UTC.")
    finished: str | None = Field(default=None, description="ISO 8601, UTC; of the last time it stopped.")
    resumed: list[str] = Field(default_factory=list, description="ISO 8601, UTC; one for each --resume.")
    plan: dict[str, JsonValue] = Field(description="The plan with its defaults filled in.")
    seed: int = Field(description="Decided the order of the trials.")
    order: list[dict[str, JsonValue]] = Field(description="Every trial of the plan, in running order.")
    inventory: JsonValue = Field(default=None, description="As given, secrets withheld.")
    accelerator: dict[str, Accelerator] = Field(default_factory=dict, description="By board.")
    guest_image: dict[str, JsonValue] = Field(
        default_factory=dict, description="By board: hash, packages and versions of what its guests boot."
    )
    versions: dict[str, str] = Field(default_factory=dict, description="Of programs and libraries.")
    facts: Facts = Field(default_factory=Facts)
    environment: Environment = Field(default_factory=Environment)

    def duts(self) -> list[str]:
        """The boards of which each has a result in every trial; empty where the inventory was not stored."""
        boards = self.inventory if isinstance(self.inventory, dict) else {}
        return [name for name, told in boards.items() if isinstance(told, dict) and told.get("role") == "dut"]

    def retries(self) -> int:
        """How often a trial that failed is tried again; runs of schema version 1 knew no retries."""
        told = self.plan.get("retries", 0)
        return told if isinstance(told, int) else 0

    def as_json(self) -> bytes:
        """As it is stored."""
        return (self.model_dump_json(indent=2) + "\n").encode()


def read(path: Path) -> Manifest:
    """Read a manifest. Raises InvalidInput when it is damaged or made by a netlab with another schema."""
    try:
        if path.stat().st_size > LARGEST:
            raise InvalidInput([Problem(f"larger than {LARGEST} bytes: not a manifest", str(path))])
        contents = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput([Problem(error.strerror or str(error), str(path))]) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or None
        expected = f"schema version {SCHEMA_VERSION} or older" if key == "schema_version" else None
        raise InvalidInput([Problem(first["msg"], str(path), None, key, expected)]) from error
    check_manifest(contents.plan, contents.order, path)
    return contents


def withhold_secrets(value: Any) -> Any:
    """The same JSON value without what its keys call a password, secret or token."""
    if isinstance(value, dict):
        return {
            key: WITHHELD if _is_secret(str(key)) and item else withhold_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [withhold_secrets(item) for item in value]
    return value


def _is_secret(key: str) -> bool:
    return bool(_SECRET.search(key)) and not key.endswith("_file")


def schema() -> dict[str, Any]:
    """JSON Schema of manifest.json."""
    made = Manifest.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
