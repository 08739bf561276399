# SPDX-License-Identifier: Apache-2.0
"""One name, four places: a topology is a role, a molecule scenario, a page, a row of `netlab topologies`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netlab import collection, settings

ROOT = Path(__file__).resolve().parents[2]
TOPOLOGIES = sorted(path.name.removeprefix("datapath_") for path in (ROOT / "roles").glob("datapath_*"))


def test_the_topologies_of_the_report_are_here() -> None:
    assert {"host", "user", "tap", "macvtap", "ovs", "xdp"} <= set(TOPOLOGIES)


def test_each_topology_has_a_molecule_scenario() -> None:
    scenarios = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    assert sorted(scenarios - {"default"}) == TOPOLOGIES


def test_each_topology_has_a_page() -> None:
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs/datapaths").glob("*.md")}
    assert sorted(pages) == TOPOLOGIES
    for name, text in pages.items():
        assert re.match(rf"# `?{name}\b", text), (
            f"docs/datapaths/{name}.md: its first line names the topology"
        )
        assert len(text.split()) > 60, f"docs/datapaths/{name}.md says next to nothing"


def test_the_docs_index_leads_to_each_page() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    for name in TOPOLOGIES:
        assert f"(datapaths/{name}.md)" in index


def test_the_wrapper_knows_topologies_from_the_roles() -> None:
    assert sorted(collection.find().topologies()) == TOPOLOGIES


def test_the_command_lists_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netlab", "topologies", "--json"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("NETLAB_")},
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    shown = json.loads(done.stdout)
    rows = shown["topologies"] if isinstance(shown, dict) else shown
    assert sorted(row["name"] for row in rows) == TOPOLOGIES


@pytest.mark.parametrize("setting", settings.SETTINGS, ids=lambda setting: setting.name)
def test_each_setting_is_in_the_docs(setting: settings.Setting) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    assert any(setting.name in text for text in texts)


def test_each_inventory_variable_is_in_the_docs() -> None:
    schema = json.loads((ROOT / "docs/schemas/inventory.schema.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    variables = schema["$defs"]["Variables"]["properties"]
    assert len(variables) > 5
    assert [name for name in variables if f"`{name}`" not in text] == []
