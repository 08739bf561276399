# SPDX-License-Identifier: Apache-2.0
"""What a scenario's conditions are called. A scenario says it itself; without, an id is read as words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netlab.report.text import one_line

_SPELT = {"cpu": "CPU", "cpus": "CPUs", "irq": "IRQ", "irqs": "IRQs"}


def words(condition: str, scenario: str, told: Mapping[str, Any]) -> str:
    """`same-cpu` is `same CPU`, `2` is `2 guests`; `told` is `{scenario: {condition: words}}`."""
    own = told.get(scenario)
    if isinstance(own, Mapping) and own.get(condition):
        return one_line(own[condition])
    if condition.isdigit():
        return f"{int(condition)} guest{'' if int(condition) == 1 else 's'}"
    return " ".join(_SPELT.get(word, word) for word in one_line(condition).split("-"))


def is_number(conditions: list[str]) -> bool:
    """Whether a scenario's conditions are amounts of one thing: a curve then says more than bars."""
    return bool(conditions) and all(condition.isdigit() for condition in conditions)
