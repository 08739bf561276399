# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema of a plan says what `netlab.plan.load` does. UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from netlab import plan
from netlab.errors import InvalidInput
from netlab.plan import document


@pytest.fixture
def published(repository: Path) -> Path:
    return repository / "docs/schemas/plan.schema.json"


def test_the_published_schema_is_current(published: Path) -> None:
    made = json.dumps(plan.schema(), indent=2) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        published.write_text(made, encoding="utf-8")
    assert published.read_text(encoding="utf-8") == made, "UPDATE_GOLDEN=1 pytest <this file> writes it anew"


def test_the_schema_takes_every_builtin_plan(repository: Path) -> None:
    checker = jsonschema.Draft202012Validator(plan.schema())
    files = sorted((repository / "netlab/plan/builtin").glob("*.yml"))
    assert files
    for file in files:
        assert not list(checker.iter_errors(document.read(file).data)), file


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"topologies": []},
        {"topologies": ["host"], "block": 1},
        {"topologies": ["host"], "blocks": 0},
        {"topologies": ["host"], "instruments": [{"params": {}}]},
        {"topologies": ["Host"]},
    ],
)
def test_the_schema_refuses_what_load_refuses(data: dict[str, object], tmp_path: Path) -> None:
    assert list(jsonschema.Draft202012Validator(plan.schema()).iter_errors(data))
    file = tmp_path / "plan.yml"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InvalidInput):
        plan.load(file)


def test_docs_explain_every_key_and_every_builtin_plan(repository: Path) -> None:
    text = (repository / "docs/plans.md").read_text(encoding="utf-8")
    missing = [key for key in plan.schema()["properties"] if f"`{key}`" not in text]
    missing += [item.name for item in plan.builtin_plans() if f"`{item.name}`" not in text]
    missing += [name for name in plan.scenarios() if f"`{name}`" not in text]
    assert not missing
