# SPDX-License-Identifier: Apache-2.0
"""A trial's result on its way to disk: checked against the plan, and made into values that JSON can hold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from netlab.errors import NetlabError

STATUSES = ("ok", "failed", "skipped")
# What a result repeats of its planned trial, and what is meant where a run of schema version 1 lacks it.
_PLANNED: dict[str, Any] = {
    "block": None,
    "topology": None,
    "replica": 1,
    "scenario": None,
    "condition": "",
    "instrument": None,
}


def check(trial: Mapping[str, Any], planned: Mapping[str, Any]) -> None:
    """Raise NetlabError when a result is not that of the trial it says it is."""
    label = f"the result of trial {trial.get('order')}"
    if trial.get("status") not in STATUSES:
        raise NetlabError(f"{label} has the status {trial.get('status')!r}, not one of {', '.join(STATUSES)}")
    for key, usual in _PLANNED.items():
        said, meant = trial.get(key, usual), planned.get(key, usual)
        if said != meant:
            raise NetlabError(f"{label} has {key} {said!r}; the plan says {meant!r}")
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


def file_name(trial: Mapping[str, Any], attempt: int, *, with_board: bool = False) -> str:
    """Name, without its ending, of the files that hold a trial's bulk, such as 0007-macvtap-netperf.

    `with_board` where several boards have a result in each trial.
    """
    words = [f"{trial['order']:04d}", _word(trial["topology"]), _word(trial["instrument"])]
    if with_board:
        words.append(_word(str(trial.get("board"))))
    if attempt > 1:
        words.append(f"attempt{attempt}")
    return "-".join(words)


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", name)
