# SPDX-License-Identifier: Apache-2.0
"""A small plan, and results for its trials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netlab import plan
from netlab.plan import Plan

Result = Callable[..., dict[str, Any]]


@pytest.fixture
def small_plan(tmp_path: Path) -> Plan:
    """Two topologies, two blocks: four trials."""
    file = tmp_path / "small.yml"
    file.write_text("topologies: [host, tap]\nblocks: 2\naa_pair: false\nretries: 0\n", encoding="utf-8")
    return plan.load(file)


@pytest.fixture
def result() -> Result:
    """result(spec, status="ok", **more): what a measurement of that planned trial gave."""

    def make(spec: dict[str, Any], status: str = "ok", **more: Any) -> dict[str, Any]:
        reason = None if status == "ok" else "it broke"
        metrics = {"min_us": 10, "mean_us": 20.5, "max_us": 99, "transactions": 1000}
        return {
            **spec,
            "board": "board1",
            "guest": None,
            "status": status,
            "reason": reason,
            "metrics": metrics if status == "ok" else {},
            "flags": [],
            "raw": f"raw of {spec['order']}\n",
            **more,
        }

    return make
