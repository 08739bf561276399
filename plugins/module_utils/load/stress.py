# SPDX-License-Identifier: Apache-2.0
"""Load by stress-ng(1): its commands, and the figures that it leaves. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import ParameterError

TIMER_HZ = 100_000  # asked of each worker; the kernel delivers as many as it can

# 0 workers: one for each processor that stress-ng may use
_STRESSORS = {
    "cpu": ["--cpu", "{workers}", "--cpu-method", "all"],
    "memory": ["--vm", "{workers}", "--vm-bytes", "{memory}", "--vm-method", "write64"],
    "interrupts": ["--timer", "{workers}", "--timer-freq", str(TIMER_HZ)],
}
STRESSORS = tuple(_STRESSORS)

_FIGURE = re.compile(r"^\s+(bogo-ops|bogo-ops-per-second-real-time): ([\d.]+)\s*$", re.MULTILINE)


def command(load: Mapping[str, Any], figures: str) -> list[str]:
    """The argument vector, bounded in time whatever happens; ``figures`` is the path of a file for its figures."""
    kind = load.get("stressor")
    if kind not in _STRESSORS:
        raise ParameterError(f"load {load['name']}: stressor: {kind!r} is none of {', '.join(STRESSORS)}")
    words = {"workers": load.get("workers", 0), "memory": load.get("memory", "256M")}
    return [
        "stress-ng", *(word.format(**words) for word in _STRESSORS[kind]),
        "--timeout", f"{load['limit_s']}s", "--metrics-brief", "--yaml", figures,
    ]  # fmt: skip


def achieved(text: str) -> dict[str, float]:
    """``bogo_ops`` and ``bogo_ops_per_s`` of all workers together; empty where it left no figures."""
    told = {name: float(value) for name, value in _FIGURE.findall(text)}
    if set(told) != {"bogo-ops", "bogo-ops-per-second-real-time"}:
        return {}
    return {"bogo_ops": told["bogo-ops"], "bogo_ops_per_s": round(told["bogo-ops-per-second-real-time"], 1)}
