# SPDX-License-Identifier: Apache-2.0
"""A plan together with what its scenarios are: the trials that it really amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netlab.errors import InvalidInput
from netlab.plan.model import Plan, ScenarioChoice
from netlab.plan.scenarios import Scenario, guestless, scenarios
from netlab.plan.trials import Treatment, TrialSpec, order_trials


@dataclass(frozen=True)
class Design:
    """A plan whose scenarios have all their conditions, and whose baseline is measured.

    `without_guests`: topologies that carry none; a scenario that means nothing there is not planned there.
    """

    plan: Plan
    scenarios: Mapping[str, Scenario]
    without_guests: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, plan: Plan) -> Design:
        """Made with what the collection's roles say. InvalidInput where nothing is left to measure."""
        known = scenarios()
        none = guestless(plan.topologies)
        choices = [_complete(choice, known) for choice in plan.scenarios]
        measured = [
            name
            for name in plan.topologies
            if name not in none or any(known[choice.name].on_host for choice in choices)
        ]
        if not measured:
            raise InvalidInput(
                f"the plan {plan.name} has no trial: {', '.join(plan.topologies)} without guests, "
                f"{', '.join(choice.name for choice in choices)} between guests",
                hint="netlab topologies",
            )
        baseline = plan.baseline if plan.baseline in measured else measured[0]
        return cls(plan.model_copy(update={"scenarios": choices, "baseline": baseline}), known, none)

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def seed(self) -> int:
        return self.plan.seed

    def as_dict(self) -> dict[str, Any]:
        """The plan as it is measured, as JSON values."""
        return self.plan.as_dict()

    def trials(self) -> list[TrialSpec]:
        """Every trial in the order in which it is to be run."""
        treatments = {topology: self._meaningful(topology) for topology in self.plan.topologies}
        return order_trials(self.plan.plots(), treatments, self.plan.blocks, self.plan.seed)

    def left_out(self) -> list[tuple[str, str]]:
        """(topology, scenario) of each combination that is not planned, because it means nothing."""
        return [
            (topology, choice.name)
            for topology in self.plan.topologies
            for choice in self.plan.scenarios
            if not self._means(topology, choice.name)
        ]

    def _means(self, topology: str, scenario: str) -> bool:
        return topology not in self.without_guests or self.scenarios[scenario].on_host

    def _meaningful(self, topology: str) -> list[Treatment]:
        return [item for item in self.plan.treatments() if self._means(topology, item.scenario)]


def _complete(choice: ScenarioChoice, known: Mapping[str, Scenario]) -> ScenarioChoice:
    """With the scenario's own conditions, where the plan names none and there are several."""
    chosen = [item for item in known[choice.name].chosen(choice.conditions) if item]
    return choice.model_copy(update={"conditions": chosen})


def guests_needed(specs: Sequence[Mapping[str, Any]], topology: str, known: Mapping[str, Scenario]) -> int:
    """How many guests a dut needs for all trials of one topology, so that each block has the same number."""
    return max(
        (
            known[spec["scenario"]].guests_for(str(spec.get("condition", "")))
            for spec in specs
            if spec["topology"] == topology and spec["scenario"] in known
        ),
        default=0,
    )
