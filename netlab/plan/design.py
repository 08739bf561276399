# SPDX-License-Identifier: Apache-2.0
"""A plan together with what its scenarios are: the trials that it really amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netlab.errors import InvalidInput
from netlab.plan.model import Plan, ScenarioChoice
from netlab.plan.scenarios import Scenario, guestless, scenarios
from netlab.plan.trials import Treatment, TrialSpec, order_trials


class LeftOut(NamedTuple):
    """A combination that is not planned, and why."""

    topology: str
    scenario: str
    reason: str


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
        planned = plan.model_copy(update={"scenarios": choices})
        made = cls(planned, known, none)
        measured = [name for name in plan.topologies if made._meaningful(name)]
        if not measured:
            why = "; ".join(dict.fromkeys(f"{own.scenario}: {own.reason}" for own in made.left_out()))
            raise InvalidInput(f"the plan {plan.name} has no trial: {why}", hint="netlab topologies")
        baseline = plan.baseline if plan.baseline in measured else measured[0]
        return cls(planned.model_copy(update={"baseline": baseline}), known, none)

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

    def left_out(self) -> list[LeftOut]:
        """Each combination of topology and scenario that is not planned."""
        return [
            LeftOut(topology, choice.name, reason)
            for topology in self.plan.topologies
            for choice in self.plan.scenarios
            if (reason := self._against(topology, choice))
        ]

    def _against(self, topology: str, choice: ScenarioChoice) -> str:
        """Why a scenario is not measured on a topology; nothing if it is."""
        if not choice.is_wanted_on(topology):
            return f"the plan has it on {', '.join(choice.topologies)} alone"
        if topology in self.without_guests and not self.scenarios[choice.name].on_host:
            return f"{topology} carries no guests"
        return ""

    def _meaningful(self, topology: str) -> list[Treatment]:
        against = {choice.name: self._against(topology, choice) for choice in self.plan.scenarios}
        return [item for item in self.plan.treatments(topology) if not against[item.scenario]]


def _complete(choice: ScenarioChoice, known: Mapping[str, Scenario]) -> ScenarioChoice:
    """With the scenario's own conditions, where the plan names none and there are several."""
    chosen = [item for item in known[choice.name].chosen(choice.conditions) if item]
    return choice.model_copy(update={"conditions": chosen})


def guests_needed(specs: Sequence[Mapping[str, Any]], topology: str, known: Mapping[str, Scenario]) -> int:
    """How many guests a dut needs for all trials of one topology.

    The most that any of them needs, in every block and for every scenario: a topology is deployed once in a block,
    and a row whose trials had one guest here and two there would hold two things. A plan that does not want a second
    guest beside its latencies leaves the scenario that needs it off the topology.
    """
    return max(
        (
            known[spec["scenario"]].guests_for(str(spec.get("condition", "")))
            for spec in specs
            if spec["topology"] == topology and spec["scenario"] in known
        ),
        default=0,
    )
