# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of a run, then resume: every trial exactly once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from netlab import plan
from netlab.results import RunStore

# Records trials as fast as it can; each is a line on disk before the next is begun.
PROGRAM = """
import sys
from pathlib import Path
from netlab.results import RunStore
store = RunStore.open(Path(sys.argv[1]))
for spec in store.resume():
    store.append({**spec, "board": "b", "guest": None, "status": "ok", "reason": None, "raw": "r" * 5000})
"""


@pytest.mark.parametrize("kills", [3])
def test_killed_again_and_again_each_trial_is_there_once(
    tmp_path: Path, repository: Path, kills: int
) -> None:
    file = tmp_path / "long.yml"
    file.write_text("topologies: [host, tap]\nblocks: 1000\naa_pair: false\n")
    results = tmp_path / "results"
    store = RunStore.create(results, plan.load(file))
    store.close()
    lines = store.path / "trials.jsonl"
    for _ in range(kills):
        size = lines.stat().st_size
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(results)], cwd=repository)
        deadline = time.monotonic() + 30
        while lines.stat().st_size < size + 3000:  # it is writing
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
        process.kill()
        process.wait(timeout=10)
    left = store.resume()
    assert len(store.manifest.resumed) == kills + 1
    assert 0 < len(left) < 2000
    for spec in left:
        store.append({**spec, "board": "b", "guest": None, "status": "ok", "reason": None, "raw": None})
    store.finish("complete")
    assert sorted(line["order"] for line in store.trials()) == list(range(1, 2001))
    named = [line["raw"] for line in store.trials() if line["raw"]]
    assert all((store.path / name).is_file() for name in named)
