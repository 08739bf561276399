# SPDX-License-Identifier: Apache-2.0
"""Warnings come where something is, and not where chance alone is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netlab import analysis
from tests.unit.netlab.analysis import simulation

Run = Callable[..., Any]
WARNINGS = {"warm_up_in_samples", "first_block_differs", "bimodal_samples", "bimodal_runs"}


def flags(made: Any) -> dict[str, tuple[int, str]]:
    [row] = analysis.rows(made)
    return {flag.rule: (flag.count, flag.text) for flag in row.flags if flag.rule in WARNINGS}


def host(run: Run, runs: list[np.ndarray[Any, Any]]) -> Any:
    """A run of the host alone with these round trips in us."""
    made = run(topologies=["host"], blocks=len(runs))
    for spec, us in zip(made.manifest.order, runs, strict=True):
        ns = (us * 1000).astype(np.int64)
        sent = 10**18 + np.arange(ns.size) * 10**6
        line = {**spec, "status": "ok", "flags": [], "metrics": simulation.metrics(ns)}
        made.lines.append({**line, "samples": {"ns": ns, "sent": sent, "received": sent + ns}})
    return made


def noise(count: int, seed: int) -> np.ndarray[Any, Any]:
    drawn: np.ndarray[Any, Any] = 60 * np.exp(0.1 * np.random.default_rng(seed).normal(size=count))
    return drawn


def test_slow_first_samples(run: Run) -> None:
    slow_start = np.where(np.arange(1000) < 120, 1.3, 1.0)
    found = flags(host(run, [noise(1000, seed) * slow_start for seed in range(8)]))
    assert found["warm_up_in_samples"][0] == 8
    assert "slower than the rest: warm up longer" in found["warm_up_in_samples"][1]
    few = flags(host(run, [noise(1000, seed) * slow_start for seed in range(2)]))
    assert few["warm_up_in_samples"][0] == 2
    assert flags(host(run, [noise(1000, seed) * (slow_start if seed else 1) for seed in range(3)])) == {}


def test_a_slow_start_too_small_to_matter(run: Run) -> None:
    slow_start = np.where(np.arange(4000) < 400, 1.02, 1.0)
    assert flags(host(run, [noise(4000, seed) * slow_start for seed in range(8)])) == {}


@pytest.mark.parametrize(("factor", "word"), [(1.4, "slower"), (0.7, "faster")])
def test_a_first_block_unlike_the_others(run: Run, factor: float, word: str) -> None:
    levels = [factor, 1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01]
    found = flags(host(run, [noise(300, seed) * level for seed, level in enumerate(levels)]))
    assert word in found["first_block_differs"][1]
    later = [*levels[1:], factor]  # the same in the last block is not a matter of warming up
    assert "first_block_differs" not in flags(
        host(run, [noise(300, s) * level for s, level in enumerate(later)])
    )
    assert "first_block_differs" not in flags(
        host(run, [noise(300, s) * level for s, level in enumerate(levels[:5])])
    )


def test_samples_of_two_kinds(run: Run) -> None:
    def two(seed: int) -> np.ndarray[Any, Any]:
        return noise(2000, seed) * np.where(np.random.default_rng(seed).random(2000) < 0.3, 2.0, 1.0)

    found = flags(host(run, [two(seed) for seed in range(4)] + [noise(2000, 9)]))
    assert found["bimodal_samples"][0] == 4
    assert "one median stands for neither" in found["bimodal_samples"][1]
    assert "bimodal_runs" not in found


def test_runs_of_two_kinds(run: Run) -> None:
    levels = [1.0, 1.01, 1.8, 0.99, 1.82, 1.79, 1.0, 1.81, 1.78, 1.01]
    found = flags(host(run, [noise(300, seed) * level for seed, level in enumerate(levels)]))
    assert "5 with p50 near 60" in found["bimodal_runs"][1]
    assert "5 near 10" in found["bimodal_runs"][1]


def test_chance_alone_is_seldom_warned_of(run: Run) -> None:
    """Skewed samples that resemble their neighbours, with a heavy tail, of trials that differ and drift."""
    seen: Counter[str] = Counter()
    for seed in range(20):
        made = run(blocks=10, seed=seed)
        simulation.fill(made, seed, {}, 400, with_samples=True)
        seen.update(flag.rule for row in analysis.rows(made) for flag in row.flags if flag.rule in WARNINGS)
    assert seen["bimodal_samples"] <= 1
    assert seen["warm_up_in_samples"] == 0
    assert sum(seen.values()) <= 4  # of 40 rows
