# SPDX-License-Identifier: Apache-2.0
"""What changes by itself, kept apart from what is configured: load, steal, uptime, frequencies. proc_stat(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files

# The first line of /proc/stat. Guests' time, its last two columns, is in user and nice already.
TICKS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


@dataclass(frozen=True)
class Stat:
    """Of the whole machine since it was started: clock ticks, and tasks as they are now."""

    ticks: dict[str, int]
    running: int
    blocked: int


def parse_stat(text: str) -> Stat:
    """/proc/stat. ValueError where it is not that."""
    found = re.match(r"cpu +((?:\d+ ?)+)$", text, re.MULTILINE)
    running = re.search(r"^procs_running (\d+)$", text, re.MULTILINE)
    blocked = re.search(r"^procs_blocked (\d+)$", text, re.MULTILINE)
    if not found or not running:
        raise ValueError(f"not /proc/stat: {text[:60]!r}")
    ticks = dict(zip(TICKS, map(int, found[1].split()), strict=False))
    return Stat(ticks, int(running[1]), int(blocked[1]) if blocked else 0)


def read(files: Files) -> dict[str, Any]:
    """Not compared between two readings, but for how much of the time between them was stolen."""
    stat = parse_stat(files.text("/proc/stat") or "")
    policies = "/sys/devices/system/cpu/cpufreq"
    available = re.search(r"^MemAvailable:\s+(\d+) kB", files.text("/proc/meminfo") or "", re.MULTILINE)
    return {
        "blocked_tasks": stat.blocked,
        "cpu_ticks": stat.ticks,
        "frequencies_khz": {
            name: files.number(f"{policies}/{name}/scaling_cur_freq")
            for name in files.names(policies)
            if name.startswith("policy")
        },
        "load_average": [float(word) for word in (files.text("/proc/loadavg") or "").split()[:3]],
        "memory_available_mib": int(available[1]) // 1024 if available else None,
        "running_tasks": stat.running,
        "steal_share": round(stat.ticks.get("steal", 0) / max(1, sum(stat.ticks.values())), 6),
        "uptime_s": float((files.text("/proc/uptime") or "0").split()[0]),
    }
