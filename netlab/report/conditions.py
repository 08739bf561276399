# SPDX-License-Identifier: Apache-2.0
"""What a scenario's conditions are called: their ids, read as words."""

from __future__ import annotations

from netlab.report.text import one_line

_SPELT = {"cpu": "CPU", "cpus": "CPUs", "irq": "IRQ", "irqs": "IRQs"}


def words(condition: str) -> str:
    """`same-cpu` is `same CPU`, `2` is `2 at once`; empty where a scenario has but one condition."""
    if condition.isdigit():
        return f"{int(condition)} at once"
    return " ".join(_SPELT.get(word, word) for word in one_line(condition).split("-"))


def is_number(conditions: list[str]) -> bool:
    """Whether a scenario's conditions are amounts of one thing: a curve then says more than bars."""
    return bool(conditions) and all(condition.isdigit() for condition in conditions)
