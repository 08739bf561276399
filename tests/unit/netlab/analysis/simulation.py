# SPDX-License-Identifier: Apache-2.0
"""Runs of a plan whose latencies are drawn by chance, as unpleasant as real ones.

Samples of a trial are log-normal with a heavy tail (one in a hundred is hit by a preemption), and resemble their
neighbours. Each trial has a level of its own, as a guest's placement gives it one; levels resemble those of the
trials just before, and the whole testbed drifts by a sixth from the first trial to the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import signal

BASE_US = 60.0
LEVEL = 0.04  # relative standard deviation of a trial's level, of its own
RESEMBLANCE = 0.7  # of a trial's level to the one before (autoregressive, order 1)
DRIFT = 1 / 6


def levels(count: int, chance: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Factors of the trials, in running order."""
    wander = np.empty(count)
    step = LEVEL * np.sqrt(1 - RESEMBLANCE**2)
    wander[0] = chance.normal(0, LEVEL)
    for index in range(1, count):
        wander[index] = RESEMBLANCE * wander[index - 1] + chance.normal(0, step)
    own = chance.gamma(4, LEVEL / 2, count) - 2 * LEVEL  # skewed: a trial is rather too slow than too fast
    return np.exp(wander + own) * (1 + DRIFT * np.linspace(0, 1, count))


def samples(level: float, count: int, chance: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Round trips in ns."""
    noise = signal.lfilter([0.87], [1, -0.5], chance.normal(0, 1, count))  # autoregressive, order 1
    values = BASE_US * level * np.exp(0.12 * noise)
    hit = chance.random(count) < 0.01
    values[hit] += BASE_US * chance.pareto(1.8, hit.sum())
    made: np.ndarray[Any, np.dtype[np.int64]] = (values * 1000).astype(np.int64)
    return made


def metrics(ns: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, Any]:
    """What an instrument without samples would print."""
    us = np.sort(ns) / 1000
    count = us.size
    return {
        "min_us": us[0],
        "mean_us": us.mean(),
        **{f"p{p}_us": us[-(-count * p // 100) - 1] for p in (50, 90, 99)},
        "max_us": us[-1],
        "stddev_us": us.std(),
        "transactions": count,
        "transaction_rate": 1e6 / us.mean(),
    }


def fill(
    run: Any,
    seed: int,
    slower: Mapping[str, float],
    count: int = 300,
    *,
    with_samples: bool = False,
    day: float = 1.0,
) -> Any:
    """Results for every planned trial; `slower`: by how much a topology is, 1.2 for a fifth. `day`: and all of them."""
    chance = np.random.default_rng(seed)
    order = run.manifest.order
    for spec, level in zip(order, levels(len(order), chance), strict=True):
        ns = samples(day * level * slower.get(spec["topology"], 1.0), count, chance)
        line = {**spec, "status": "ok", "reason": None, "flags": [], "metrics": metrics(ns), "samples": None}
        if with_samples:
            sent = 1_800_000_000_000_000_000 + spec["order"] * 10**10 + np.arange(count) * 10**6
            line["samples"] = {"ns": ns, "sent": sent, "received": sent + ns}
        run.lines.append(line)
    return run
