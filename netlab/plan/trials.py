# SPDX-License-Identifier: Apache-2.0
"""The order of a plan's trials: a randomised complete block design.

Every block holds each combination once, so that what drifts during a run (temperature, other load) falls on
all topologies alike; within a block the order is random, so that it does not always fall on the same one
first (Montgomery, Design and Analysis of Experiments, chapter 4). Trials of one topology stay together within
a block, because changing the topology is a redeployment: topologies are whole plots, trials split plots.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class TrialSpec:
    """One trial to be run; `order` counts from 1 over the whole run, `block` from 1."""

    order: int
    block: int
    topology: str
    scenario: str
    instrument: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As the bench play takes it (`testbed_trials`) and the manifest keeps it."""
        return {
            "order": self.order,
            "block": self.block,
            "topology": self.topology,
            "scenario": self.scenario,
            "instrument": self.instrument,
            "parameters": dict(self.parameters),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrialSpec:
        """The reverse of as_dict; other keys (a result's metrics) are passed over."""
        return cls(
            order=values["order"],
            block=values["block"],
            topology=values["topology"],
            scenario=values["scenario"],
            instrument=values["instrument"],
            parameters=dict(values.get("parameters") or {}),
        )


def order_trials(
    topologies: Sequence[str],
    scenarios: Sequence[str],
    instruments: Sequence[tuple[str, Mapping[str, Any]]],
    blocks: int,
    seed: int,
) -> list[TrialSpec]:
    """All trials in running order; the same arguments give the same order on every machine."""
    chance = random.Random(seed)
    specs: list[TrialSpec] = []
    for block in range(1, blocks + 1):
        for topology in _shuffled(topologies, chance):
            told = [(scenario, *instrument) for scenario in scenarios for instrument in instruments]
            for scenario, instrument, parameters in _shuffled(told, chance):
                order = len(specs) + 1
                specs.append(TrialSpec(order, block, topology, scenario, instrument, parameters))
    return specs


def _shuffled(items: Sequence[Item], chance: random.Random) -> list[Item]:
    """A random order made from random() alone.

    Python promises the sequence of random() for a seed across its versions, but not that of shuffle()
    (library reference, "Notes on Reproducibility").
    """
    keyed = [(chance.random(), index) for index in range(len(items))]
    return [items[index] for _, index in sorted(keyed)]
