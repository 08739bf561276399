# SPDX-License-Identifier: Apache-2.0
"""Whether a row's runs are of one kind: warmed up, steady from block to block, with one mode. Notes, not errors.

A warning is given for what is both surely there and large enough to matter; a statistic alone finds something in
any million of samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from netlab.analysis import dip, ranks
from netlab.analysis.combine import number
from netlab.analysis.readings import Reading
from netlab.report.row import Flag

WARM_UP = 0.05  # by how much the first samples must differ from the rest
WARM_UP_FEW = 0.10  # the same with too few runs for an interval: then in each of them
BLOCK = 0.05  # by how much the first block must differ from the others
FEWEST_BLOCKS = 6
APART = 0.10  # by how much two modes must differ


def warnings(readings: Sequence[Reading]) -> list[Flag]:
    """Notes on one row's runs."""
    return [
        *_warm_up(readings),
        *_first_block(readings),
        *_modes_of_samples(readings),
        *_modes_of_runs(readings),
    ]


def _warm_up(readings: Sequence[Reading]) -> list[Flag]:
    """The first tenth of each run's samples against the others: the medians' ratio, over all runs.

    With six runs or more the Hodges-Lehmann interval of its logarithm must exclude none at all (ranks.py).
    """
    ratios = [
        reading.sampled.first_tenth
        for reading in readings
        if reading.sampled is not None and reading.sampled.first_tenth is not None
    ]
    if not ratios:
        return []
    logs = np.log(ratios)
    shift = ranks.paired_shift(logs)
    assert shift is not None
    if shift.low is not None:
        found = shift.excludes_zero and abs(math.expm1(shift.estimate)) >= WARM_UP
    else:
        found = bool((logs > math.log1p(WARM_UP_FEW)).all() or (logs < -math.log1p(WARM_UP_FEW)).all())
    if not found:
        return []
    share = 100 * math.expm1(shift.estimate)
    text = f"the first tenth of a run's samples is {abs(share):.0f} % {_than(share)} than the rest: warm up longer"
    return [Flag("warm_up_in_samples", text, len(ratios))]


def _first_block(readings: Sequence[Reading]) -> list[Flag]:
    """The first block's p50 against the interval in which one more block like the others would lie, at 99 %.

    mean +- t s sqrt(1 + 1 / n), t being Student's quantile of 99.5 % with n - 1 degrees of freedom (Hahn and Meeker,
    Statistical Intervals, 4.8: prediction of one further observation).
    """
    by_block: dict[int, list[float]] = {}
    for reading in readings:
        if (value := _p50(reading)) is not None:
            by_block.setdefault(reading.block[0], []).append(value)
    if len(by_block) < FEWEST_BLOCKS:
        return []
    first, *others = (float(np.median(by_block[block])) for block in sorted(by_block))
    centre, count = float(np.mean(others)), len(others)
    reach = special.stdtrit(count - 1, 0.995) * float(np.std(others, ddof=1)) * math.sqrt(1 + 1 / count)
    share = 100 * (first / centre - 1) if centre > 0 else 0.0
    if abs(share) < 100 * BLOCK or abs(first - centre) <= reach:
        return []
    text = f"the first block is {abs(share):.0f} % {_than(share)} than the others: something was still warming up"
    return [Flag("first_block_differs", text)]


def _modes_of_samples(readings: Sequence[Reading]) -> list[Flag]:
    """Runs whose samples have two modes: at most a thousand of each, at 0.1 %."""
    flags = []
    for reading in readings:
        if reading.sampled is None:
            continue
        found = dip.modes(dip.spread_ticks(reading.sampled.thinned) / 1000)
        if found is not None and found.high >= found.low * (1 + APART):
            text = (
                f"a run's samples are of two kinds, {_near(found.low, 1 - found.upper_share)} and "
                f"{_near(found.high, found.upper_share)}: one median stands for neither"
            )
            flags.append(Flag("bimodal_samples", text))
    return flags


def _modes_of_runs(readings: Sequence[Reading]) -> list[Flag]:
    """Runs that fall into two groups, such as guests that got two different CPUs; at 1 %, eight runs or more."""
    values = [value for reading in readings if (value := _p50(reading)) is not None]
    found = dip.modes(values, "1 %")
    if found is None or found.high < found.low * (1 + APART):
        return []
    upper = round(found.upper_share * len(values))
    text = (
        f"the runs fall into two groups, {len(values) - upper} with p50 near {found.low:.4g} us and "
        f"{upper} near {found.high:.4g} us"
    )
    return [Flag("bimodal_runs", text, len(values))]


def _p50(reading: Reading) -> float | None:
    value = number(reading.metrics, "p50_us")
    return value if value is not None else number(reading.metrics, "mean_us")


def _near(value: float, share: float) -> str:
    return f"{100 * share:.0f} % near {value:.4g} us"


def _than(share: float) -> str:
    return "slower" if share > 0 else "faster"
