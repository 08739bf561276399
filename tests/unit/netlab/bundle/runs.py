# SPDX-License-Identifier: Apache-2.0
"""Runs to be exported, made the same each time: no clock, no randomness, no machine of anybody's."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netlab.plan import Plan
from netlab.results import RunStore, files, manifest, samples

NAME = "20260203-040506-small"
STARTED = "2026-02-03T04:05:06.000000+00:00"
FINISHED = "2026-02-03T04:09:00.000000+00:00"
MAC = "02:07:2d:e2:55:22"
Json = dict[str, Any]


def plan(**more: Any) -> Plan:
    """Two topologies, two blocks, no A/A pair: four trials."""
    told = {
        "name": "small",
        "topologies": ["host", "tap"],
        "blocks": 2,
        "aa_pair": False,
        "retries": 0,
        **more,
    }
    return Plan.model_validate(told)


def inventory(dut: str = "alpha", peer: str = "beta", **more: Any) -> Json:
    """As a manifest keeps it."""
    dut_variables = {
        "board_nic": "eth1",
        "board_address": "192.0.2.2/24",
        "board_package_host": "localhost",
        **more,
    }
    guest = {"name": "guest1", "mac": MAC, "address": "192.0.2.101/24", "vcpus": 1, "memory_mib": 192}
    return {
        dut: {
            "role": "dut",
            "groups": ["duts"],
            "connection": "ssh",
            "variables": dut_variables,
            "guests": [guest],
        },
        peer: {
            "role": "peer",
            "groups": ["peers"],
            "connection": "ssh",
            "variables": {"board_nic": "enp3s0", "board_address": "192.0.2.1/24"},
            "guests": [],
        },
    }


def probes(count: int = 50) -> Json:
    """Samples as an instrument sends them."""
    at = np.arange(count, dtype="<i8")
    columns = {"flow": at * 0, "seq": at, "intended": at * 1000, "sent": at * 1000 + 5, "received": at * 1000 + 90,
               "ns": at % 7 + 80}  # fmt: skip
    packed = {
        name: {"zlib_base64": base64.b64encode(zlib.compress(column.tobytes())).decode()}
        for name, column in columns.items()
    }
    return {"count": count, "columns": packed}


def result(spec: Mapping[str, Any], board: str = "alpha", **more: Any) -> Json:
    """A good result of a planned trial."""
    metrics = {"min_us": 10, "mean_us": 20.5 + spec["order"], "p50_us": 20, "max_us": 99, "transactions": 1000,
               "p50_bounds_us": [19, 21]}  # fmt: skip
    return {
        **spec,
        "board": board,
        "guest": None if spec["topology"] == "host" else "guest1",
        "status": "ok",
        "reason": None,
        "started": STARTED,
        "finished": FINISHED,
        "command": [spec["instrument"], "-H", "192.0.2.1", "-l", "2"],
        "metrics": metrics,
        "flags": [],
        "raw": f"trial {spec['order']}: 20.5 us to 192.0.2.1\n",
        **more,
    }


def make(
    folder: Path, *, wanted: Plan | None = None, boards: Json | None = None, trials: int | None = None,
    lines: Mapping[int, Json] | None = None, **stored: Any,
) -> RunStore:  # fmt: skip
    """A run in a results folder. `trials`: how many are measured; `lines`: what is different of some."""
    wanted = wanted or plan()
    boards = inventory() if boards is None else boards
    dut = next(name for name, told in boards.items() if told["role"] == "dut")
    path = folder / NAME
    (path / "raw").mkdir(parents=True)
    (path / "samples").mkdir()
    order = [spec.as_dict() for spec in wanted.trials()]
    done = order[:trials]
    written = []
    for spec in done:
        line = result(spec, dut, **(lines or {}).get(spec["order"], {}))
        stem = f"{spec['order']:04d}-{spec['topology']}-{spec['instrument']}"
        if line["raw"]:
            files.replace_compressed(path / f"raw/{stem}.txt.gz", line["raw"])
            line["raw"] = f"raw/{stem}.txt.gz"
        line["samples"] = None
        if spec["order"] == 1:
            line["samples"] = f"samples/{stem}.parquet"
            samples.write(path / line["samples"], probes())
        written.append({**line, "attempt": 1})
    (path / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in written), encoding="utf-8")
    contents: Json = {
        "schema_version": 2,
        "run": NAME,
        "netlab": "0.1.0",
        "state": "complete" if len(done) == len(order) else "interrupted",
        "started": STARTED,
        "finished": FINISHED,
        "plan": wanted.as_dict(),
        "seed": wanted.seed,
        "order": order,
        "inventory": boards,
        "versions": {"python": "3.11.2", "ansible-core": "2.19.0"},
        "environment": {
            "before": {
                dut: {"cpu": {"model": "Cortex-A72"}, "guests": {"guest1": {"kernel": f"{'ab' * 16}/kernel"}}}
            }
        },
        **stored,
    }
    (path / "manifest.json").write_bytes(manifest.Manifest.model_validate(contents).as_json())
    return RunStore.open(folder, NAME)
