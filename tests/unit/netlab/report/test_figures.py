# SPDX-License-Identifier: Apache-2.0
"""Axes, and figures at the edges of what can be measured."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.report.figures import axes, percentiles, ranges
from netlab.report.figures.curves import quantile
from netlab.report.row import Interval, Row
from netlab.report.summary import TableRow


def row(**figures: Any) -> TableRow:
    return TableRow("tap", Row("tap", "latency", "netperf", 1, **figures), "")


@given(st.floats(0.05, 1e7), st.floats(1, 1e6))
def test_ticks_lie_on_the_axis_and_do_not_touch(low: float, factor: float) -> None:
    start, end = axes.decades(low, low * factor)
    assert start <= low * (1 + 1e-9)
    assert end >= low * factor * (1 - 1e-9)
    found = axes.ticks(start, end, 300.0, 60.0)
    assert found == sorted(set(found))
    assert found
    assert start * (1 - 1e-6) <= found[0]
    assert found[-1] <= end * (1 + 1e-6)
    per_factor = 300.0 / (math.log10(end / start))
    assert all(math.log10(b / a) * per_factor >= 59 for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("value", "said"), [(0.5, "0.5 µs"), (20, "20 µs"), (5000, "5 ms"), (2e5, "200 ms"), (1e6, "1 s")]
)
def test_a_tick_says_its_unit(value: float, said: str) -> None:
    assert axes.short(value) == said


@pytest.mark.parametrize(
    ("low", "high"), [(1, 2), (17, 286), (99, 101), (100, 100), (180, 207847), (0.4, 3e6), (1000, 1000.5)]
)
def test_ranges_of_every_size_are_drawn(low: float, high: float) -> None:
    middle = (low * high) ** 0.5
    made = ranges.figure("a", [row(min_us=low, p50_us=middle, max_us=high, p50_ci=Interval(low, high))])
    assert made is not None
    assert len(made.drawings) == 2
    for drawing in made.drawings:
        width = float(re.findall(r'viewBox="0 0 ([\d.]+) ', drawing)[0])
        places = [float(x) for x in re.findall(r'<use [^>]*x="([-\d.]+)"', drawing)]
        assert places
        assert 0 <= min(places) <= max(places) <= width


def test_nothing_measured_draws_nothing() -> None:
    assert ranges.figure("a", [row()]) is None
    made = ranges.figure("a", [row(), row(min_us=5, max_us=9)])
    assert made is not None
    assert "not measured" in made.drawings[0]
    assert made.says == "tap: not measured; tap: min 5.0, max 9.0 us"


def test_each_nine_has_the_same_room() -> None:
    places = [percentiles.nines(percent) for percent in (0, 90, 99, 99.9, 99.99)]
    assert places == pytest.approx([0, 1, 2, 3, 4])


def test_a_quantile_is_a_time_that_was_measured() -> None:
    ecdf = [(10.0, 0.25), (20.0, 0.5), (30.0, 0.99), (40.0, 1.0)]
    assert [quantile(ecdf, share) for share in (0.1, 0.5, 0.51, 0.99, 1.0)] == [10, 20, 30, 30, 40]
