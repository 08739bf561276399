# SPDX-License-Identifier: Apache-2.0
"""Whether a distribution has more than one mode: Hartigan and Hartigan's dip test.

The dip is the greatest distance between the samples' distribution function and the nearest one with a single mode
("The Dip Test of Unimodality", Annals of Statistics 13(1), 1985). It knows no shape, so that the long tail of
latencies does not count as a second mode, as it would for Sarle's coefficient, which is above 5/9 for any skewed
distribution (Pfister et al., "Good things peak in pairs", Frontiers in Psychology 4, 2013). Its limits: samples
must be of a continuous quantity (spread ticks of a clock first), and those that follow one another closely
resemble each other, which makes the test too eager: take few, from all over the run.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# (n, sqrt(n) * dip that a uniform distribution, the worst case of one mode, exceeds in 1 %, and in 0.1 % of cases).
# By simulation, 60,000 to 10^6 times; within 1 % of the table in R's diptest. It rises with n, hardly any more
# beyond the last.
CRITICAL = (
    (8, 0.489, 0.548),
    (10, 0.505, 0.571),
    (15, 0.526, 0.601),
    (20, 0.539, 0.620),
    (30, 0.556, 0.641),
    (50, 0.574, 0.666),
    (100, 0.589, 0.683),
    (200, 0.602, 0.707),
    (500, 0.613, 0.714),
    (1000, 0.623, 0.724),
)
FEWEST = CRITICAL[0][0]


class Modes(NamedTuple):
    """The two groups of a distribution that has more than one mode: their medians, and the upper one's share."""

    low: float
    high: float
    upper_share: float


def modes(values: npt.ArrayLike, level: Literal["1 %", "0.1 %"] = "0.1 %") -> Modes | None:
    """The groups, where one mode can be ruled out at that level; None where it cannot.

    The groups are parted where that leaves the least variance within them, of the logarithms (Otsu, "A Threshold
    Selection Method from Gray-Level Histograms", IEEE Transactions SMC 9(1), 1979).
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    if ordered.size < FEWEST or ordered[0] <= 0:
        return None
    column = 1 if level == "1 %" else 2
    critical = next((row for row in CRITICAL if row[0] >= ordered.size), CRITICAL[-1])[column]
    if math.sqrt(ordered.size) * dip(ordered) <= critical:
        return None
    logs = np.log(ordered)
    counts = np.arange(1, logs.size)
    sums = logs.cumsum()[:-1]
    left, right = sums / counts, (logs.sum() - sums) / (logs.size - counts)
    cut = int((counts * (logs.size - counts) * (right - left) ** 2).argmax()) + 1
    low, high = float(np.median(ordered[:cut])), float(np.median(ordered[cut:]))
    return Modes(low, high, 1 - cut / ordered.size)


def spread_ticks(values: npt.NDArray[np.int64]) -> Floats:
    """Values of a clock that ticks, each at a random place within its tick, the same one every time.

    A clock of whole microseconds would give a mode for each of them. The tick is the least distance between two
    values.
    """
    different = np.unique(values)
    if different.size < 2:
        return values.astype(float)
    tick = int(np.diff(different).min())
    return values + np.random.default_rng(values.size).uniform(0, tick, values.size)


def dip(values: npt.ArrayLike) -> float:
    """The dip statistic, from 1 / (2 n) to 1 / 4.

    The greatest convex minorant and the least concave majorant of the distribution function are drawn over an
    interval that shrinks until the mode is inside (Hartigan, "Algorithm AS 217", Applied Statistics 34(3), 1985,
    with the corrections of Maechler's R package diptest). Distances are in units of 1 / n.
    """
    x = np.sort(np.asarray(values, dtype=float)).tolist()
    n = len(x)
    if n < 4 or x[0] == x[-1]:
        return 1 / (2 * n) if n else 0.0
    minorant = _hull_below(x)
    majorant = _hull_above(x)
    low, high, found = 0, n - 1, 1.0
    while True:
        convex, concave = _chain(minorant, high, low), _chain(majorant, low, high)
        distance, g, h = _widest(x, convex, concave)
        if distance < found:
            break
        found = max(found, _above_minorant(x, convex, g), _below_majorant(x, concave, h))
        if (low, high) == (convex[g], concave[h]):
            break
        low, high = convex[g], concave[h]
    return found / (2 * n)


def _hull_below(x: list[float]) -> list[int]:
    """For each point the one before it on the greatest convex minorant of all up to it."""
    before = [0] * len(x)
    for j in range(1, len(x)):
        k = j - 1
        while k and not (x[j] - x[k]) * (k - before[k]) < (x[k] - x[before[k]]) * (j - k):
            k = before[k]
        before[j] = k
    return before


def _hull_above(x: list[float]) -> list[int]:
    """For each point the one after it on the least concave majorant of all from it on."""
    last = len(x) - 1
    after = [last] * len(x)
    for j in range(last - 1, -1, -1):
        k = j + 1
        while k != last and not (x[j] - x[k]) * (k - after[k]) < (x[k] - x[after[k]]) * (j - k):
            k = after[k]
        after[j] = k
    return after


def _chain(following: list[int], start: int, end: int) -> list[int]:
    """The points of a hull from one end to the other."""
    chain = [start]
    while chain[-1] != end:
        chain.append(following[chain[-1]])
    return chain


def _widest(x: list[float], convex: list[int], concave: list[int]) -> tuple[float, int, int]:
    """The greatest distance between the hulls, and the places in both chains where it lies.

    `convex` descends, `concave` ascends; they are walked through from left to right together.
    """
    if len(convex) == 2 and len(concave) == 2:
        return 1.0, 1, 1
    distance, g, h = 0.0, len(convex) - 1, len(concave) - 1
    i, j = len(convex) - 2, 1
    while True:
        left, right = convex[i], concave[j]
        if left > right:  # a corner of the majorant, over a segment of the minorant
            start = convex[i + 1]
            slope = (x[right] - x[start]) * (left - start) / (x[left] - x[start])
            gap = right - start + 1 - slope
            j += 1
            if gap >= distance:
                distance, g, h = gap, i + 1, j - 1
        else:  # a corner of the minorant, under a segment of the majorant
            start = concave[j - 1]
            gap = (x[left] - x[start]) * (right - start) / (x[right] - x[start]) - (left - start - 1)
            i -= 1
            if gap >= distance:
                distance, g, h = gap, i + 1, j
        i, j = max(i, 0), min(j, len(concave) - 1)
        if convex[i] == concave[j]:
            return distance, g, h


def _above_minorant(x: list[float], convex: list[int], g: int) -> float:
    """How far the distribution function rises above the minorant left of the mode."""
    worst = 0.0
    for end, start in zip(convex[g:], convex[g + 1 :], strict=False):
        worst = max(worst, 1.0)
        if end - start > 1 and x[end] != x[start]:
            slope = (end - start) / (x[end] - x[start])
            worst = max(worst, max(k - start + 1 - (x[k] - x[start]) * slope for k in range(start, end + 1)))
    return worst


def _below_majorant(x: list[float], concave: list[int], h: int) -> float:
    """How far it stays below the majorant right of the mode."""
    worst = 0.0
    for start, end in zip(concave[h:], concave[h + 1 :], strict=False):
        worst = max(worst, 1.0)
        if end - start > 1 and x[end] != x[start]:
            slope = (end - start) / (x[end] - x[start])
            worst = max(
                worst, max((x[k] - x[start]) * slope - (k - start - 1) for k in range(start, end + 1))
            )
    return worst
