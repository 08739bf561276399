# SPDX-License-Identifier: Apache-2.0
"""Plans: what is to be measured, how often, and in which order."""

from netlab.plan.design import Design
from netlab.plan.load import BuiltinPlan, builtin_plans, load
from netlab.plan.model import Instrument, Plan, ScenarioChoice, schema
from netlab.plan.scenarios import Scenario, scenarios
from netlab.plan.trials import TrialSpec

__all__ = [
    "BuiltinPlan",
    "Design",
    "Instrument",
    "Plan",
    "Scenario",
    "ScenarioChoice",
    "TrialSpec",
    "builtin_plans",
    "load",
    "scenarios",
    "schema",
]
