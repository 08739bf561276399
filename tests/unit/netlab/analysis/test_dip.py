# SPDX-License-Identifier: Apache-2.0
"""The dip is that of R's diptest, and finds two modes where there are two, not where there is a tail."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.analysis import dip


def drawn(kind: str, seed: int) -> list[float]:
    chance = random.Random(seed)
    if kind == "one":
        return [chance.gauss(0, 1) for _ in range(40)]
    if kind == "two":
        return [chance.gauss(0, 1) if i % 3 else chance.gauss(6, 1) for i in range(60)]
    return [float(chance.randrange(12)) for _ in range(50)]


@pytest.mark.parametrize(
    ("kind", "seed", "expected"),
    [
        ("one", 1, 0.041680082190113744),
        ("two", 2, 0.06853968251664205),
        ("ticks", 3, 0.06),
    ],
)
def test_as_the_diptest_package_has_it(kind: str, seed: int, expected: float) -> None:
    """diptest 0.12.0 from PyPI, a binding of the code of R's package."""
    assert dip.dip(drawn(kind, seed)) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=60))
def test_its_range(values: list[float]) -> None:
    assert 1 / (2 * len(values)) <= dip.dip(values) + 1e-12
    assert dip.dip(values) <= 0.25 + 1e-12


def test_even_distances_have_the_least_dip_there_is() -> None:
    assert dip.dip(range(100)) == pytest.approx(1 / 200)
    assert dip.dip([1.0] * 9) == pytest.approx(1 / 18)
    assert dip.dip([0.0] * 50 + [1.0] * 50) == pytest.approx(0.25)


@pytest.mark.parametrize("size", [8, 30, 300, 1000])
def test_one_mode_with_a_long_tail_is_one_mode(size: int) -> None:
    """Sarle's coefficient takes these for two: skewed as they are, it is above 5/9."""
    chance = np.random.default_rng(size)
    found = 0
    for _ in range(300):
        values = np.exp(0.7 * chance.normal(size=size))
        found += dip.modes(values, "1 %") is not None
    assert found <= 6  # 3 are expected of the worst case, and this is not the worst


def test_two_modes_and_what_they_are() -> None:
    chance = np.random.default_rng(1)
    values = np.concatenate([chance.normal(30, 2, 700), chance.normal(60, 3, 300)])
    found = dip.modes(values)
    assert found is not None
    assert found.low == pytest.approx(30, abs=0.5)
    assert found.high == pytest.approx(60, abs=0.5)
    assert found.upper_share == pytest.approx(0.3, abs=0.01)


def test_runs_in_two_groups_are_seen_from_eight_on() -> None:
    groups = [30.1, 30.2, 30.3, 30.4, 60.1, 60.2, 60.3, 60.4]
    assert dip.modes(groups, "1 %") is not None
    assert dip.modes(groups[:-1], "1 %") is None  # seven are too few to tell


def test_the_ticks_of_a_clock_are_no_modes() -> None:
    """Whole microseconds around 30 us: without spreading them, each is a mode."""
    chance = np.random.default_rng(1)
    ticks = (chance.normal(30, 2, 1000).round() * 1000).astype(np.int64)
    assert dip.modes(ticks / 1000) is not None
    spread = dip.spread_ticks(ticks)
    assert dip.modes(spread / 1000) is None
    assert (spread >= ticks).all()
    assert (spread < ticks + 1000).all()
    assert (dip.spread_ticks(ticks) == spread).all()
    assert dip.spread_ticks(np.array([5, 5])).tolist() == [5, 5]


def test_what_cannot_be_judged() -> None:
    assert dip.modes([]) is None
    assert dip.modes([0.0] * 20 + [5.0] * 20) is None  # no logarithm
    assert dip.modes([5.0] * 100) is None
