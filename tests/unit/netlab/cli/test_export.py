# SPDX-License-Identifier: Apache-2.0
"""netlab export: what it says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netlab.bundle import opened
from netlab.results import RunStore
from tests.unit.netlab.bundle import runs


@pytest.fixture
def run(lab) -> RunStore:
    """A whole run in the lab's results."""
    return runs.make(lab.folder / "results")


def test_export(netlab, run) -> None:
    ended = netlab("export", runs.NAME, "run.zip")
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[0].startswith(f"run.zip: {runs.NAME}, 16 files, ")
    assert "dut1" in ended.out
    assert "alpha" not in ended.out
    with opened("run.zip") as bundle:
        assert bundle.run_name == runs.NAME


def test_the_latest_run_as_json(netlab, run) -> None:
    ended = netlab("export", "latest", "run.zip", "--json")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert told["file"] == "run.zip"
    assert told["bytes"] == Path("run.zip").stat().st_size
    assert told["schema_version"] == 1
    assert told["state"] == "complete"
    assert told["names"] == "aliased"
    assert {"SHA256SUMS", "plan.json", "run/trials.jsonl"} < {member["name"] for member in told["members"]}
    assert all(member["bytes"] > 0 for member in told["members"])
    assert {item["kind"] for item in told["redactions"]} >= {"dut", "peer", "mac"}


def test_a_partial_run_is_exported_with_a_note(netlab, lab) -> None:
    runs.make(lab.folder / "results", trials=1)
    ended = netlab("export", "latest", "run.zip")
    assert ended.status == 0
    assert "partial: 3 of 4 trials are missing: the run is interrupted" in ended.out


def test_names_may_be_kept(netlab, run) -> None:
    ended = netlab("export", "latest", "run.zip", "--keep-names")
    assert ended.status == 0
    assert "names, addresses and paths were kept" in ended.out
    with opened("run.zip") as bundle:
        assert bundle.boards[0]["name"] == "alpha"


def test_without_results(netlab, run) -> None:
    assert netlab("export", "latest", "run.zip", "--without-results").status == 0
    with opened("run.zip") as bundle:
        assert bundle.run is None


def test_a_file_that_is_there(netlab, run) -> None:
    Path("run.zip").write_text("mine", encoding="utf-8")
    ended = netlab("export", "latest", "run.zip")
    assert ended.status == 2
    assert "run.zip: the file is there already\n  expected: another name, or --force" in ended.err
    assert netlab("export", "latest", "run.zip", "--force").status == 0


def test_no_such_run(netlab, run) -> None:
    ended = netlab("export", "yesterday", "run.zip")
    assert ended.status == 2
    assert "no run is called 'yesterday'" in ended.err
    assert not Path("run.zip").exists()
