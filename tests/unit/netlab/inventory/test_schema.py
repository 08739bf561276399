# SPDX-License-Identifier: Apache-2.0
"""What is published of the variables: the JSON Schema, the docs, and what roles say of the same names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from netlab.inventory.roles import read_role_options
from netlab.inventory.schema import PUBLISHED, inventory_schema, schema_text
from netlab.inventory.variables import PREFIXES, GuestEntry, Variables, expected_text

ROOT = Path(__file__).resolve().parents[4]
DOCS = (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8")
INVENTORIES = sorted((ROOT / "inventory").glob("*/hosts.yml"))


def valid(document: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(inventory_schema()).is_valid(document))


def test_the_published_schema_is_not_stale() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), "run python -m netlab.inventory.schema"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.parent.name)
def test_our_own_inventories_fit_it(path: Path) -> None:
    assert valid(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("variables", "fits"),
    [
        (
            {
                "board_nic": "eth1",
                "guest_count": 2,
                "guest_list": [{"name": "web"}, {"mac": None}],
                "mine": [1],
            },
            True,
        ),
        ({"board_nic": "a" * 16}, False),
        ({"board_nic": None}, False),
        ({"board_address": "192.0.2.1"}, False),
        ({"guest_count": "2"}, False),
        ({"guest_count": 0}, False),
        ({"guest_arch": "arm64"}, False),
        ({"guest_list": [{"ram": 1}]}, False),
        ({"guest_list": [{"mac": 1}]}, False),
        ({"local_board_cables": [{"board1": "eth1"}]}, False),
    ],
)
def test_it_tells_right_from_wrong(variables: dict[str, Any], fits: bool) -> None:
    assert valid({"duts": {"hosts": {"board1": variables}}}) is fits
    assert valid({"all": {"children": {"duts": {"vars": variables}}}}) is fits


def test_it_refuses_a_misspelt_section() -> None:
    assert not valid({"duts": {"host": {"board1": None}}})


@pytest.mark.parametrize("name", Variables.model_fields)
def test_the_docs_have_each_variable_with_its_default(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| [^|]{{15,}} \| ([^|]+) \|$", DOCS, re.MULTILINE)
    assert row, f"docs/inventory.md has no row for {name}"
    default = Variables.model_fields[name].default
    if default is not None:
        written = str(default).lower() if isinstance(default, bool) else default  # as YAML has it
        assert row[1] == f"`{written}`"
    else:
        assert not row[1].startswith("`")


@pytest.mark.parametrize("name", GuestEntry.model_fields)
def test_the_docs_have_each_key_of_a_guest(name: str) -> None:
    assert re.search(rf"^\| `{name}` \| ", DOCS, re.MULTILINE)


def test_the_docs_have_no_variable_that_is_not_there() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", DOCS, re.MULTILINE)
    others = {"duts", "peers", "local_boards", "emulated_boards", *GuestEntry.model_fields}
    assert set(rows) - others == set(Variables.model_fields)


@pytest.mark.parametrize("name", Variables.model_fields)
def test_each_variable_is_described_and_begins_as_ours_do(name: str) -> None:
    assert name.startswith(PREFIXES)
    assert expected_text(name)
    assert Variables.model_fields[name].description


@pytest.mark.parametrize("name", sorted(set(Variables.model_fields) & set(read_role_options(ROOT / "roles"))))
def test_roles_say_the_same_of_it(name: str) -> None:
    """A variable that a role lists in its argument_specs has the schema's type and choices there."""
    option = read_role_options(ROOT / "roles")[name]
    schema = inventory_schema()["$defs"]["Variables"]["properties"][name]
    types = {"string": {"str", "path"}, "integer": {"int"}, "array": {"list"}}
    assert option.type in types[schema["type"]], f"role {option.role}"
    if option.choices:
        assert list(option.choices) == schema["enum"], f"role {option.role}"
