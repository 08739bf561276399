# SPDX-License-Identifier: Apache-2.0
"""Runs of different days: a day that moves everything alike makes nothing better or worse, and a fifth is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from netlab.analysis.compare import compare
from tests.unit.netlab.analysis import simulation

Run = Callable[..., Any]
REPETITIONS = 100
KEYS = ("p50_us", "transaction_rate")


def compared(
    run: Run, slower: Mapping[str, float], between: float, repetitions: int = REPETITIONS
) -> Counter[tuple[str, str, str]]:
    """How often each verdict was given; `between` is the relative standard deviation of a run's day."""
    found: Counter[tuple[str, str, str]] = Counter()
    for seed in range(repetitions):
        days = np.exp(np.random.default_rng(seed + 77_000).normal(0, between, 2))
        runs = [
            simulation.fill(
                run(blocks=10, aa_pair=True, seed=seed), seed + 10_000 * second, own, 100, day=day
            )
            for second, (own, day) in enumerate(zip(({}, slower), days, strict=True))
        ]
        for own in compare(*runs, 0.05):
            found[own.topology, own.figure.key if own.figure else "", own.verdict] += 1
    return found


@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize("between", [0.02, 0.05, 0.15])
def test_a_day_is_no_verdict(run: Run, between: float, steady: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 5 of 100, however much the days differ, and however steady each run is in itself."""
    if steady:
        monkeypatch.setattr(simulation, "LEVEL", 0.005)
        monkeypatch.setattr(simulation, "DRIFT", 0.0)
    found = compared(run, {}, between)
    for key in KEYS:
        for topology in ("host", "tap"):
            assert found[topology, key, "better"] + found[topology, key, "worse"] <= 0.05 * REPETITIONS


@pytest.mark.parametrize(("factor", "verdict"), [(1.2, "worse"), (1 / 1.2, "better")])
def test_a_fifth_is_found_whatever_the_day(run: Run, factor: float, verdict: str) -> None:
    found = compared(run, {"tap": factor}, 0.02, 100)
    assert found["tap", "p50_us", verdict] >= 95
    # A day that hides most of a fifth leaves a figure that hardly changed: no verdict then.
    found = compared(run, {"tap": factor}, 0.05, 100)
    assert found["tap", "p50_us", verdict] >= 88
    for wrong in {"better", "worse"} - {verdict}:
        assert found["tap", "p50_us", wrong] == 0


def test_a_baseline_that_moved_alone_makes_no_other_better_or_worse(run: Run) -> None:
    found = compared(run, {"host": 1.3}, 0.0, 50)
    assert found["host", "p50_us", "changed"] >= 45
    assert found["tap", "p50_us", "better"] + found["tap", "p50_us", "worse"] <= 2


def test_what_moved_along_with_the_baseline_is_told(run: Run) -> None:
    found = compared(run, {"host": 1.3, "tap": 1.3}, 0.0, 50)
    assert found["tap", "p50_us", "changed"] >= 45
    assert found["tap", "p50_us", "worse"] <= 2
