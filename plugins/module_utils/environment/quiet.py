# SPDX-License-Identifier: Apache-2.0
"""Whether a machine is quiet enough to measure on: it is watched for a moment, again and again up to a limit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.environment.load import Stat, parse_stat
from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
LOOKS = 5  # how often in a window the running tasks are counted: they are known for an instant only
TOLD = 5  # the busiest programs that a result names
WORTH_TELLING = 0.01  # share of the machine's CPU time
UNSEEN = "not seen from this board"


@dataclass(frozen=True)
class Limits:
    """Shares (0 to 1) of all CPUs' time; ``running`` is a mean number of tasks."""

    idle_at_least: float
    steal_at_most: float
    running_at_most: float


@dataclass(frozen=True)
class Look:
    """The machine at one moment: ``processes`` maps (pid, start) to name and clock ticks used so far."""

    stat: Stat
    processes: dict[tuple[int, int], tuple[str, int]]


@dataclass(frozen=True)
class Window:
    """What happened between two looks. Shares of all CPUs' time; ``running`` counts tasks beside this one."""

    idle: float
    steal: float
    running: float
    busiest: tuple[tuple[str, float], ...]


def window(before: Look, after: Look, running: Sequence[int], own_ticks: float = 0.0) -> Window:
    """From two looks and the counts of running tasks between them. ``own_ticks``: what looking itself used. Pure."""
    spent = {key: max(0, ticks - before.stat.ticks.get(key, 0)) for key, ticks in after.stat.ticks.items()}
    total = sum(spent.values()) or 1
    idle = spent.get("idle", 0) + spent.get("iowait", 0)
    steal = spent.get("steal", 0)
    by_name: dict[str, int] = {}
    for key, (name, ticks) in after.processes.items():
        if key[0] == os.getpid():
            continue  # own_ticks
        used = ticks - before.processes.get(key, (name, 0))[1]
        if used > 0:
            by_name[name] = by_name.get(name, 0) + used
    unseen = total - idle - steal - own_ticks - sum(by_name.values())
    if unseen > 0:
        by_name[UNSEEN] = round(unseen)
    busiest = sorted(
        ((name, ticks / total) for name, ticks in by_name.items()), key=lambda one: (-one[1], one[0])
    )
    return Window(
        idle=min(1.0, (idle + own_ticks) / total),
        steal=steal / total,
        running=sum(max(0, count - 1) for count in running) / len(running) if running else 0.0,
        busiest=tuple((name, share) for name, share in busiest[:TOLD] if share >= WORTH_TELLING),
    )


def unmet(seen: Window, limits: Limits) -> list[str]:
    """What keeps the machine from being quiet, in words; nothing where it is. Pure."""
    found = []
    if seen.idle < limits.idle_at_least:
        found.append(f"{_percent(seen.idle)} idle, at least {_percent(limits.idle_at_least)} is wanted")
    if seen.steal > limits.steal_at_most:
        found.append(
            f"{_percent(seen.steal)} stolen by the host, at most {_percent(limits.steal_at_most)} is allowed"
        )
    if seen.running > limits.running_at_most:
        found.append(f"{seen.running:.1f} running tasks, at most {limits.running_at_most:g} are allowed")
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if 0.1 <= share < 0.995 or share in (0, 1) else f"{100 * share:.1f} %"


def report(seen: Window, limits: Limits, waited_s: float, window_s: float) -> dict[str, Any]:
    """The result, with one sentence that says it all. Pure."""
    reasons = unmet(seen, limits)
    if reasons:
        busiest = ", ".join(f"{name} {_percent(share)}" for name, share in seen.busiest)
        said = f"not quiet after {waited_s:.1f} s: {'; '.join(reasons)}" + (
            f"; busiest: {busiest}" if busiest else ""
        )
    else:
        said = f"quiet: {_percent(seen.idle)} idle, {_percent(seen.steal)} stolen, {seen.running:.1f} running tasks"
    return {
        "quiet": not reasons,
        "waited_s": round(waited_s, 2),
        "window_s": window_s,
        "idle": round(seen.idle, 4),
        "steal": round(seen.steal, 4),
        "running": round(seen.running, 2),
        "busiest": [{"name": name, "share": round(share, 4)} for name, share in seen.busiest],
        "limits": {
            "idle_at_least": limits.idle_at_least,
            "steal_at_most": limits.steal_at_most,
            "running_at_most": limits.running_at_most,
        },
        "said": said,
    }


def look(files: Files) -> Look:
    """Every process's time, threads included; what a process used before it ended counts as not seen."""
    processes = {}
    for name in files.names("/proc"):
        if name.isdecimal() and (stat := files.text(f"/proc/{name}/stat")):
            head, _, tail = stat.rpartition(")")
            fields = tail.split()  # from the third on, proc_pid_stat(5): utime 14, stime 15, starttime 22
            if len(fields) > 19:
                key = (int(name), int(fields[19]))
                processes[key] = (head.partition("(")[2], int(fields[11]) + int(fields[12]))
    return Look(parse_stat(files.text("/proc/stat") or ""), processes)


def wait(
    limits: Limits,
    limit_s: float,
    window_s: float,
    *,
    files: Files | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Watch one window after the other until one is quiet, or the limit is over: then the last one is told."""
    files = files or Files()
    began = clock()
    before, own_before = look(files), time.process_time()
    while True:
        running = []
        for _ in range(LOOKS):
            sleep(window_s / LOOKS)
            running.append(parse_stat(files.text("/proc/stat") or "").running)
        after, own = look(files), time.process_time()
        seen = window(before, after, running, (own - own_before) * TICKS_PER_SECOND)
        waited = clock() - began
        if not unmet(seen, limits) or waited >= limit_s:
            return report(seen, limits, waited, window_s)
        before, own_before = after, own
