# SPDX-License-Identifier: Apache-2.0
"""Plans: what is to be measured, how often, and in which order."""

from netlab.plan.load import BuiltinPlan, builtin_plans, load, scenarios
from netlab.plan.model import Instrument, Plan, schema
from netlab.plan.trials import TrialSpec

__all__ = ["BuiltinPlan", "Instrument", "Plan", "TrialSpec", "builtin_plans", "load", "scenarios", "schema"]
