# SPDX-License-Identifier: Apache-2.0
"""95 % intervals of a row's figures, by bootstrap over its runs.

Runs are what was drawn by chance, and what is drawn again: samples of one run resemble each other, and resampling
them pooled would make an interval as narrow as they are many (Davison and Hinkley, Bootstrap Methods and their
Application, 3.8; Kalibera and Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013).

Percentile intervals of few runs are too short. They are widened as Hesterberg has it ("What Teachers Should Know
About the Bootstrap", The American Statistician 69(4), 2015, 3.1: the expanded percentile interval): instead of
2.5 %, the tails hold Phi(-sqrt(n / (n - 1)) * t), t being Student's quantile of 97.5 % with n - 1 degrees of
freedom. Below six runs there is none: no order of five values bounds a median with 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from netlab.report.row import Interval

RESAMPLES = 4000
FEWEST_RUNS = 6
SEED = 20221102  # any; always the same, so that a report says the same twice
_STEPS = 512  # between the least and the greatest median of a run
_AT_ONCE = 500  # resamples; bounds the memory

Floats = npt.NDArray[np.float64]


def tail(runs: int) -> float:
    """Share of the resamples beyond each end of the interval."""
    quantile = special.stdtrit(runs - 1, 0.975)
    return float(special.ndtr(-math.sqrt(runs / (runs - 1)) * quantile))


def of_mean(means: Sequence[float], counts: Sequence[float]) -> Interval | None:
    """Interval of the mean of all samples, from each run's mean and count."""
    if len(means) < FEWEST_RUNS:
        return None
    weights, centre = np.asarray(counts, float), np.asarray(means, float)
    if not weights.sum() > 0:
        return None
    found = []
    for drawn in _draws(len(means)):
        weighed = drawn * weights
        found.append(weighed @ centre / weighed.sum(axis=1))
    return _interval(np.concatenate(found), len(means), float(weights @ centre / weights.sum()))


def of_median(values: Sequence[float]) -> Interval | None:
    """Interval of the median of the runs' own figures."""
    if len(values) < FEWEST_RUNS:
        return None
    ordered = np.sort(np.asarray(values, float))
    found = []
    for drawn in _draws(len(values)):
        # drawn[k] copies of the k-th smallest: the median is where the copies reach half
        copies = drawn.cumsum(axis=1)
        count = len(values)
        low = (copies <= (count - 1) // 2).sum(axis=1)
        high = (copies <= count // 2).sum(axis=1)
        found.append((ordered[low] + ordered[high]) / 2)
    return _interval(np.concatenate(found), len(values), float(np.median(ordered)))


def of_pooled_median(runs: Sequence[npt.NDArray[np.int64]]) -> Interval | None:
    """Interval of the median of all samples together; each run's samples in ascending order.

    The median of any mixture of runs lies between the least and the greatest of their medians, so that each run
    is needed only as its distribution function between these two.
    """
    runs = [run for run in runs if run.size]
    if len(runs) < FEWEST_RUNS:
        return None
    medians = [int(run[(run.size - 1) // 2]) for run in runs]
    points = np.unique(np.linspace(min(medians), max(medians), _STEPS).round().astype(np.int64))
    below = np.array([np.searchsorted(run, points, side="right") for run in runs], dtype=float)
    sizes = np.array([run.size for run in runs], dtype=float)
    found = []
    for drawn in _draws(len(runs)):
        reached = drawn @ below >= (drawn @ sizes)[:, None] / 2
        reached[:, -1] = True
        found.append(points[reached.argmax(axis=1)].astype(float))
    pooled = sizes.sum() / 2
    centre = float(points[min(int((below.sum(axis=0) < pooled).sum()), points.size - 1)])
    return _interval(np.concatenate(found), len(runs), centre)


def _draws(runs: int) -> Iterator[Floats]:
    """How often each run is drawn, in each resample: a row a resample."""
    chance = np.random.default_rng(SEED)
    share = np.full(runs, 1 / runs)
    for start in range(0, RESAMPLES, _AT_ONCE):
        yield chance.multinomial(runs, share, size=min(_AT_ONCE, RESAMPLES - start)).astype(float)


def _interval(resampled: Floats, runs: int, centre: float) -> Interval:
    beyond = tail(runs)
    low, high = np.quantile(resampled, [beyond, 1 - beyond])
    return Interval(min(float(low), centre), max(float(high), centre))
