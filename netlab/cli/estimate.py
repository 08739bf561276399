# SPDX-License-Identifier: Apache-2.0
"""How long trials will take: as long as they took in earlier runs, else what their parameters say."""

from __future__ import annotations

import contextlib
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from netlab.cli import output
from netlab.errors import NetlabError
from netlab.results import RunStore
from netlab.results.names import folders

RUNS = 20  # newest runs that are looked at
# Seconds that are assumed of what no earlier run tells; docs/plans.md has them too.
LENGTH = 3.0  # a measurement whose parameters have no duration_s
BETWEEN = 0.5  # from the end of a measurement to the start of the next on the same topology
DEPLOYMENT = 10.0  # from the last measurement on one topology to the first on the next
LOOK = 3.0  # the environment, read before each block and after the last

Spec = Mapping[str, Any]
Key = tuple[str, ...]


@dataclass
class Costs:
    """What earlier runs took, in seconds."""

    trials: dict[Key, list[float]] = field(default_factory=dict)
    between: list[float] = field(default_factory=list)
    deployments: dict[str, list[float]] = field(default_factory=dict)
    runs: int = 0


@dataclass(frozen=True)
class Estimate:
    """Seconds that each trial will take, by its order, with what comes before it: deployment, environment."""

    seconds: Mapping[int, float]
    after: float  # what is left once the last trial is done
    told: Sequence[str]  # what it rests on, in words

    @property
    def total(self) -> float:
        return sum(self.seconds.values()) + self.after


def estimate(specs: Sequence[Spec], plan: Mapping[str, Any], costs: Costs) -> Estimate:
    """For these trials, in running order, with the plan's own warm-up and pause."""
    rest = _number(plan.get("warm_up_s")) + _number(plan.get("pause_s"))
    between = _median(costs.between, BETWEEN)
    expected: dict[int, float] = {}
    known = deployments = known_deployments = 0
    before: Spec | None = None
    for spec in specs:
        took = costs.trials.get(_key(spec))
        known += took is not None
        wait = between
        if before is None or _plot(before) != _plot(spec):
            deployed = costs.deployments.get(spec["topology"])
            deployments += 1
            known_deployments += deployed is not None
            wait = _median(deployed, DEPLOYMENT)
            if before is None or before["block"] != spec["block"]:
                wait += LOOK
        expected[spec["order"]] = wait + rest + _median(took, _length(spec))
        before = spec
    counts = (len(specs), known, deployments, known_deployments)
    return Estimate(expected, LOOK if specs else 0.0, _words(*counts, costs.runs))


def learn(results: Path) -> Costs:
    """What the newest runs of a folder took; one that cannot be read teaches nothing."""
    costs = Costs()
    for folder in sorted(folders(results), key=lambda path: path.stat().st_mtime)[-RUNS:]:
        with contextlib.suppress(NetlabError, OSError, ValueError, KeyError, TypeError):
            store = RunStore.open(results, str(folder))
            _learn_from(costs, store.trials(), store.manifest.plan, store.manifest.resumed)
            costs.runs += 1
    return costs


def _learn_from(costs: Costs, lines: Iterable[Spec], plan: Mapping[str, Any], resumed: Sequence[str]) -> None:
    measured = [line for line in lines if line["status"] == "ok" and line.get("started")]
    for line in measured:
        took = _time(line["finished"]) - _time(line["started"])
        costs.trials.setdefault(_key(line), []).append(took)
    rest = _number(plan.get("warm_up_s")) + _number(plan.get("pause_s"))
    pauses = [_time(text) for text in resumed]
    for before, after in pairwise(measured):
        ended, began = _time(before["finished"]), _time(after["started"])
        gap = began - ended - rest
        cut = any(ended <= pause <= began for pause in pauses)
        if cut or gap < 0 or before["block"] != after["block"] or before.get("board") != after.get("board"):
            continue
        if _plot(before) == _plot(after):
            costs.between.append(gap)
        else:
            costs.deployments.setdefault(after["topology"], []).append(gap)


def _words(trials: int, known: int, deployments: int, known_deployments: int, runs: int) -> list[str]:
    told = []
    if known or known_deployments:
        told.append(
            f"as in {output.plural(runs, 'earlier run')} here: {known} of {trials} trials, "
            f"{known_deployments} of {deployments} deployments"
        )
    if known < trials:
        told.append(
            f"assumed: a trial takes its duration_s, {LENGTH:g} s where it has none, "
            f"and {BETWEEN:g} s around it"
        )
    if known_deployments < deployments:
        told.append(f"assumed: a deployment takes {DEPLOYMENT:g} s")
    return told


def _key(spec: Spec) -> Key:
    parameters = json.dumps(spec.get("parameters") or {}, sort_keys=True)
    return (
        spec["topology"],
        spec["scenario"],
        str(spec.get("condition", "")),
        spec["instrument"],
        parameters,
    )


def _plot(spec: Spec) -> tuple[Any, ...]:
    return (spec["block"], spec["topology"], spec.get("replica", 1))


def _length(spec: Spec) -> float:
    told = (spec.get("parameters") or {}).get("duration_s")
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else LENGTH


def _median(values: Sequence[float] | None, otherwise: float) -> float:
    return statistics.median(values) if values else otherwise


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
