# SPDX-License-Identifier: Apache-2.0
"""The collection is found beside the wrapper, and what it holds is read from its folders."""

from __future__ import annotations

import pytest

from netlab import collection
from netlab.errors import InvalidInput


def test_topologies_and_instruments_are_the_roles(lab) -> None:
    lab.role("datapath_fancy", "Everything in between")
    lab.role("instrument_ruler", "Measures by eye")
    lab.role("board", "No topology")
    lab.tasks("deploy", "- {name: x, ansible.builtin.debug: {msg: x}}")
    found = collection.find()
    assert found.root == lab.root
    assert found.search_path == lab.folder
    assert {name: role.description for name, role in found.topologies().items()} == {
        "fancy": "Everything in between"
    }
    assert list(found.instruments()) == ["ruler"]
    assert found.topologies()["fancy"].options == {}


def test_a_role_without_a_specification_has_no_description(lab) -> None:
    (lab.root / "roles" / "datapath_bare").mkdir(parents=True)
    assert collection.find().topologies()["bare"].description == ""


def test_the_inventories_that_come_with_it(lab) -> None:
    (lab.root / "inventory" / "local").mkdir(parents=True)
    (lab.root / "inventory" / "README.md").write_text("")
    assert collection.find().inventories() == ["inventory/local"]


def test_a_folder_without_it_is_refused(lab, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("NETLAB_COLLECTIONS", str(tmp_path / "elsewhere"))
    with pytest.raises(InvalidInput, match="there is no ansible_collections/netlab/testbed in it"):
        collection.find()


def test_the_checkout_finds_its_own(monkeypatch, repository) -> None:
    monkeypatch.delenv("NETLAB_COLLECTIONS", raising=False)
    collection.find.cache_clear()
    found = collection.find()
    assert found.root.resolve() == repository
    assert "inventory/local" in found.inventories()
