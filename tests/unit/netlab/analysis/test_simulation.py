# SPDX-License-Identifier: Apache-2.0
"""A hundred runs drawn by chance (simulation.py): what is no difference is not called one, and a fifth is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from netlab import analysis
from netlab.analysis.compare import compare
from tests.unit.netlab.analysis import simulation

REPETITIONS = 100
Run = Callable[..., Any]


def verdicts(run: Run, slower: Mapping[str, float], **plan: Any) -> Counter[tuple[str, str]]:
    """How often each verdict was given of tap, and of the baseline measured twice."""
    found: Counter[tuple[str, str]] = Counter()
    for seed in range(REPETITIONS):
        made = simulation.fill(run(blocks=10, aa_pair=True, seed=seed, **plan), seed, slower)
        for row in analysis.rows(made):
            name = f"{row.topology} again" if row.replica == 2 else row.topology
            found[name, row.difference.verdict] += 1
    return found


def test_an_a_a_plan_reports_no_difference(run: Run) -> None:
    """Two topologies that are the same one, beside the A/A pair: at least 95 of 100."""
    found = verdicts(run, {})
    assert found["tap", "not resolved"] >= 95
    assert found["host again", "not resolved"] >= 95
    assert found["host", "baseline"] == REPETITIONS


def test_a_fifth_is_found(run: Run) -> None:
    found = verdicts(run, {"tap": 1.2})
    assert found["tap", "higher"] >= 98
    assert found["tap", "lower"] == 0
    assert verdicts(run, {"tap": 1 / 1.2})["tap", "lower"] >= 98


def test_too_few_blocks_are_no_verdict(run: Run) -> None:
    made = simulation.fill(run(blocks=5, aa_pair=True), 1, {"tap": 3})
    tap = analysis.rows(made)[-1].difference
    assert (tap.verdict, tap.pairs, tap.pairs_needed) == ("insufficient samples", 5, 6)
    assert tap.shift_us > 60  # what was seen is told all the same
    assert tap.shift_ci is None


@pytest.mark.parametrize("with_samples", [False, True])
def test_samples_and_printed_figures_lead_to_the_same_verdict(run: Run, with_samples: bool) -> None:
    for factor, verdict in ((1.0, "not resolved"), (1.3, "higher")):
        made = run(blocks=10, aa_pair=True, seed=3)
        simulation.fill(made, 3, {"tap": factor}, with_samples=with_samples)
        host, again, tap = analysis.rows(made)
        assert (host.replica, again.replica) == (1, 2)
        assert tap.difference.verdict == verdict
        assert tap.p50_ci.holds(tap.p50_us)
        assert tap.mean_ci.holds(tap.mean_us)
        assert (tap.mad_us is not None) == with_samples


def compared(run: Run, slower: Mapping[str, float]) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for seed in range(REPETITIONS):
        first = simulation.fill(run(blocks=10, aa_pair=True, seed=seed), seed, {})
        second = simulation.fill(run(blocks=10, aa_pair=True, seed=seed), seed + 10_000, slower)
        for own in compare(first, second, 0.05):
            found[own.topology, own.figure.key if own.figure else "", own.verdict] += 1
    return found


def test_a_run_compared_with_its_like_is_neither_better_nor_worse(run: Run) -> None:
    found = compared(run, {})
    for figure in ("p50_us", "transaction_rate"):
        for topology in ("host", "tap"):
            assert found[topology, figure, "same"] + found[topology, figure, "not resolved"] >= 95


def test_a_run_that_is_a_fifth_slower_is_worse(run: Run) -> None:
    found = compared(run, {"tap": 1.2})
    assert found["tap", "p50_us", "worse"] >= 95
    assert found["tap", "transaction_rate", "worse"] >= 90
    assert found["tap", "p50_us", "better"] == found["tap", "transaction_rate", "better"] == 0
    assert found["host", "p50_us", "worse"] <= 5
