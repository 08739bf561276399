# SPDX-License-Identifier: Apache-2.0
"""Figures in whole microseconds, in bins, and of clocks that tick: no interval is narrower than what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.netperf.bins import read_percentile
from netlab import analysis
from netlab.analysis import known
from netlab.analysis.compare import compare

Run = Callable[..., Any]
BLOCKS = 6
PLOTS = (("host", 1), ("host", 2), ("tap", 1))


def as_netperf(p50: int) -> dict[str, Any]:
    """What netperf's parser makes of a printed median."""
    found = read_percentile(p50, p50 * 4 // 5, p50 * 3)
    assert found is not None
    return {
        "p50_us": found.value,
        "p50_bounds_us": [found.low, found.high],
        "transactions": 3000,
        "mean_us": p50 * 1.03,
    }


def difference(run: Run, host: list[int], again: list[int], tap: list[int]) -> Any:
    made = run(blocks=len(host), aa_pair=True)
    for (topology, replica), values in zip(PLOTS, (host, again, tap), strict=True):
        made.record(topology, *map(as_netperf, values), replica=replica)
    return analysis.rows(made)[-1].difference


def test_a_tick_apart_is_not_resolved(run: Run) -> None:
    found = difference(run, [13] * 6, [13] * 6, [14] * 6)
    assert (found.verdict, found.shift_us, found.resolution_us) == ("not resolved", 1, 1)
    assert (found.shift_ci.low, found.shift_ci.high) == (0, 2)


def test_three_ticks_are(run: Run) -> None:
    found = difference(run, [13] * 6, [13] * 6, [16] * 6)
    assert (found.verdict, found.shift_ci.low, found.shift_ci.high) == ("higher", 2, 4)


def test_two_figures_of_one_bin_may_be_its_width_apart(run: Run) -> None:
    """351 and 358 us are counted in the same bin of 10 us."""
    found = difference(run, [351] * 6, [352] * 6, [358] * 6)
    assert (found.verdict, found.resolution_us) == ("not resolved", 10)
    assert (found.shift_ci.low, found.shift_ci.high) == (-10, 10)
    assert difference(run, [351] * 6, [352] * 6, [375] * 6).verdict == "higher"


@pytest.mark.parametrize(
    ("base", "shift"), [(13.0, 0.0), (13.0, 0.1), (13.0, 0.3), (350.0, 2.0), (350.0, 7.0)]
)
def test_the_interval_holds_the_truth_however_coarse_the_figures(run: Run, base: float, shift: float) -> None:
    """Noise below a tick or bin, 200 runs: at least 95 % hold it. The median is that of whole microseconds."""
    chance = np.random.default_rng(7)
    held = wrong = 0
    for _ in range(200):
        own = base + chance.uniform(0, 10 if base >= 100 else 1)  # anywhere within the tick or bin
        levels = own + chance.normal(0, 0.05, (3, BLOCKS))
        levels[2] += shift
        # the clock's tick falls anywhere within a transaction: the median is rounded
        found = difference(run, *[[int(np.floor(level + 0.5)) for level in row] for row in levels])
        held += found.shift_ci.holds(shift)
        wrong += found.verdict == "lower" or (shift == 0 and found.verdict == "higher")
    assert held >= 190
    assert wrong <= 10


def test_samples_know_their_clock(run: Run) -> None:
    """The same with samples of a clock of whole microseconds; one of nanoseconds resolves it."""
    for tick, verdict, width in ((1000, "not resolved", 2.0), (1, "higher", 0.1)):
        made = run(blocks=BLOCKS, aa_pair=True, instruments=["ruler"])
        chance = np.random.default_rng(3)
        for spec in made.manifest.order:
            ns = chance.normal(13_600 if spec["topology"] == "tap" else 13_300, 100, 400)
            samples = {"ns": np.floor(ns / tick + (0.5 if tick > 1 else 0)).astype(np.int64) * tick}
            line = {**spec, "status": "ok", "reason": None, "flags": [], "metrics": {}, "samples": samples}
            made.lines.append(line)
        found = analysis.rows(made)[-1].difference
        assert found.verdict == verdict
        assert found.shift_ci.high - found.shift_ci.low <= width
        assert found.shift_ci.holds(0.3)


@pytest.mark.parametrize(
    ("values", "step"),
    [([13, 14.0], 1), ([13.5, 14], 0.1), ([351.27], 0.01), ([0.125, 3], 0.001), ([1 / 3], 0), ([], 0)],
)
def test_the_step_of_printed_figures(values: list[float], step: float) -> None:
    assert known.printed_step(values) == step


def test_runs_that_lie_a_tick_apart_are_not_told_apart(run: Run) -> None:
    """13 and 14 us are 8 % apart, and may be the same."""
    runs = []
    for p50 in (13, 14):
        made = run(blocks=8, aa_pair=True)
        for topology, replica in PLOTS:
            value = p50 if topology == "tap" else 13
            made.record(topology, *[as_netperf(value)] * 8, replica=replica)
        runs.append(made)
    [own] = [own for own in compare(*runs, 0.05) if own.topology == "tap" and own.figure.key == "p50_us"]
    assert own.verdict == "not resolved"
    assert own.share_ci.holds(0)
