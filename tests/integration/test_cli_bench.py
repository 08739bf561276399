# SPDX-License-Identifier: Apache-2.0
"""A small plan over real local boards, measured, resumed, reported: what a researcher does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
name: small
topologies: [host, tap]
blocks: 1
"""


class Lab:
    """Local boards of this test's own, a plan, and a folder for runs."""

    def __init__(self, folder: Path) -> None:
        self.results = folder / "results"
        self.inventory = folder / "hosts.yml"
        self.plan = folder / "small.yml"
        hosts = (ROOT / "tests/inventory/hosts.yml").read_text(encoding="utf-8")
        self.inventory.write_text(re.sub(r"test(dut|peer)", r"bench\1", hosts), encoding="utf-8")
        self.plan.write_text(PLAN, encoding="utf-8")

    def call(self, *words: str, status: int = 0) -> str:
        argv = [sys.executable, "-m", "netlab", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT)
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def bench(self, *words: str, status: int = 0) -> str:
        places = ("-i", str(self.inventory), "--results", str(self.results))
        return self.call("bench", *words, *places, status=status)

    def report(self, *words: str) -> str:
        return self.call("report", *words, "--results", str(self.results))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("bench"))
    yield made
    made.call("destroy", "-i", str(made.inventory))


@pytest.fixture(scope="module")
def run(lab: Lab) -> Path:
    """The plan, measured once."""
    table = lab.bench(str(lab.plan))
    (folder,) = lab.results.iterdir()
    assert folder.name in table
    return folder


def test_each_topology_has_its_row_of_plausible_figures(lab: Lab, run: Path) -> None:
    rows = json.loads(lab.report("--format", "json"))["rows"]
    assert [row["topology"] for row in rows] == ["host", "tap"]
    for row in rows:
        assert row["runs"] == 1
        assert 0 < row["min_us"] <= row["p50_us"] * 1.1
        assert row["p50_us"] <= row["p90_us"] <= row["p99_us"]
        assert row["min_us"] < row["mean_us"] < row["max_us"]
        assert row["p99_us"] <= row["max_us"] * 1.1


def test_the_run_holds_what_it_takes_to_doubt_it(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["state"] == "complete"
    for when in ("before", "after"):
        assert {facts["kernel"] for facts in manifest["facts"][when].values()}
    assert set(manifest["accelerator"]["benchdut"]) == {"accelerator", "reason"}
    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [trial["order"] for trial in trials] == [1, 2]
    for trial in trials:
        assert trial["status"] == "ok", trial["reason"]
        assert (run / trial["raw"]).is_file()
        assert set(trial["counters"]) == {"before", "after"}


def test_every_format_is_made(lab: Lab, run: Path) -> None:
    assert lab.report("latest", "--format", "csv").splitlines()[0].startswith("topology,")
    assert "| " in lab.report(run.name, "--format", "markdown")
    page = Path(lab.report(run.name, "--format", "html").strip())
    assert page.read_text(encoding="utf-8").startswith("<!")


def test_what_is_complete_is_not_resumed_and_what_is_not_is(lab: Lab, run: Path) -> None:
    lab.bench("--resume", run.name, status=2)
    lines = (run / "trials.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    # As kill -9 leaves it: the last line half written.
    (run / "trials.jsonl").write_text(lines[0] + lines[1][:40], encoding="utf-8")
    lab.bench("--resume", "latest")
    again = [json.loads(line) for line in (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [trial["order"] for trial in again] == [1, 2]
