# SPDX-License-Identifier: Apache-2.0
"""The order of a plan's trials: a randomised complete block design.

Every block holds each combination once, so that what drifts during a run (temperature, other load) falls on
all topologies alike; within a block the order is random, so that it does not always fall on the same one
first (Montgomery, Design and Analysis of Experiments, chapter 4). Trials of one topology stay together within
a block, because changing the topology is a redeployment: topologies are whole plots, trials split plots. The
baseline's second measurement in a block, the other half of the A/A pair, is a whole plot of its own: it shows
how far two measurements of one thing lie apart when they are made as those of different things are.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

Item = TypeVar("Item")


class Plot(NamedTuple):
    """A topology that is deployed once in each block; replica 2 is the second half of the A/A pair."""

    topology: str
    replica: int = 1


class Treatment(NamedTuple):
    """What is measured on a topology."""

    scenario: str
    condition: str
    instrument: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class TrialSpec:
    """One trial to be run; `order` counts from 1 over the whole run, `block` from 1."""

    order: int
    block: int
    topology: str
    scenario: str
    instrument: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    condition: str = ""
    replica: int = 1

    def as_dict(self) -> dict[str, Any]:
        """As the bench play takes it (`testbed_trials`) and the manifest keeps it."""
        return {
            "order": self.order,
            "block": self.block,
            "topology": self.topology,
            "replica": self.replica,
            "scenario": self.scenario,
            "condition": self.condition,
            "instrument": self.instrument,
            "parameters": dict(self.parameters),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrialSpec:
        """The reverse of as_dict; other keys (a result's metrics) are passed over.

        Runs of schema version 1 know no conditions and no replicas.
        """
        return cls(
            order=values["order"],
            block=values["block"],
            topology=values["topology"],
            scenario=values["scenario"],
            instrument=values["instrument"],
            parameters=dict(values.get("parameters") or {}),
            condition=values.get("condition", ""),
            replica=values.get("replica", 1),
        )


def order_trials(
    plots: Sequence[Plot], treatments: Mapping[str, Sequence[Treatment]], blocks: int, seed: int
) -> list[TrialSpec]:
    """All trials in running order; the same arguments give the same order on every machine.

    `treatments` by topology; a plot of a topology without any is left out.
    """
    chance = random.Random(seed)
    plots = [plot for plot in plots if treatments.get(plot.topology)]
    specs: list[TrialSpec] = []
    for block in range(1, blocks + 1):
        for topology, replica in _shuffled(plots, chance):
            for scenario, condition, instrument, parameters in _shuffled(treatments[topology], chance):
                order = len(specs) + 1
                specs.append(
                    TrialSpec(order, block, topology, scenario, instrument, parameters, condition, replica)
                )
    return specs


def _shuffled(items: Sequence[Item], chance: random.Random) -> list[Item]:
    """A random order made from random() alone.

    Python promises the sequence of random() for a seed across its versions, but not that of shuffle()
    (library reference, "Notes on Reproducibility").
    """
    keyed = [(chance.random(), index) for index in range(len(items))]
    return [items[index] for _, index in sorted(keyed)]
