# SPDX-License-Identifier: Apache-2.0
"""The rows of a run's table, in the plan's order. No planned combination is ever left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from netlab.analysis import combine, flags, rules
from netlab.analysis.combine import Metrics, number
from netlab.report.row import Flag, Row

PERCENTILES = (50, 90, 99)

Key = tuple[str, str, str, str]  # topology, scenario, instrument, parameters as JSON


class Manifest(Protocol):
    """What the analysis needs of a run's manifest."""

    @property
    def plan(self) -> Mapping[str, Any]: ...
    @property
    def order(self) -> Sequence[Mapping[str, Any]]: ...


class Run(Protocol):
    """What the analysis needs of a stored run."""

    @property
    def manifest(self) -> Manifest: ...
    def trials(self) -> list[dict[str, Any]]: ...
    def outcomes(self) -> list[dict[str, Any]]: ...


def rows(run: Run) -> list[Row]:
    """A row for each topology, scenario and instrument (with its parameters) of the plan."""
    planned: dict[Key, list[int]] = {}
    for spec in run.manifest.order:
        planned.setdefault(_key(spec), []).append(spec["order"])
    lines, outcomes = run.trials(), run.outcomes()
    labels = _instrument_labels(planned)
    made = []
    for key in _plan_order(run.manifest.plan, planned):
        orders = set(planned[key])
        topology, scenario, _, _ = key
        made.append(
            _row(
                Row(topology, scenario, labels[key[2:]], runs=0),
                [line for line in outcomes if line["order"] in orders],
                _unfinished(orders, lines),
            )
        )
    return made


def broken(made: Sequence[Row]) -> list[str]:
    """A line for each rule that the figures break: `netlab bench` ends with status 5 if there is one."""
    return [
        f"{row.topology}, {row.scenario}, {row.instrument}: {flag.rule}: {flag.text}"
        for row in made
        for flag in row.flags
        if flag.severity == "broken"
    ]


def _row(empty: Row, outcomes: list[dict[str, Any]], unfinished: list[Flag]) -> Row:
    good = [line for line in outcomes if line["status"] == "ok"]
    runs: list[Metrics] = [line.get("metrics") or {} for line in good]
    found = [
        *unfinished,
        *(flag for line, run in zip(good, runs, strict=True) for flag in _of_run(line, run)),
        *_mixed_boards(good),
        *_not_pooled(runs),
    ]
    row = replace(
        empty,
        runs=len(runs),
        min_us=combine.extreme(runs, "min_us", min),
        mean_us=combine.pooled_mean(runs),
        p50_us=combine.median_percentile(runs, 50),
        p90_us=combine.median_percentile(runs, 90),
        p99_us=combine.median_percentile(runs, 99),
        max_us=combine.extreme(runs, "max_us", max),
        stddev_us=combine.pooled_stddev(runs),
        transaction_rate=combine.pooled_rate(runs),
    )
    already = {flag.rule for flag in found}  # the row would only repeat what its runs said
    found += [flag for flag in rules.check(vars(row)) if flag.rule not in already]
    return replace(row, flags=flags.merge(found))


def _unfinished(orders: set[int], lines: list[dict[str, Any]]) -> list[Flag]:
    """What did not go as planned: failed, skipped and missing trials, and failures that a retry made good."""
    mine = [line for line in lines if line["order"] in orders]
    good = {line["order"] for line in mine if line["status"] == "ok"}
    last = {line["order"]: line for line in mine if line["order"] not in good}
    found = [
        Flag(f"trial_{line['status']}", str(line.get("reason") or "no reason given"), severity="incomplete")
        for _, line in sorted(last.items())
    ]
    found += [
        Flag("trial_retried", f"succeeded after: {line.get('reason') or 'no reason given'}")
        for line in mine
        if line["status"] == "failed" and line["order"] in good
    ]
    missing = len(orders - good - set(last))
    if missing:
        found.append(Flag("trial_missing", "planned, but not run (yet)", missing, "incomplete"))
    return found


def _of_run(line: Mapping[str, Any], run: Metrics) -> list[Flag]:
    return flags.of_run(line, [*rules.check(run), *_undersampled(run)])


def _undersampled(run: Metrics) -> list[Flag]:
    count = number(run, "transactions")
    unprinted = [
        f"p{percent}"
        for percent in PERCENTILES
        if number(run, f"p{percent}_us") is not None and not combine.enough_beyond(count, percent)
    ]
    if not unprinted:
        return []
    had = "an unknown number of" if count is None else f"{count:g}"
    text = f"{had} transactions leave fewer than ten samples beyond {', '.join(unprinted)}: not printed"
    return [Flag("percentile_undersampled", text)]


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


def _key(spec: Mapping[str, Any]) -> Key:
    parameters = json.dumps(spec.get("parameters") or {}, sort_keys=True)
    return (spec["topology"], spec["scenario"], spec["instrument"], parameters)


def _plan_order(plan: Mapping[str, Any], planned: Mapping[Key, list[int]]) -> list[Key]:
    instruments = [
        (item["name"], json.dumps(item["parameters"], sort_keys=True)) for item in plan["instruments"]
    ]
    topologies, scenarios = list(plan["topologies"]), list(plan["scenarios"])
    return sorted(
        planned,
        key=lambda key: (
            topologies.index(key[0]),
            scenarios.index(key[1]),
            instruments.index((key[2], key[3])),
        ),
    )


def _instrument_labels(planned: Mapping[Key, list[int]]) -> dict[tuple[str, str], str]:
    """`netperf`; where a plan uses it twice, also what it was told: `netperf test=UDP_RR`."""
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for _, _, instrument, parameters in planned:
        told.setdefault(instrument, {})[parameters] = json.loads(parameters)
    labels = {}
    for instrument, variants in told.items():
        for text, own in variants.items():
            differing = [
                f"{key}={value if isinstance(value, str) else json.dumps(value)}"
                for key, value in sorted(own.items())
                if any(other.get(key) != value for other in variants.values())
            ]
            labels[(instrument, text)] = " ".join([instrument, *differing])
    return labels
