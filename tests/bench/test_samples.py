# SPDX-License-Identifier: Apache-2.0
"""How long a report of ten million samples takes, and how much memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from netlab.plan import Plan
from netlab.results import RunStore

SAMPLES = 10_000_000
LIMIT_S = 10.0
LIMIT_MIB = 1024.0
TOPOLOGIES = ["host", "user", "tap", "macvtap"]
START = 1_800_000_000_000_000_000  # ns since the epoch


def written(folder: Path, topologies: Sequence[str], blocks: int, *, aa_pair: bool) -> Path:
    """A run whose trials have SAMPLES in all: log-normal, sent every 100 us, one in ten thousand lost."""
    import duckdb

    plan = Plan.model_validate(
        {"name": "samples", "topologies": list(topologies), "blocks": blocks, "aa_pair": aa_pair}
    )
    store = RunStore.create(folder, plan)
    count = SAMPLES // len(store.manifest.order)
    for spec in store.missing():
        store.append(
            {**spec, "board": "board1", "status": "ok", "metrics": {"transactions": count}, "flags": []}
        )
    store.finish("complete")
    (store.path / "samples").mkdir()
    lines = store.path / "trials.jsonl"
    told = lines.read_text().splitlines()
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.5)")
        for number, line in enumerate(told):
            name = f"samples/{number:04d}.parquet"
            connection.execute(
                f"""COPY (
                    SELECT 0::SMALLINT AS flow, i AS seq, {START} + i * 100000 AS intended,
                           {START} + i * 100000 + 300 AS sent, {START} + i * 100000 + 300 + ns AS received,
                           CASE WHEN i % 10000 = 17 THEN NULL ELSE ns END AS ns
                    FROM (SELECT i, exp(11 + 0.3 * sqrt(-2 * ln(random() + 1e-12)) * cos(6.28 * random()))::BIGINT AS ns
                          FROM range({count}) AS t(i))
                ) TO '{store.path / name}' (FORMAT parquet, COMPRESSION zstd)"""
            )
            told[number] = line.replace('"samples": null', f'"samples": "{name}"')
            assert told[number] != line
    lines.write_text("\n".join(told) + "\n")
    return store.path


def run(command: Sequence[str], cwd: Path) -> tuple[float, float, bytes]:
    """Seconds, MiB at most in memory, and what was printed."""
    started = time.monotonic()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - started, usage.ru_maxrss / 1024, printed


@pytest.mark.parametrize(
    ("topologies", "blocks", "aa_pair"),
    [(TOPOLOGIES, 20, True), (["host"], 1, False)],
    ids=["a hundred trials", "one trial"],
)
def test_report(
    repository: Path,
    tmp_path: Path,
    figure: Callable[..., None],
    topologies: list[str],
    blocks: int,
    aa_pair: bool,
) -> None:
    path = written(tmp_path, topologies, blocks, aa_pair=aa_pair)
    for form in ("table", "json"):
        command = [str(repository / ".venv/bin/netlab"), "report", str(path), "--format", form]
        took, memory, printed = run(command, repository)
        figure(f"{SAMPLES} samples as {form}, seconds", took, f"at most {LIMIT_S}")
        figure(f"{SAMPLES} samples as {form}, MiB", memory, f"at most {LIMIT_MIB}")
        assert took <= LIMIT_S
        assert memory <= LIMIT_MIB
        assert b"host" in printed
        assert printed.count(b'"samples": 9999000') + printed.count(b'"samples": 1999800') == (
            (len(topologies) + aa_pair) * (form == "json")
        )
