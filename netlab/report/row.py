# SPDX-License-Identifier: Apache-2.0
"""What a report shows of one combination of topology, scenario and instrument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# broken: the figures break a rule. incomplete: a trial failed, was skipped or never ran. note: know this
# before you quote the figure.
Severity = Literal["broken", "incomplete", "note"]


@dataclass(frozen=True)
class Flag:
    """A rule, what it has to say here, and in how many trials."""

    rule: str
    text: str
    count: int = 1
    severity: Severity = "note"

    def as_dict(self) -> dict[str, Any]:
        """For `--format json`."""
        return {"rule": self.rule, "text": self.text, "count": self.count, "severity": self.severity}


@dataclass(frozen=True)
class Row:
    """One row of the table; times are round trips in microseconds. None: not measured, or not known well."""

    topology: str
    scenario: str
    instrument: str
    runs: int
    min_us: float | None = None
    mean_us: float | None = None
    p50_us: float | None = None
    p90_us: float | None = None
    p99_us: float | None = None
    max_us: float | None = None
    stddev_us: float | None = None
    transaction_rate: float | None = None
    flags: tuple[Flag, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For `--format json`: the keys are part of what netlab promises (docs/results.md)."""
        return {**vars(self), "flags": [flag.as_dict() for flag in self.flags]}
