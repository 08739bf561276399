# SPDX-License-Identifier: Apache-2.0
"""What paths and conditions are called: the 2022 report's way, and a condition's id read as words."""

from __future__ import annotations

from netlab.report.row import Row
from netlab.report.text import one_line

AGAIN = " (again)"  # the baseline's second measurement of each block, the A/A pair

_SPELT = {"cpu": "CPU", "cpus": "CPUs", "irq": "IRQ", "irqs": "IRQs"}


def of_condition(condition: str) -> str:
    """`same-cpu` is `same CPU`, `2` is `2 at once`; empty where a scenario has but one condition."""
    if condition.isdigit():
        return f"{int(condition)} at once"
    return " ".join(_SPELT.get(word, word) for word in one_line(condition).split("-"))


def is_number(conditions: list[str]) -> bool:
    """Whether a scenario's conditions are amounts of one thing: a curve then says more than bars."""
    return bool(conditions) and all(condition.isdigit() for condition in conditions)


def joined(path: str, condition: str) -> str:
    """`tap`, or `tap: same CPU`."""
    return f"{path}: {condition}" if condition else path


def of_row(row: Row) -> str:
    """A row among those of its scenario and instrument: `host (again)`, `tap: same CPU`."""
    return joined(row.topology + (AGAIN if row.replica > 1 else ""), of_condition(row.condition))
