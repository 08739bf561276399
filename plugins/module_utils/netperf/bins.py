# SPDX-License-Identifier: Apache-2.0
"""What a percentile printed by netperf says, and how sure it is. Pure.

netperf 2.7.0 (src/hist.h, src/netlib.c: HIST_add, HIST_search_bucket, HIST_get_percentile) counts whole
microseconds in bins of equal width within a decade: 1 us below 100 us, 10 us from 100 to 999 us, 100 us from
1 to 9.9 ms, and so on up to 100 s. The percentile p of n samples is the sample of rank floor(p * n) (from 1);
only its bin [b, b + w) is known. What is printed is a point inside that bin, by linear interpolation,

    floor(b + w * (rank - samples below the bin) / samples in the bin),

so a figure from b to b + w: the upper edge itself when the rank is the last of its bin, which can lie above
the maximum; and below the minimum when the minimum shares the bin. With a rank of 0 (n = 1) a 0 is printed
that stands for nothing.
"""

from __future__ import annotations

from typing import NamedTuple

LONGEST_US = 100_000_000  # longer samples are counted in no bin, and printed as this
LONGEST_SAMPLE_US = 2**31 - 1  # an int


class Percentile(NamedTuple):
    """Microseconds. ``value`` is what is reported; the sample lies from ``low`` to ``high``."""

    value: int
    low: int
    high: int


def bin_width(microseconds: int) -> int:
    """Width of the bin that holds a value."""
    width = 1
    while microseconds >= 100 * width:
        width *= 10
    return width


def _bin_start(microseconds: int) -> int:
    width = bin_width(microseconds)
    return microseconds // width * width


def bin_bounds(printed: int) -> tuple[int, int]:
    """Edges between which the sample lies that a printed percentile stands for.

    A figure inside a bin names it. A figure on an edge can be the top of the bin below or the bottom of the
    one above, so it names both; below 10 us the program's arithmetic (a tenth of a microsecond a bin) makes
    the figure the sample itself.
    """
    if printed < 10:
        return printed, printed
    if printed >= LONGEST_US:
        return _bin_start(LONGEST_US - 1), LONGEST_SAMPLE_US
    start = _bin_start(printed)
    if printed != start:
        return start, start + bin_width(printed)
    return _bin_start(printed - 1), start + bin_width(printed)


def read_percentile(printed: int, minimum: int, maximum: int) -> Percentile | None:
    """A printed percentile, held against the true extremes; None if they contradict each other.

    Minimum and maximum are exact, so the sample lies from max(low edge, minimum) to min(high edge, maximum).
    The value is the printed one moved, where necessary, to the nearer end of that span. That keeps the order
    in which netperf prints them, so minimum <= p50 <= p90 <= p99 <= maximum holds for the values too.
    """
    low, high = bin_bounds(printed)
    low, high = max(low, minimum), min(high, maximum)
    if low > high:
        return None
    return Percentile(min(max(printed, low), high), low, high)
