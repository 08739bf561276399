# SPDX-License-Identifier: Apache-2.0
"""What a trial is to measure, and the form of its result. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow


@dataclass(frozen=True)
class Setup:
    """What is measured, and around it. ``interfaces`` are the board's that are counted."""

    trial: Mapping[str, Any]
    board: str
    flows: Sequence[Flow]
    loads: Sequence[Mapping[str, Any]] = ()
    interfaces: Sequence[str] = ()
    warm_up_s: float = 0.0
    pause_s: float = 0.0
    pins: Any = None


def now() -> str:
    """ISO 8601, UTC, by this board's clock."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


def blank_trial(setup: Setup) -> dict[str, Any]:
    """The trial's own keys, and those of its result, not yet filled in."""
    moment = now()
    return {
        **setup.trial,
        "board": setup.board,
        "guest": setup.flows[0].guest if setup.flows else None,
        "status": "failed",
        "reason": None,
        "started": moment,
        "finished": moment,
        "command": [],
        "pacing": None,
        "metrics": {},
        "counters": {"before": {}, "after": {}},
        "flags": [],
        "raw": "",
        "flows": [],
        "loads": [],
        "pins": setup.pins,
        "samples": None,
    }
