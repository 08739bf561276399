# SPDX-License-Identifier: Apache-2.0
"""A trial's result as figures: from its samples where it has some, else from what its instrument printed.

Flows that ran at once are one set of samples; where they have none, the engine that ran them has merged their
histograms, or left the percentiles out (plugins/module_utils/measuring/merge.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlab.analysis import combine, flags, rules, sampled
from netlab.analysis.combine import Metrics, number
from netlab.analysis.sampled import Sampled
from netlab.analysis.source import Run
from netlab.errors import NetlabError
from netlab.report.row import Flag

UNREADABLE = "samples_unreadable"
UNDERSAMPLED = "percentile_undersampled"


@dataclass(frozen=True)
class Reading:
    """One good result: its figures, its samples if there are any, and everything that is to be said of it."""

    line: Mapping[str, Any]
    metrics: Metrics
    sampled: Sampled | None
    flags: tuple[Flag, ...]

    @property
    def block(self) -> tuple[int, str]:
        """What it shares with the results that it is compared with: the block, and the board."""
        return (int(self.line.get("block") or 0), str(self.line.get("board") or ""))


def read(run: Run, lines: Iterable[Mapping[str, Any]]) -> list[Reading]:
    """The good ones among these results. Memory: the samples of all of them, 8 bytes each."""
    return [_read(run, line) for line in lines if line.get("status") == "ok"]


def _read(run: Run, line: Mapping[str, Any]) -> Reading:
    printed: Metrics = line.get("metrics") or {}
    own: Sampled | None = None
    found: list[Flag] = []
    try:
        if line.get("samples"):  # no name is kept for the columns: they are large, and digest lets them go
            own = sampled.digest(run.read_samples(line) or {})
    except (OSError, ValueError, NetlabError) as error:
        found.append(Flag(UNREADABLE, f"samples cannot be read, the printed figures stand in: {error}"))
    if own is not None:
        found += rules.of_samples(own, printed)
    metrics = {**printed, **own.figures()} if own is not None else printed
    broken = [*found, *rules.check(metrics), *rules.of_trial(line, metrics), *_undersampled(metrics)]
    return Reading(line, metrics, own, tuple(flags.of_run(line, broken)))


def _undersampled(metrics: Metrics) -> list[Flag]:
    count = number(metrics, "transactions")
    return undersampled(
        count,
        [
            percent
            for percent in (50, 90, 99)
            if number(metrics, f"p{percent}_us") is not None and not combine.enough_beyond(count, percent)
        ],
    )


def undersampled(count: float | None, unprinted: Sequence[int]) -> list[Flag]:
    """A note on percentiles that are not printed; none if there are none."""
    if not unprinted:
        return []
    had = "an unknown number of" if count is None else f"{count:g}"
    names = ", ".join(f"p{percent}" for percent in unprinted)
    return [
        Flag(UNDERSAMPLED, f"{had} transactions leave fewer than ten samples beyond {names}: not printed")
    ]
