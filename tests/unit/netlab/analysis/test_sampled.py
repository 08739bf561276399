# SPDX-License-Identifier: Apache-2.0
"""Columns of samples: what was lost, when the worst was, what the clock says; whatever way NULL comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.analysis import sampled

START = 1_800_000_000_000_000_000  # 2027-01-15T08:00:00Z


def columns(ns: list[int], gap: int = 10**6) -> dict[str, Any]:
    sent = START + np.arange(len(ns)) * gap
    return {"ns": np.array(ns), "sent": sent, "received": sent + np.array(ns)}


def test_figures() -> None:
    own = sampled.digest(columns([1000 * value for value in range(1, 1001)]))
    figures = own.figures()
    assert (figures["min_us"], figures["max_us"], figures["mean_us"]) == (1, 1000, 500.5)
    assert (figures["p50_us"], figures["p90_us"], figures["p99_us"]) == (500, 900, 990)
    assert "p999_us" not in figures
    assert figures["stddev_us"] == pytest.approx(288.675, abs=1e-3)
    assert figures["max_at"] == "2027-01-15T08:00:00.999000+00:00"
    assert (figures["transactions"], figures["requests_lost"]) == (1000, 0)
    assert own.clock_ratio == 1


LOST = [True, False, True, False]


@pytest.mark.parametrize(
    "ns",
    [
        np.array([sampled.MISSING, 2000, sampled.MISSING, 4000]),
        np.ma.MaskedArray([7, 2000, 7, 4000], mask=LOST),
        np.array([np.nan, 2000.0, np.nan, 4000.0]),
    ],
    ids=["missing", "masked", "nan"],
)
def test_lost_probes_count_as_lost_and_as_nothing_else(ns: Any) -> None:
    told = columns([1, 2000, 1, 4000])
    received = np.ma.MaskedArray(told["received"], mask=LOST)
    own = sampled.digest({**told, "ns": ns, "received": received})
    figures = own.figures()
    assert own.ordered.tolist() == [2000, 4000]
    assert (figures["requests_sent"], figures["requests_lost"], figures["transactions"]) == (4, 2, 2)
    assert figures["max_at"] == "2027-01-15T08:00:00.003000+00:00"
    assert own.clock_ratio == 1


def test_all_lost_and_nothing_sent() -> None:
    for count in (0, 5):
        own = sampled.digest(columns([sampled.MISSING] * count))
        assert own.figures() == {"transactions": 0, "requests_sent": count, "requests_lost": count}


def test_half_a_round_trip_shows_in_the_clock() -> None:
    told = columns([20_000] * 50)
    own = sampled.digest({**told, "ns": told["ns"] // 2})
    assert own.clock_ratio == 0.5


def test_without_times_nothing_is_said_of_them() -> None:
    own = sampled.digest({"ns": np.array([5, 3])})
    assert (own.max_at, own.clock_ratio, own.ordered.tolist()) == (None, None, [3, 5])
    blank = np.array([sampled.MISSING] * 2)
    own = sampled.digest({"ns": np.array([5, 3]), "sent": blank, "received": blank})
    assert (own.max_at, own.clock_ratio) == (None, None)
    since_boot = sampled.digest({"ns": np.array([5, 3]), "sent": np.array([-9, -8])})
    assert since_boot.max_at is None


def test_a_slow_start_is_seen_in_the_order_of_sending() -> None:
    """Two flows stand one after the other, and each of them starts slowly: by time they start together."""
    one = columns([2000] * 50 + [1000] * 450)
    both = {name: np.concatenate([one[name], one[name]]) for name in one}
    assert sampled.digest(one).first_tenth == 2
    assert sampled.digest(both).first_tenth == 2
    shuffled = {name: column[np.random.default_rng(1).permutation(1000)] for name, column in both.items()}
    assert sampled.digest(shuffled).first_tenth == 2
    assert sampled.digest(columns([1000] * 199)).first_tenth is None  # nineteen are no tenth to speak of


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=3000))
def test_a_few_samples_from_all_over(ns: list[int]) -> None:
    own = sampled.digest(columns(ns))
    assert own.thinned[0] == ns[0]
    assert min(len(ns), 500) <= own.thinned.size <= sampled.THINNED
    assert own.mean_ns == pytest.approx(np.mean(ns))


@pytest.mark.parametrize("wrong", [{}, {"sent": np.array([1])}, {"ns": np.array(["x"])}])
def test_what_is_no_samples(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"column|integers"):
        sampled.digest(wrong)
