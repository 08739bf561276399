# SPDX-License-Identifier: Apache-2.0
"""A percentile as netperf prints it is never passed on as something that no sample was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.netperf.bins import (
    LONGEST_US,
    bin_bounds,
    bin_width,
    read_percentile,
)

# what paths do, and the edges of bins and decades
LATENCIES = (
    st.integers(1, 400)
    | st.integers(1, LONGEST_US - 1)
    | st.sampled_from([9, 10, 11, 99, 100, 101, 109, 110, 990, 999, 1000, 1099, 1100, 9999, 10_000])
)


def as_netperf_prints(samples: list[int], share: float) -> int:
    """The percentile of whole microseconds, by netperf 2.7.0's bins and interpolation."""
    rank = int(share * len(samples))
    if rank == 0:
        return 0
    for decade in range(8):
        # in tenths of a microsecond, which is the width of the lowest decade's bins
        width = 10**decade
        for index in range(10 if decade else 0, 100):  # below 10 it belongs to the decade below
            low, high = index * width, (index + 1) * width
            inside = sum(low <= 10 * sample < high for sample in samples)
            below = sum(10 * sample < low for sample in samples)
            if inside and below < rank <= below + inside:
                return int((index + (rank - below) / inside) * width / 10)
    raise AssertionError("no bin")


@given(st.lists(LATENCIES, min_size=2, max_size=60))
def test_the_sample_is_within_the_bounds_and_the_order_holds(samples: list[int]) -> None:
    samples.sort()
    low, high = samples[0], samples[-1]
    reported = []
    for share in (0.5, 0.9, 0.99):
        sample = samples[int(share * len(samples)) - 1]
        found = read_percentile(as_netperf_prints(samples, share), low, high)
        assert found is not None
        assert found.low <= sample <= found.high
        assert low <= found.low <= found.value <= found.high <= high
        reported.append(found.value)
    assert reported == sorted(reported)


@pytest.mark.parametrize(
    ("value", "width"),
    [
        (0, 1),
        (9, 1),
        (99, 1),
        (100, 10),
        (999, 10),
        (1000, 100),
        (9999, 100),
        (10_000, 1000),
        (1_000_000, 100_000),
    ],
)
def test_width(value: int, width: int) -> None:
    assert bin_width(value) == width


@pytest.mark.parametrize(
    ("printed", "bounds"),
    [
        (5, (5, 5)),
        (55, (54, 56)),
        (100, (99, 110)),
        (105, (100, 110)),
        (110, (100, 120)),
        (999, (990, 1000)),
        (1000, (990, 1100)),
        (1050, (1000, 1100)),
        (205_000, (200_000, 210_000)),
    ],
)
def test_bounds(printed: int, bounds: tuple[int, int]) -> None:
    assert bin_bounds(printed) == bounds


def test_over_a_hundred_seconds_there_is_no_upper_edge() -> None:
    found = read_percentile(LONGEST_US, 10, 500_000_000)
    assert found is not None
    assert (found.low, found.high) == (99_000_000, 500_000_000)


def test_the_upper_edge_of_a_bin_is_not_reported_above_the_maximum() -> None:
    assert read_percentile(160, 40, 154) == (154, 150, 154)


def test_a_point_in_a_bin_is_not_reported_below_the_minimum() -> None:
    assert read_percentile(201, 207, 500) == (207, 207, 210)


@pytest.mark.parametrize(("printed", "low", "high"), [(50, 70, 100), (150, 20, 99), (0, 1, 5)])
def test_what_no_sample_can_be_is_not_reported(printed: int, low: int, high: int) -> None:
    assert read_percentile(printed, low, high) is None
