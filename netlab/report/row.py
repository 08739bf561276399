# SPDX-License-Identifier: Apache-2.0
"""What a report shows of one combination of topology, scenario, condition and instrument."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

# broken: the figures break a rule. incomplete: a trial failed, was skipped or never ran. note: know this
# before you quote the figure.
Severity = Literal["broken", "incomplete", "note"]

# baseline: what the others are compared with. higher, lower: than the baseline, beyond what a comparison of the
# baseline with itself shows. not resolved: a difference that small is not one. insufficient samples: too few
# blocks to say anything.
Verdict = Literal["baseline", "higher", "lower", "not resolved", "insufficient samples"]


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
class Interval:
    """A 95 % confidence interval, in the unit of what it is about."""

    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """For `--format json`."""
        return {"low": self.low, "high": self.high}

    def holds(self, value: float) -> bool:
        """Whether a value is one of those that cannot be ruled out."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Difference:
    """How a row differs from the baseline's, block by block. Positive: higher than the baseline.

    `pairs` is the number of blocks that hold both; `pairs_needed` how many a verdict needs. The shift is in
    `metric` (the median round trip, or the mean where there is none), `share` the same as a share of the
    baseline's. `resolution_us` is what the A/A pair, the baseline measured twice, cannot tell from nothing;
    None: there was no such pair.
    """

    baseline: str
    pairs: int
    verdict: Verdict
    shift_us: float | None = None
    shift_ci: Interval | None = None
    share: float | None = None
    cliffs_delta: float | None = None
    resolution_us: float | None = None
    metric: str = "p50_us"
    pairs_needed: int = 6

    def as_dict(self) -> dict[str, Any]:
        """For `--format json`."""
        return {**vars(self), "shift_ci": self.shift_ci.as_dict() if self.shift_ci else None}


@dataclass(frozen=True)
class Row:
    """One row of the table; times are round trips in microseconds. None: not measured, or not known well.

    `runs` trials were measured with `samples` transactions in all; `loss` is a share of those sent. Intervals
    are 95 %, by bootstrap over the runs. `load` says in words what load ran beside the measurement.
    """

    topology: str
    scenario: str
    instrument: str
    runs: int
    condition: str = ""
    replica: int = 1
    samples: int | None = None
    loss: float | None = None
    min_us: float | None = None
    mean_us: float | None = None
    p50_us: float | None = None
    p90_us: float | None = None
    p99_us: float | None = None
    p999_us: float | None = None
    max_us: float | None = None
    max_at: str | None = None
    stddev_us: float | None = None
    mad_us: float | None = None
    transaction_rate: float | None = None
    p50_ci: Interval | None = None
    mean_ci: Interval | None = None
    difference: Difference | None = None
    load: str = ""
    flags: tuple[Flag, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For `--format json`: the keys are part of what netlab promises (docs/results.md)."""
        return {key: _plain(value) for key, value in vars(self).items()}

    def as_cells(self) -> dict[str, Any]:
        """For `--format csv`: as above, what has parts as a cell a part, and flags as rule names."""
        cells: dict[str, Any] = {}
        for key, value in vars(self).items():
            if key in _PARTS:
                parts = value.as_dict() if value else dict.fromkeys(_PARTS[key])
                for part, item in parts.items():
                    if isinstance(item, dict) or part in _NESTED:
                        cells |= {f"{key}_{part}_{end}": item and item[end] for end in ("low", "high")}
                    else:
                        cells[f"{key}_{part}"] = item
            else:
                cells[key] = value
        return {**cells, "flags": " ".join(flag.rule for flag in self.flags)}

    @classmethod
    def columns(cls) -> list[str]:
        """The keys of `as_cells`, which every row has."""
        return list(cls("", "", "", 0).as_cells())


_ENDS = tuple(field.name for field in fields(Interval))
_PARTS = {"p50_ci": _ENDS, "mean_ci": _ENDS, "difference": tuple(field.name for field in fields(Difference))}
_NESTED = ("shift_ci",)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [item.as_dict() for item in value]
    return value.as_dict() if isinstance(value, Interval | Difference) else value
