# SPDX-License-Identifier: Apache-2.0
"""How often a run that is repeated on the same boards is said to differ, and how often one shifted by 30 % is.

Runs follow each other; each is exported, and the next one reproduces it. For the shift, the round trips of the bundle
are made shorter or longer by 30 %, in turn, and the same run is judged against that. On a machine that is idle.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PAIRS = int(os.environ.get("NETLAB_BENCH_PAIRS", "20"))
MAY_DIFFER = 1 / 20  # of the pairs
SHIFT = 1.3
BLOCKS = int(os.environ.get("NETLAB_BENCH_BLOCKS", "4"))
TOPOLOGIES = ("host", "tap")
PLAN = f"""
name: again
topologies: [{", ".join(TOPOLOGIES)}]
blocks: {BLOCKS}
instruments:
  - {{name: netperf, parameters: {{duration_s: 1}}}}
"""
ROUND_TRIPS = re.compile(r"\w+_us(_low)?")

pytestmark = [
    pytest.mark.root,
    pytest.mark.guest,
    pytest.mark.needs("unshare", "tini"),
    pytest.mark.timeout((PAIRS + 1) * (BLOCKS + 1) * 60),
]

Netlab = Callable[..., str]


@pytest.fixture
def netlab(repository: Path, tmp_path: Path) -> Iterator[Netlab]:
    """Calls netlab on the tests' own lab; what it printed."""

    def call(*words: str | Path) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NETLAB_")}
        done = subprocess.run(
            [repository / ".venv/bin/netlab", *words],
            cwd=repository,
            env={**environment, "NETLAB_RESULTS": str(tmp_path / "results")},
            capture_output=True,
            text=True,
            timeout=60 + BLOCKS * 60,
            check=False,
        )
        assert done.returncode in (0, 5), f"{words} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    yield call
    call("destroy", "-i", "tests/inventory")


def shifted(run: Path, factor: float) -> Path:
    """A copy of the run whose round trips are so many times as long, in the folder of runs beside it."""
    copy = run.parent / f"{run.name}-{'longer' if factor > 1 else 'shorter'}"
    shutil.copytree(run, copy)
    trials = copy / "trials.jsonl"
    lines = [json.loads(line) for line in trials.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        for metrics in (line["metrics"], *(flow["metrics"] for flow in line["flows"])):
            for key in filter(ROUND_TRIPS.fullmatch, metrics):
                metrics[key] = times(metrics[key], factor)
    trials.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return copy


def times(value: Any, factor: float) -> Any:
    """A figure, or the two bounds of a bin; None stays what it is."""
    if isinstance(value, list):
        return [times(one, factor) for one in value]
    return None if value is None else value * factor


def test_one_and_the_same_and_one_shifted_by_30_percent(
    netlab: Netlab, tmp_path: Path, figure: Callable[..., None]
) -> None:
    plan, results, mine = tmp_path / "again.yml", tmp_path / "results", ("-i", "tests/inventory")
    plan.write_text(PLAN, encoding="utf-8")
    netlab("bench", plan, *mine)
    (theirs,) = results.iterdir()
    same: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for pair in range(PAIRS):
        netlab("export", theirs.name, tmp_path / f"{pair}.zip")
        before = set(results.iterdir())
        told = json.loads(netlab("reproduce", tmp_path / f"{pair}.zip", *mine, "--yes", "--json"))
        (run,) = set(results.iterdir()) - before
        same[told["verdict"]] += 1
        orders[told["ordering"]["verdict"]] += 1
        rows.update(row["verdict"] for row in told["rows"])
        shares = ", ".join(f"{row['topology']} {row['share']:+.3f} {row['verdict']}" for row in told["rows"])

        copy = shifted(theirs, SHIFT if pair % 2 else 1 / SHIFT)
        netlab("export", copy.name, tmp_path / f"{pair}-shifted.zip")
        shutil.rmtree(copy)
        judged = json.loads(
            netlab("reproduce", tmp_path / f"{pair}-shifted.zip", "--run", run.name, "--json")
        )
        moved[judged["verdict"]] += 1
        print(f"pair {pair + 1}: {told['verdict']} ({shares}); shifted: {judged['verdict']}", flush=True)
        theirs = run
    print(f"\nrepeated: {dict(same)}, rows {dict(rows)}, orders {dict(orders)}; shifted: {dict(moved)}")
    figure("repeated runs that are said to differ, of all", same["differs"] / PAIRS, f"at most {MAY_DIFFER}")
    figure(
        "runs shifted by 30 % that are said to differ, of all",
        moved["differs"] / PAIRS,
        "1 with steady trials",
    )
    assert same["differs"] <= MAY_DIFFER * PAIRS
    assert moved["differs"] > PAIRS / 2
