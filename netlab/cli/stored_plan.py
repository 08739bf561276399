# SPDX-License-Identifier: Apache-2.0
"""The plan that a run has stored, checked again before its trials are handed to Ansible.

A run's folder may come from elsewhere, and Ansible would evaluate a template in a parameter.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from netlab.errors import InvalidInput, Problem
from netlab.plan import Plan
from netlab.plan.document import Document
from netlab.plan.load import Check, checked
from netlab.results import RunStore
from netlab.results.manifest import MANIFEST, Manifest


def recheck(store: RunStore, known: Mapping[str, Collection[str]], check: Check) -> None:
    """Raises InvalidInput where the stored plan would be refused as a file, or a trial is not one of it."""
    file = str(store.path / MANIFEST)
    plan = checked(Document(file, store.manifest.plan, {}), known=known, check=check)
    problems = [
        Problem(
            f"trial {spec.get('order')!r} is not one of the plan",
            file,
            None,
            "order",
            "order as it was written",
        )
        for spec in store.manifest.order
        if not _is_of(plan, spec)
    ]
    if problems or not _counted(store.manifest):
        wrong = problems or [Problem("the trials are not counted from 1", file, None, "order")]
        raise InvalidInput(wrong, hint=f"netlab report {store.path}")


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


def _counted(manifest: Manifest) -> bool:
    return [spec.get("order") for spec in manifest.order] == list(range(1, len(manifest.order) + 1))
