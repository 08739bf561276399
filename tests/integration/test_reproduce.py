# SPDX-License-Identifier: Apache-2.0
"""A run exported in one checkout and reproduced in another: another host name, other boards, NICs, addresses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
name: repeated
topologies: [host, tap]
blocks: 2
aa_pair: false
warm_up_s: 0
quiet: {wait_s: 0}
instruments:
  - {name: netperf, parameters: {duration_s: 1}}
"""
ELSEWHERE = "reproducing-host"


@dataclass
class Checkout:
    """A tree of the project, an inventory of boards of its own, and a machine's name."""

    root: Path
    inventory: Path
    results: Path
    host: str | None = None

    def call(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "netlab", *words]
        if self.host:
            argv = ["unshare", "--uts", "sh", "-c", f'hostname {self.host} && exec "$@"', "sh", *argv]
        environment = {**os.environ, "PYTHONPATH": str(self.root), "NETLAB_RESULTS": str(self.results)}
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=500, check=False, cwd=self.root, env=environment
        )
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Checkout, Checkout]]:
    """Theirs is this one; ours is a clone of what is committed of it."""
    folder = tmp_path_factory.mktemp("reproduce")
    hosts = (ROOT / "tests/inventory/hosts.yml").read_text(encoding="utf-8")
    ours = folder / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(ours)], check=True, timeout=120)
    theirs_inventory, our_inventory = folder / "theirs.yml", folder / "ours.yml"
    theirs_inventory.write_text(re.sub(r"test(dut|peer)", r"their\1", hosts), encoding="utf-8")
    renamed = (
        re.sub(r"test(dut|peer)", r"our\1", hosts).replace("eth1", "lan7").replace("192.168.20.", "10.9.8.")
    )
    our_inventory.write_text(renamed, encoding="utf-8")
    made = (
        Checkout(ROOT, theirs_inventory, folder / "theirs"),
        Checkout(ours, our_inventory, folder / "ours", ELSEWHERE),
    )
    yield made
    for one in made:
        one.call("destroy", "-i", str(one.inventory))


def test_the_verdict_table_comes_out(checkouts: tuple[Checkout, Checkout], tmp_path: Path) -> None:
    theirs, ours = checkouts
    plan, bundle = tmp_path / "repeated.yml", tmp_path / "run.zip"
    plan.write_text(PLAN, encoding="utf-8")
    theirs.call("bench", str(plan), "-i", str(theirs.inventory))
    theirs.call("export", "latest", str(bundle))

    mine = ("-i", str(ours.inventory))
    plain = ours.call("reproduce", str(bundle), *mine, "--strict", "--dry-run").stdout
    assert re.search(r"dut\s+dut1 -> ourdut\s+eth1 -> lan7", plain), plain
    assert not ours.results.exists()

    # The names may be crossed only within a role.
    ours.call("reproduce", str(bundle), *mine, "--map", "dut1=ourpeer", status=2)
    ended = ours.call("reproduce", str(bundle), *mine, "--map", "dut1=ourdut", "--json")
    told = json.loads(ended.stdout)
    assert [row["topology"] for row in told["rows"]] == ["host", "tap"]
    for row in told["rows"]:
        assert row["verdict"] in ("reproduced", "not resolved", "differs")
        assert row["theirs"] > 0
        assert row["mine"] > 0
        assert row["share_ci"]["low"] <= row["share"] <= row["share_ci"]["high"]
    assert told["ordering"]["verdict"] != "turned"

    (run,) = ours.results.iterdir()
    (first,) = theirs.results.iterdir()
    order, again = (json.loads((folder / "manifest.json").read_text())["order"] for folder in (first, run))
    assert order == again
    image = json.loads((run / "manifest.json").read_text())["guest_image"]["ourdut"]
    assert image["hash"]
    assert image["packages"]
    words = ours.call("reproduce", str(bundle), "--run", run.name).stdout
    assert "theirs, us" in words
    assert "Ordering of topologies" in words
