# SPDX-License-Identifier: Apache-2.0
"""A run in memory, of the shape that the analysis reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from netlab.plan import Plan
from netlab.results import attempts


@dataclass
class FakeManifest:
    plan: Mapping[str, Any]
    order: list[dict[str, Any]]


@dataclass
class FakeRun:
    manifest: FakeManifest
    lines: list[dict[str, Any]] = field(default_factory=list)

    def trials(self) -> list[dict[str, Any]]:
        return self.lines

    def outcomes(self) -> list[dict[str, Any]]:
        return list(attempts.outcomes(self.lines))

    def read_samples(self, line: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """A line's own columns; a text instead is what is wrong with them."""
        if isinstance(line["samples"], str):
            raise ValueError(line["samples"])
        return line["samples"]  # type: ignore[no-any-return]

    def record(self, topology: str, *results: Mapping[str, Any] | str, replica: int = 1, **more: Any) -> None:
        """Metrics for the trials of a topology, in running order; a text instead is a failure's reason."""
        specs = [
            spec
            for spec in self.manifest.order
            if (spec["topology"], spec.get("replica", 1)) == (topology, replica)
        ]
        for spec, given in zip(specs, results, strict=False):
            told = {"status": "ok", "metrics": given} if isinstance(given, Mapping) else {"reason": given}
            self.lines.append({**spec, "status": "failed", "reason": None, "flags": [], **told, **more})


Run = Callable[..., FakeRun]


@pytest.fixture
def run() -> Run:
    """run(topologies=…, …): a run without results of such a plan."""

    def make(**plan: Any) -> FakeRun:
        made = Plan.model_validate(
            {"name": "p", "topologies": ["host", "tap"], "blocks": 2, "aa_pair": False, **plan}
        )
        return FakeRun(FakeManifest(made.as_dict(), [spec.as_dict() for spec in made.trials()]))

    return make
