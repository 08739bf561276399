# SPDX-License-Identifier: Apache-2.0
"""What load ran beside a row's measurements, as far as it was achieved, in words."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from netlab.analysis.combine import number

UNITS = {"mbit_per_s": "Mbit/s", "bogo_ops_per_s": "bogo ops/s"}


def in_words(lines: Iterable[Mapping[str, Any]]) -> str:
    """`bulk 941 Mbit/s (903 to 955)`: the median over the runs; loads of one name at once are added up."""
    found: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        for key, value in _of_trial(line).items():
            found.setdefault(key, []).append(value)
    return ", ".join(_say(*key, values) for key, values in found.items())


def _of_trial(line: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """The loads of one trial, by name and unit."""
    sums: dict[tuple[str, str], float] = {}
    for load in line.get("loads") or ():
        achieved = load.get("achieved") if isinstance(load, Mapping) else None
        if not isinstance(achieved, Mapping):
            continue
        for key in achieved:
            value = number(achieved, key)
            if value is not None and (key in UNITS or key.endswith("_per_s")):
                name = str(load.get("name") or load.get("kind") or "load")
                sums[name, key] = sums.get((name, key), 0.0) + value
    return sums


def _say(name: str, unit: str, values: list[float]) -> str:
    words = UNITS.get(unit) or f"{unit.removesuffix('_per_s').replace('_', ' ')}/s"
    low, high = _figure(min(values)), _figure(max(values))
    span = f" ({low} to {high})" if low != high else ""
    return f"{name} {_figure(statistics.median(values))} {words}{span}"


def _figure(value: float) -> str:
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
