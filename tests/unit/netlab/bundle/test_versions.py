# SPDX-License-Identifier: Apache-2.0
"""Bundles of every version that was ever written are readable: tests/fixtures/bundles has them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from netlab.bundle import model, opened, schema
from netlab.results import RunStore
from tests.unit.netlab.bundle import runs, zips

ROOT = Path(__file__).resolve().parents[4]
KEPT = sorted((ROOT / "tests/fixtures/bundles").glob("*.zip"))
SCHEMA = ROOT / "docs/schemas/bundle.schema.json"


def test_there_is_one_of_each_version() -> None:
    wanted = {f"v{version}.zip" for version in range(1, model.SCHEMA_VERSION + 1)}
    assert wanted <= {path.name for path in KEPT}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_it_is_still_read(path: Path) -> None:
    with opened(path) as bundle:
        assert path.name.startswith(f"v{bundle.schema_version}")
        assert bundle.run_name == runs.NAME
        assert [board["name"] for board in bundle.boards] == ["dut1", "peer1"]
        assert bundle.boards[0]["variables"]["board_address"] == "192.0.2.2/24"
        assert bundle.plan.topologies == ["host", "tap"]
        assert [spec.order for spec in bundle.order] == [1, 2, 3, 4]
        assert bundle.guest_images["dut1"]["hash"] == "ab" * 16
        assert bundle.partial == ("partial" in path.name)
        if "without" in path.name:
            assert bundle.run is None
            return
        assert bundle.run is not None
        rows = RunStore.open(bundle.run.parent, str(bundle.run)).rows()
        assert [row.topology for row in rows] == ["host", "tap"]
        assert [row.mean_us is not None for row in rows] == [True, True]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_it_has_the_published_schema(path: Path) -> None:
    published = json.loads(SCHEMA.read_text(encoding="utf-8"))
    members = zips.unpack(path.read_bytes())
    told = {name: json.loads(members[name]) for name in published["properties"] if name in members}
    jsonschema.validate(told, published)


def test_the_schema_is_the_published_one() -> None:
    """`python -m netlab.bundle.schema` writes it."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema.schema()
