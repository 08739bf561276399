# SPDX-License-Identifier: Apache-2.0
"""The rows of a run's table, in the plan's order. No planned combination is ever left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from netlab.analysis import (
    bootstrap,
    combinations,
    combine,
    flags,
    known,
    loads,
    paired,
    quantiles,
    readings,
    rules,
    steadiness,
    wakefulness,
)
from netlab.analysis.combinations import Combination
from netlab.analysis.combine import Metrics, number
from netlab.analysis.readings import Reading
from netlab.analysis.source import Run
from netlab.report.row import Flag, Interval, Row


@dataclass(frozen=True)
class _Made:
    """A row before it is compared with the baseline's."""

    row: Row
    blocks: paired.Blocks


def rows(run: Run, beside: Callable[[Row, Sequence[Reading]], None] | None = None) -> list[Row]:
    """A row for each topology, scenario, condition and instrument (with its parameters) of the plan.

    One row's samples are in memory at a time. `beside` is given each row, still without its difference, with what
    it was made from: samples are many, and are not read twice.
    """
    planned = combinations.planned(run.manifest.order)
    lines, outcomes = run.trials(), run.outcomes()
    labels = combinations.labels(planned)
    made: dict[Combination, _Made] = {}
    for own in combinations.in_plan_order(run.manifest.plan, planned):
        orders = set(planned[own])
        empty = Row(
            own.topology,
            own.scenario,
            labels[own.instrument, own.parameters],
            runs=0,
            condition=own.condition,
            replica=own.replica,
        )
        good = readings.read(run, [line for line in outcomes if line["order"] in orders])
        made[own] = _Made(_row(empty, good, _unfinished(orders, lines, outcomes)), paired.of(good))
        if beside is not None:
            beside(made[own].row, good)
    baselines = combinations.baselines(run.manifest.plan, planned)
    return wakefulness.noted([_compared(own, made, baselines[own.group]) for own in made])


def broken(made: Sequence[Row]) -> list[str]:
    """A line for each rule that the figures break: `netlab bench` ends with status 5 if there is one."""
    return [
        f"{', '.join(_named(row))}: {flag.rule}: {flag.text}"
        for row in made
        for flag in row.flags
        if flag.severity == "broken"
    ]


def _named(row: Row) -> list[str]:
    condition = f" {row.condition}" if row.condition else ""
    return [row.topology, f"{row.scenario}{condition}", row.instrument]


def _row(empty: Row, good: Sequence[Reading], unfinished: list[Flag]) -> Row:
    runs: list[Metrics] = [reading.metrics for reading in good]
    found = [
        *unfinished,
        *_of_runs(good),
        *_mixed_boards([reading.line for reading in good]),
        *_not_pooled(runs),
        *steadiness.warnings(good),
    ]
    worst = max(runs, key=lambda metrics: number(metrics, "max_us") or 0, default={})
    row = replace(
        empty,
        runs=len(runs),
        samples=combine.transactions(runs),
        loss=combine.loss(runs),
        min_us=combine.extreme(runs, "min_us", min),
        mean_us=combine.pooled_mean(runs),
        max_us=combine.extreme(runs, "max_us", max),
        max_at=worst.get("max_at"),
        stddev_us=combine.pooled_stddev(runs),
        transaction_rate=combine.pooled_rate(runs),
        mean_ci=_mean_interval(good),
        load=loads.in_words([reading.line for reading in good]),
        **_percentiles(good, runs),
    )
    already = {flag.rule for flag in found}  # the row would only repeat what its runs said
    found += [flag for flag in rules.check(vars(row)) if flag.rule not in already]
    return replace(row, flags=flags.merge(found))


def _of_runs(good: Sequence[Reading]) -> list[Flag]:
    """What is to be said of each run; where samples are pooled, whether they are enough is said of all together."""
    found = [flag for reading in good for flag in reading.flags]
    if not _pooled(good):
        return found
    count = sum(reading.sampled.ordered.size for reading in good if reading.sampled is not None)
    kept = [flag for flag in found if flag.rule != readings.UNDERSAMPLED]
    return [
        *kept,
        *readings.undersampled(count, [p for p in (50, 90, 99) if not combine.enough_beyond(count, p)]),
    ]


def _pooled(good: Sequence[Reading]) -> bool:
    """Whether every run has samples, so that percentiles are those of all together."""
    return bool(good) and all(reading.sampled is not None for reading in good)


def _percentiles(good: Sequence[Reading], runs: Sequence[Metrics]) -> dict[str, Any]:
    """Of all samples together where every run has them; else the median over the runs of each run's own."""
    if _pooled(good):
        together = [
            own.ordered for reading in good if (own := reading.sampled) is not None and own.ordered.size
        ]
        if not together:
            return {}
        interval = bootstrap.of_pooled_median(_by_block_pooled(good))
        found: dict[str, Any] = dict(quantiles.of_sorted_runs(together))
        if interval is not None and found["p50_us"] is not None:
            found["p50_ci"] = Interval(
                min(interval.low / 1000, found["p50_us"]), max(interval.high / 1000, found["p50_us"])
            )
        return found
    found = {
        quantiles.key(percent): combine.median_percentile(runs, percent) for percent in quantiles.PERCENTILES
    }
    found["mad_us"] = combine.median_of(runs, "mad_us")
    found["p50_ci"] = _median_interval(good)
    return found


