# SPDX-License-Identifier: Apache-2.0
"""A run repeated: one and the same thing is never said to differ, and a third is found, whatever the day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

from netlab.analysis import reproduction
from netlab.analysis.ordering import ordering
from netlab.analysis.ranks import Shift
from netlab.analysis.reproduction import MARGIN, Pair
from tests.unit.netlab.analysis import simulation

Run = Callable[..., Any]
REPETITIONS = 40
HALF = ("host", "tap", "macvtap")


class Counted(NamedTuple):
    """How often each was the verdict of all rows, and that of a row."""

    overall: Counter[str]
    rows: Counter[tuple[str, str]]


def repeated(
    run: Run, factor: float, days: float, blocks: int, *, slower: Mapping[str, float] | None = None
) -> Counted:
    """`factor`: by how much theirs are shifted; `days`: the relative standard deviation of a run's day."""
    overall: Counter[str] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    for seed in range(REPETITIONS):
        own_days = np.exp(np.random.default_rng(seed + 31_000).normal(0, days, 2))
        both = [
            simulation.fill(
                run(topologies=list(HALF), blocks=blocks, aa_pair=True, seed=seed),
                seed + 10_000 * second,
                own,
                100,
                day=day,
            )
            for second, (own, day) in enumerate(
                zip(({}, slower or {}), (own_days[0] * factor, own_days[1]), strict=True)
            )
        ]
        found = reproduction.judged(Pair.of(*both, {}))
        overall[reproduction.overall(found)] += 1
        rows.update((row.topology, row.verdict) for row in found)
    return Counted(overall, rows)


