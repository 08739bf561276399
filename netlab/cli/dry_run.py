# SPDX-License-Identifier: Apache-2.0
"""What would be measured, in order, how long it would take, and what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from netlab.cli import output
from netlab.cli.estimate import Estimate
from netlab.play.progress import about

Spec = Mapping[str, Any]
LeftOut = Sequence[tuple[str, str, str]]


def show(specs: Sequence[Spec], expected: Estimate, left_out: LeftOut, *, json: bool) -> None:
    """`left_out`: (topology, scenario, reason) of what is not planned."""
    if json:
        output.as_json(
            {
                "trials": [dict(spec) for spec in specs],
                "estimate": {"seconds": round(expected.total, 1), "basis": list(expected.told)},
                "left_out": [
                    {"topology": topology, "scenario": scenario, "reason": reason}
                    for topology, scenario, reason in left_out
                ],
            }
        )
        return
    keys = ["order", "block", "topology", "scenario", "instrument"]
    keys[3:3] = ["replica"] if any(spec.get("replica", 1) != 1 for spec in specs) else []
    if any(spec.get("condition") for spec in specs):
        keys.insert(keys.index("instrument"), "condition")
    output.table(
        [*keys, "parameters"], [[*(spec.get(key, "") for key in keys), _told(spec)] for spec in specs]
    )
    output.line()
    plots = groupby(specs, key=lambda spec: (spec["block"], spec["topology"], spec.get("replica", 1)))
    deployments = output.plural(len(list(plots)), "deployment")
    output.line(f"about {about(expected.total)}: {output.plural(len(specs), 'trial')}, {deployments}")
    for words in expected.told:
        output.line(f"  {words}")
    for topology, scenario, reason in left_out:
        output.line(f"not planned: {scenario} on {topology}: {reason}")


def _told(spec: Spec) -> str:
    return "  ".join(f"{key}={value}" for key, value in (spec.get("parameters") or {}).items())
