# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema of an inventory in YAML; `python -m netlab.inventory.schema` writes it.

An editor that is told of it completes and checks hosts.yml; `netlab check` finds more (see checks.py).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from netlab.inventory.variables import GuestEntry, Variables

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas" / "inventory.schema.json"


def inventory_schema() -> dict[str, Any]:
    """The schema: groups at the top, with hosts, vars and children; the variables in $defs/Variables."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "netlab-testbed inventory",
        "description": "An Ansible inventory in YAML, with the groups duts and peers.",
        "type": "object",
        "additionalProperties": _or_null("Group"),
        "$defs": {
            "Group": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "hosts": {
                        "description": "Boards, by name or range, with variables of their own.",
                        "type": ["object", "null"],
                        "additionalProperties": _or_null("Variables"),
                    },
                    "vars": _or_null("Variables") | {"description": "Variables of all hosts of the group."},
                    "children": {
                        "description": "Groups within the group.",
                        "type": ["object", "null"],
                        "additionalProperties": _or_null("Group"),
                    },
                },
            },
            "Variables": _tidy(Variables.model_json_schema(ref_template="#/$defs/{model}")),
            # A guest's keys may be left empty, a variable may not.
            "GuestEntry": _tidy(GuestEntry.model_json_schema(), empty_allowed=True),
        },
    }


def _or_null(name: str) -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]}


def _tidy(model: dict[str, Any], *, empty_allowed: bool = False) -> dict[str, Any]:
    """pydantic's schema of a model, without the titles it makes up and the None that means "left out"."""
    model = {key: value for key, value in model.items() if key not in ("$defs", "title")}
    model["properties"] = {
        name: _tidy_property(value, empty_allowed) for name, value in model["properties"].items()
    }
    return model


def _tidy_property(value: dict[str, Any], empty_allowed: bool) -> dict[str, Any]:
    tidy = {key: item for key, item in value.items() if key != "title"}
    if tidy.get("default", ...) is None:
        del tidy["default"]
        if not empty_allowed:
            (wanted,) = (choice for choice in tidy.pop("anyOf") if choice != {"type": "null"})
            tidy |= wanted
    return tidy


def schema_text() -> str:
    """The file as it is published."""
    return json.dumps(inventory_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PUBLISHED.parent.mkdir(parents=True, exist_ok=True)
    PUBLISHED.write_text(schema_text(), encoding="utf-8")
    sys.stdout.write(f"{PUBLISHED}\n")