@pytest.fixture(params=[True, False], ids=["steady", "unsteady"])
def steady(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Trials that are all alike, or with levels of their own and a drift by a sixth."""
    if request.param:
        monkeypatch.setattr(simulation, "LEVEL", 0.01)
        monkeypatch.setattr(simulation, "DRIFT", 0.0)
    return bool(request.param)


@pytest.mark.parametrize("blocks", [2, 4, 10])
@pytest.mark.parametrize("days", [0.0, 0.03])
def test_one_and_the_same_thing_does_not_differ(run: Run, steady: bool, blocks: int, days: float) -> None:
    """In at most one of twenty, though there are three rows that could."""
    assert repeated(run, 1.0, days, blocks).overall["differs"] <= REPETITIONS / 20


@pytest.mark.parametrize("factor", [1.3, 1 / 1.3])
@pytest.mark.parametrize("blocks", [4, 10])
def test_a_shift_by_a_third_differs(run: Run, steady: bool, blocks: int, factor: float) -> None:
    found = repeated(run, factor, 0.03, blocks)
    assert found.overall["differs"] >= (0.95 if steady or blocks == 10 else 0.75) * REPETITIONS
    assert found.overall["reproduced"] == 0


def test_two_blocks_tell_a_third_where_trials_are_steady(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "LEVEL", 0.01)
    monkeypatch.setattr(simulation, "DRIFT", 0.0)
    assert repeated(run, 1.3, 0.03, 2).overall["differs"] >= 0.95 * REPETITIONS


def test_what_is_the_same_is_reproduced_once_there_are_enough_blocks(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "LEVEL", 0.01)
    monkeypatch.setattr(simulation, "DRIFT", 0.0)
    assert repeated(run, 1.0, 0.02, 10).overall["reproduced"] >= 0.9 * REPETITIONS


def test_one_block_is_not_enough(run: Run) -> None:
    assert set(repeated(run, 1.3, 0.0, 1).rows) == {(topology, "insufficient samples") for topology in HALF}


def test_a_machine_disturbed_within_a_run_is_not_told_from_another(run: Run) -> None:
    """What scatters from block to block by half may shift a run by half, too."""
    theirs, mine = (run(topologies=["tap"], blocks=4, aa_pair=False) for _ in range(2))
    theirs.record("tap", *({"p50_us": value, "transactions": 1000} for value in (120.0, 129.0, 128.0, 126.0)))
    mine.record("tap", *({"p50_us": value, "transactions": 1000} for value in (213.0, 356.0, 160.0, 900.0)))
    (row,) = reproduction.judged(Pair.of(theirs, mine, {}))
    assert row.verdict == "not resolved"
    assert row.share is not None
    assert row.share > 0.5


def test_a_path_that_got_slower_alone_differs_and_its_baseline_does_not(run: Run) -> None:
    found = repeated(run, 1.0, 0.02, 10, slower={"tap": 1.4})
    assert found.rows["tap", "differs"] >= 0.95 * REPETITIONS
    assert found.rows["host", "differs"] == 0


def runs(run: Run, theirs: Mapping[str, list[float]], mine: Mapping[str, list[float]]) -> Pair:
    made = []
    for own in (theirs, mine):
        one = run(topologies=list(own), blocks=len(next(iter(own.values()))), aa_pair=False)
        for topology, values in own.items():
            one.record(
                topology,
                *({"p50_us": value, "transactions": 1000} for value in values),
                board=f"b{len(made)}",
            )
        made.append(one)
    return Pair.of(*made, {"b0": "b1"})


def test_another_machine_differs_in_all_rows_and_not_in_units_of_its_baseline(run: Run) -> None:
    host, tap = [50.01, 50.52, 49.53, 50.24, 50.35, 49.86], [100.01, 101.52, 99.13, 100.44, 100.15, 99.26]
    pair = runs(
        run,
        {"host": host, "tap": tap},
        {"host": [2 * us for us in host], "tap": [2 * us for us in tap]},
    )
    by_topology = {row.topology: row for row in reproduction.judged(pair)}
    assert {row.verdict for row in by_topology.values()} == {"differs"}
    assert by_topology["tap"].relative == "reproduced"
    assert by_topology["host"].relative is None
    found = ordering(pair)
    assert (found.verdict, found.tau) == ("reproduced", 1.0)


def test_pairs_that_turned_are_told(run: Run) -> None:
    low, high = [50.01, 50.52, 49.53, 50.24, 50.35, 49.86], [60.01, 61.52, 59.13, 60.44, 60.15, 59.26]
    top = [2 * us for us in high]
    found = ordering(
        runs(
            run,
            {"host": low, "tap": high, "macvtap": top},
            {"host": high, "tap": low, "macvtap": top},
        )
    )
    assert found.verdict == "turned"
    assert [(pair.first, pair.second) for pair in found.turned] == [("host", "tap")]
    assert found.resolved == 3
    assert found.tau == pytest.approx(1 / 3)


def test_what_one_run_does_not_resolve_is_no_order(run: Run) -> None:
    low, mixed = [50.01, 50.52, 49.53, 50.24, 50.35, 49.86], [49.31, 51.52, 48.53, 51.24, 50.95, 48.86]
    high = [2 * us for us in low]
    found = ordering(runs(run, {"host": low, "tap": high}, {"host": low, "tap": mixed}))
    assert (found.verdict, found.resolved, found.tau) == ("not resolved", 0, None)


def test_a_row_that_only_one_has_says_whose_it_is(run: Run) -> None:
    values = [50.01, 50.52, 49.53]
    pair = runs(run, {"host": values, "tap": values}, {"host": values, "macvtap": values})
    found = {row.topology: row.verdict for row in reproduction.judged(pair)}
    assert (found["tap"], found["macvtap"]) == ("only theirs", "only mine")


@pytest.mark.parametrize(
    ("low", "estimate", "high", "expected"),
    [
        (-0.05, 0.0, 0.05, "reproduced"),
        (-0.05, 0.03, 0.11, "not resolved"),
        (0.11, 0.13, 0.15, "not resolved"),  # two days may lie as far apart
        (0.11, 0.2, 0.3, "differs"),
        (-0.3, -0.2, -0.11, "differs"),
        (-0.3, 0.2, 0.7, "not resolved"),
    ],
)
def test_verdicts(low: float, estimate: float, high: float, expected: str) -> None:
    assert reproduction.verdict(Shift(estimate, low, high), MARGIN) == expected


def test_no_interval_is_no_verdict() -> None:
    assert reproduction.verdict(Shift(0.5, None, None), MARGIN) == "insufficient samples"
    assert reproduction.verdict(None, MARGIN) == "insufficient samples"
