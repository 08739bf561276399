# SPDX-License-Identifier: Apache-2.0
"""How much of a run is spent between one measurement's end and the next one's start."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.bench.stopwatch import median, seconds

LIMIT = 0.4  # seconds a trial
TRIALS = 12

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.needs("virsh"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("topology", ["host", "tap"])
def test_time_not_spent_measuring(
    topology: str, repository: Path, tmp_path: Path, figure: Callable[..., None]
) -> None:
    told = "".join(
        f"  - {{name: netperf, parameters: {{duration_s: 1, request_bytes: {size}}}}}\n"
        for size in range(1, TRIALS + 1)
    )
    plan = tmp_path / "between.yml"
    plan.write_text(
        f"name: between\ntopologies: [{topology}]\ninstruments:\n{told}"
        "blocks: 1\naa_pair: false\nwarm_up_s: 0\nquiet: {wait_s: 0}\n",
        encoding="utf-8",
    )
    program = repository / ".venv/bin/netlab"
    results = tmp_path / "results"
    try:
        seconds([program, "bench", plan, "-i", "tests/inventory", "--results", results], repository)
    finally:
        seconds([program, "destroy", "-i", "tests/inventory"], repository)
    (run,) = results.iterdir()
    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [trial["status"] for trial in trials] == ["ok"] * TRIALS
    between = [
        (
            datetime.fromisoformat(after["started"]) - datetime.fromisoformat(before["finished"])
        ).total_seconds()
        for before, after in itertools.pairwise(trials)
    ]
    spent = median(between)
    figure(f"{topology}: between two measurements, seconds", spent, f"at most {LIMIT}")
    assert spent <= LIMIT