def _by_block(good: Sequence[Reading]) -> list[list[Reading]]:
    """Blocks are what was drawn by chance: several duts measure in the same one."""
    found: dict[int, list[Reading]] = {}
    for reading in good:
        found.setdefault(reading.block[0], []).append(reading)
    return list(found.values())


def _by_block_pooled(good: Sequence[Reading]) -> list[npt.NDArray[np.int64]]:
    """Each block's samples, in ascending order; none is copied where a block is one run."""
    found = []
    for block in _by_block(good):
        parts = [
            own.ordered for reading in block if (own := reading.sampled) is not None and own.ordered.size
        ]
        if parts:
            found.append(parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts)))
    return found


def _median_interval(good: Sequence[Reading]) -> Interval | None:
    """Of the blocks' medians, with all that ticks and bins leave open."""
    figures = known.of(good, "p50_us")
    own = {id(reading): figure for reading, figure in zip(good, figures, strict=True) if figure is not None}
    blocks = [
        known.median(inside)
        for block in _by_block(good)
        if (inside := [own[id(reading)] for reading in block if id(reading) in own])
    ]
    low = bootstrap.of_median([block.low for block in blocks])
    high = bootstrap.of_median([block.high for block in blocks])
    return None if low is None or high is None else Interval(low.low, high.high)


def _mean_interval(good: Sequence[Reading]) -> Interval | None:
    if combine.pooled_mean([reading.metrics for reading in good]) is None:
        return None
    told = [
        (mean, combine.transactions(inside))
        for block in _by_block(good)
        for inside in [[reading.metrics for reading in block]]
        if (mean := combine.pooled_mean(inside)) is not None
    ]
    return bootstrap.of_mean([mean for mean, count in told if count], [count for _, count in told if count])


def _compared(own: Combination, made: Mapping[Combination, _Made], baseline: str) -> Row:
    """The row with its difference from the baseline's; a row that has nothing to be held against has none."""
    row = made[own].row
    first = made.get(own._replace(topology=baseline, replica=1))
    again = made.get(own._replace(topology=baseline, replica=2))
    others = sum(other.group == own.group for other in made)
    if first is None or others < 2:
        return row
    again_blocks = again.blocks if again is not None else None
    if (own.topology, own.replica) == (baseline, 1):
        return replace(row, difference=paired.of_baseline(first.blocks, again_blocks, baseline))
    found = paired.difference(made[own].blocks, first.blocks, again_blocks, baseline)
    row = replace(row, difference=found)
    if own.topology == baseline and found.shift_ci is not None and not found.shift_ci.holds(0):
        text = "the baseline differs from itself, measured twice in each block: no smaller difference is resolved"
        return replace(row, flags=flags.merge([*row.flags, Flag("aa_pair_differs", text)]))
    return row


def _unfinished(
    orders: set[int], lines: Sequence[Mapping[str, Any]], outcomes: Sequence[Mapping[str, Any]]
) -> list[Flag]:
    """What did not go as planned: failed, skipped and missing trials, and failures that a retry made good.

    Each dut for itself: figures of one make up for no other's. A line without a board stands for all of them.
    """
    mine = [line for line in outcomes if line["order"] in orders]
    good = {(line["order"], line.get("board")) for line in mine if line["status"] == "ok"}
    lost = [line for line in mine if line["status"] != "ok"]
    found = [
        Flag(f"trial_{line['status']}", str(line.get("reason") or "no reason given"), severity="incomplete")
        for line in lost
    ]
    whole = {order for order, _ in good} - {line["order"] for line in lost}
    found += [
        Flag("trial_retried", f"succeeded after: {line.get('reason') or 'no reason given'}")
        for line in lines
        if line["order"] in orders and line["status"] == "failed"
        if (line["order"] in whole if line.get("board") is None else (line["order"], line["board"]) in good)
    ]
    duts = {board for line in outcomes if (board := line.get("board")) is not None} or {None}
    told = {(line["order"], line.get("board")) for line in mine}
    missing = sum(
        any((order, dut) not in told for dut in duts) and (order, None) not in told for order in orders
    )
    if missing:
        found.append(Flag("trial_missing", "planned, but not run (yet)", missing, "incomplete"))
    return found


def _not_pooled(runs: Sequence[Metrics]) -> list[Flag]:
    if combine.pooled_mean(runs) is not None or not any(number(run, "mean_us") is not None for run in runs):
        return []
    text = "mean, stddev and rate: a run lacks them, or the number of its transactions"
    return [Flag("not_pooled", text, len(runs))]


def _mixed_boards(good: Sequence[Mapping[str, Any]]) -> list[Flag]:
    boards = sorted({str(line["board"]) for line in good if line.get("board")})
    if len(boards) < 2:
        return []
    return [Flag("boards_mixed", f"the row holds runs of different boards: {', '.join(boards)}", len(good))]
