# SPDX-License-Identifier: Apache-2.0
"""The plan that a run has stored, checked again before its trials are handed to Ansible.

A run's folder may come from elsewhere, and Ansible would evaluate a template in a parameter.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from netlab.errors import InvalidInput, Problem
from netlab.plan import Plan
from netlab.plan.document import Document
from netlab.plan.load import Check, checked
from netlab.results import RunStore
from netlab.results.manifest import MANIFEST


def recheck(store: RunStore, known: Mapping[str, Collection[str]], check: Check) -> None:
    """Raises InvalidInput where the stored plan would be refused as a file, or a trial is not one of it."""
    file = str(store.path / MANIFEST)
    check_order(file, store.manifest.plan, store.manifest.order, known, check, f"netlab report {store.path}")


def check_order(
    file: str,
    told: Mapping[str, Any],
    order: Sequence[Mapping[str, Any]],
    known: Mapping[str, Collection[str]],
    check: Check,
    hint: str | None = None,
) -> Plan:
    """The plan that `told` holds. Raises InvalidInput, naming `file`, where it is none, or `order` is not of it."""
    plan = checked(Document(file, dict(told), {}), known=known, check=check)
    problems = [
        Problem(
            f"trial {spec.get('order')!r:.40} is not one of the plan",
            file,
            None,
            "order",
            "order as it was written",
        )
        for spec in order
        if not _is_of(plan, spec)
    ]
    if problems or not _counted(order):
        wrong = problems[:20] or [Problem("the trials are not counted from 1", file, None, "order")]
        raise InvalidInput(wrong, hint=hint)
    return plan


def _is_of(plan: Plan, spec: Mapping[str, Any]) -> bool:
    told = [(item.name, json.dumps(item.parameters, sort_keys=True)) for item in plan.instruments]
    conditions = {choice.name: choice.conditions or [""] for choice in plan.scenarios}
    allowed = {"order", "block", "topology", "replica", "scenario", "condition", "instrument", "parameters"}
    return (
        set(spec) <= allowed
        and spec.get("topology") in plan.topologies
        and spec.get("condition", "") in conditions.get(str(spec.get("scenario")), ())
        and (spec.get("instrument"), json.dumps(spec.get("parameters"), sort_keys=True)) in told
        and spec.get("replica", 1) in (1, 2)
        and isinstance(spec.get("block"), int)
    )


def _counted(order: Sequence[Mapping[str, Any]]) -> bool:
    return [spec.get("order") for spec in order] == list(range(1, len(order) + 1))
