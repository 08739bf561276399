# SPDX-License-Identifier: Apache-2.0
"""Several duts in one run: blocks are what was drawn by chance, boards only measure in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from netlab import analysis
from netlab.analysis.compare import compare
from tests.unit.netlab.analysis import simulation

Run = Callable[..., Any]


def fill(run: Any, chance: np.random.Generator, slower: Mapping[str, float], boards: int = 2) -> Any:
    """Each plot has a level that its boards share, as they share the hour and the peer; each board its own speed."""
    plots: dict[tuple[Any, ...], float] = {}
    for spec in run.manifest.order:
        plot = (spec["block"], spec["topology"], spec["replica"])
        level = plots.setdefault(plot, float(np.exp(chance.normal(0, 0.05))))
        for board in range(boards):
            p50 = (
                50.0 * (board + 1) * level * slower.get(spec["topology"], 1) * np.exp(chance.normal(0, 0.01))
            )
            figures = {"p50_us": p50, "mean_us": p50, "transactions": 1000}
            run.lines.append(
                {
                    **spec,
                    "board": f"board{board}",
                    "status": "ok",
                    "reason": None,
                    "flags": [],
                    "metrics": figures,
                }
            )
    run.outcomes = lambda: run.lines
    return run


def test_boards_do_not_make_up_for_blocks(run: Run) -> None:
    made = fill(run(blocks=3, aa_pair=True), np.random.default_rng(1), {"tap": 3})
    tap = analysis.rows(made)[-1]
    assert tap.difference.verdict == "insufficient samples"
    assert (tap.runs, tap.difference.pairs, tap.difference.pairs_needed) == (6, 3, 6)
    assert tap.p50_ci is None
    assert tap.mean_ci is None


def test_boards_of_one_block_are_no_evidence_of_their_own(run: Run) -> None:
    """Two topologies that are one, on three boards, without an A/A pair: the interval alone decides."""
    seen = 0
    for seed in range(100):
        made = fill(run(blocks=6, seed=seed), np.random.default_rng(seed), {}, boards=3)
        seen += analysis.rows(made)[-1].difference.verdict in ("higher", "lower")
    assert seen <= 7  # 5 %, and chance


def test_a_fifth_is_found_on_two_boards(run: Run) -> None:
    found = [
        analysis.rows(fill(run(blocks=10, aa_pair=True), np.random.default_rng(seed), {"tap": 1.2}))[-1]
        for seed in range(40)
    ]
    assert sum(row.difference.verdict == "higher" for row in found) >= 38


@pytest.mark.parametrize("boards", [1, 3])
def test_runs_are_compared_by_blocks_too(run: Run, boards: int) -> None:
    """Runs that are alike are told apart no more often for having more boards."""
    wrong = 0
    for seed in range(100):
        chance = np.random.default_rng(seed)
        a, b = (fill(run(blocks=6), chance, {}, boards) for _ in range(2))
        wrong += any(own.verdict in ("better", "worse", "changed") for own in compare(a, b, 0.0))
    assert wrong <= 15  # two rows of 5 % each


def test_a_board_that_failed_in_a_block_does_not_move_it(run: Run) -> None:
    """Board 2 is twice as slow as board 1; without it in two blocks the run is no faster."""
    a, b = (fill(run(blocks=8), np.random.default_rng(seed), {}) for seed in (1, 2))
    b.lines = [line for line in b.lines if (line["board"], line["block"] <= 2) != ("board1", True)]
    b.outcomes = lambda: b.lines
    for own in compare(a, b, 0.05):
        assert abs(own.share) < 0.05
        assert (own.trials_a, own.trials_b) == (8, 8)


def test_the_simulation_has_boards_of_several_speeds(run: Run) -> None:
    made = fill(run(blocks=2), np.random.default_rng(1), {}, boards=2)
    slow = [line["metrics"]["p50_us"] for line in made.lines if line["board"] == "board1"]
    assert min(slow) > simulation.BASE_US
