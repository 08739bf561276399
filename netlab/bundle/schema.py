# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema of a bundle's JSON members; `python -m netlab.bundle.schema` writes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from netlab.bundle.model import (
    BOARDS,
    REDACTIONS,
    SCHEMA_VERSION,
    GuestImages,
    Header,
    PlanFile,
    Roles,
    Surroundings,
)

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas" / "bundle.schema.json"


def schema() -> dict[str, Any]:
    """JSON Schema of the members, by name."""
    members: dict[str, TypeAdapter[Any]] = {
        "bundle.json": TypeAdapter(Header),
        "plan.json": TypeAdapter(PlanFile),
        "inventory/rendered.json": BOARDS,
        "environment.json": TypeAdapter(Surroundings),
        "roles.json": TypeAdapter(Roles),
        "guest-image.json": TypeAdapter(GuestImages),
        "redactions.json": REDACTIONS,
    }
    found, definitions = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in members.items()],
        title="netlab-testbed bundle",
        description=f"The JSON members of a bundle by name, schema version {SCHEMA_VERSION}.",
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **{key: definitions[key] for key in ("title", "description")},
        "type": "object",
        "properties": {name: found[name, "validation"] for name in members},
        "$defs": definitions["$defs"],
    }


if __name__ == "__main__":
    PUBLISHED.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{PUBLISHED}\n")
