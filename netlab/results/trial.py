# SPDX-License-Identifier: Apache-2.0
"""A trial's result on its way to disk: checked against the plan, and made into values that JSON can hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from netlab.errors import NetlabError

STATUSES = ("ok", "failed", "skipped")
_PLANNED = ("block", "topology", "scenario", "instrument")


def check(trial: Mapping[str, Any], planned: Mapping[str, Any]) -> None:
    """Raise NetlabError when a result is not that of the trial it says it is."""
    label = f"the result of trial {trial.get('order')}"
    if trial.get("status") not in STATUSES:
        raise NetlabError(f"{label} has the status {trial.get('status')!r}, not one of {', '.join(STATUSES)}")
    for key in _PLANNED:
        if trial.get(key) != planned[key]:
            raise NetlabError(f"{label} has {key} {trial.get(key)!r}; the plan says {planned[key]!r}")
    if trial["status"] != "ok" and not trial.get("reason"):
        raise NetlabError(f"{label} is {trial['status']} without a reason")


def storable(trial: Mapping[str, Any]) -> dict[str, Any]:
    """The trial with every NaN and infinity replaced by null, and a flag that says where they were."""
    lost: list[str] = []
    made = _finite(dict(trial), "", lost)
    assert isinstance(made, dict)
    made["flags"] = list(made.get("flags") or [])
    if lost:
        text = f"not a finite number, stored as null: {', '.join(sorted(lost))}"
        made["flags"].append({"rule": "not_a_number", "text": text, "severity": "broken"})
    return made


def _finite(value: Any, path: str, lost: list[str]) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        lost.append(path)
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item, f"{path}.{key}".lstrip("."), lost) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, f"{path}[{index}]", lost) for index, item in enumerate(value)]
    return value


def raw_name(trial: Mapping[str, Any], attempt: int) -> str:
    """File name of a trial's verbatim output, such as 0007-macvtap-netperf.txt.gz."""
    words = "-".join(_word(trial[key]) for key in ("topology", "instrument"))
    again = f"-attempt{attempt}" if attempt > 1 else ""
    return f"{trial['order']:04d}-{words}{again}.txt.gz"


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", name)


def identity(trial: Mapping[str, Any]) -> tuple[Any, ...]:
    """What one result is the result of: a trial, on a board, in a guest."""
    return (trial.get("order"), trial.get("board"), trial.get("guest"))


def outcomes(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The lines that count: for each trial its good results, else its last one.

    A trial may have several lines: failed and tried again, or skipped and then resumed where it could run.
    """
    by_order: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        by_order.setdefault(line["order"], []).append(line)
    for order in sorted(by_order):
        good = [line for line in by_order[order] if line["status"] == "ok"]
        yield from good or by_order[order][-1:]
