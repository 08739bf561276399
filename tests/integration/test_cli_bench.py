# SPDX-License-Identifier: Apache-2.0
"""A small plan over real local boards, measured, resumed, reported: what a researcher does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
name: small
topologies: [host, tap]
blocks: 1
aa_pair: false
quiet: {wait_s: 0}
"""
# The second instrument is told to run on a CPU that no board has: it passes every check and fails when it is run.
KILLED = """
name: killed
topologies: [host]
blocks: 1
quiet: {wait_s: 0}
warm_up_s: 0
instruments:
  - name: netperf
    parameters: {duration_s: 2}
  - name: netperf
    parameters: {duration_s: 1, cpu: {local: 1000}}
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

    def killed(self, *words: str, when: Callable[[str], bool]) -> None:
        """A bench that gets kill -9 once what it has printed so far fulfils a condition."""
        argv = [sys.executable, "-m", "netlab", "bench", *words, "-i", str(self.inventory)]
        program = subprocess.Popen(
            [*argv, "--results", str(self.results)],
            cwd=ROOT,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self.plan.parent)},  # what kill -9 leaves goes with the test
        )
        assert program.stderr is not None
        said = ""
        for line in program.stderr:
            said += line
            if when(said):
                break
        assert program.poll() is None, f"it ended before it could be killed:\n{said}"
        program.kill()
        program.communicate(timeout=30)

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


def lines_of(run: Path) -> list[dict[str, Any]]:
    """Whole lines only: the last may have been cut off."""
    text = (run / "trials.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def test_killed_twice_each_trial_is_measured_once_and_what_fails_is_tried_again(lab: Lab) -> None:
    plan = lab.plan.with_name("killed.yml")
    plan.write_text(KILLED, encoding="utf-8")
    earlier = set(lab.results.glob("*"))
    lab.killed(str(plan), when=lambda said: "  ok  " in said)  # the next one is measured now
    (run,) = set(lab.results.glob("*")) - earlier
    first = lines_of(run)
    assert 1 <= len(first) < 4
    # While the topology is looked at, and before anything is measured.
    lab.killed("--resume", run.name, when=lambda said: "environment" in said)
    assert lines_of(run) == first
    lab.bench("--resume", run.name, status=1)
    lines = lines_of(run)
    assert lines[: len(first)] == first
    good = Counter(line["order"] for line in lines if line["status"] == "ok")
    failed = Counter(line["order"] for line in lines if line["status"] == "failed")
    assert len(good) == len(failed) == 2  # both halves of the pair
    assert set(good.values()) == {1}
    assert set(failed.values()) == {2}  # each was tried again once
    assert sorted(good | failed) == list(range(1, 5))
    for line in lines:
        assert (line["status"] == "failed") == ("cpu" in line["parameters"]), line["reason"]
        assert line["status"] == "ok" or "1000" in line["reason"]
    assert [line["attempt"] for line in lines[-2:]] == [2, 2]  # at the end of their block
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["state"], len(manifest["resumed"])) == ("complete", 2)


def test_the_environment_is_stored_before_and_after(run: Path) -> None:
    around = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["environment"]
    assert set(around["before"]) == set(around["after"]) == {"benchdut", "benchpeer"}
    assert set(around["blocks"]["1"]) == {"benchdut", "benchpeer"}
    assert all({"quiet", "said"} <= set(told) for told in around["blocks"]["1"].values())
