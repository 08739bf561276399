# SPDX-License-Identifier: Apache-2.0
"""Programs that change a machine while one measures on it."""

from __future__ import annotations

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading

# irqbalance moves interrupts, the others choose frequencies and C-states.
NAMES = ("irqbalance", "power-profiles-daemon", "thermald", "tuned")
INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # linux/proc_ns.h: PROC_PID_INIT_INO


def read(files: Files, reading: Reading) -> None:
    try:
        sees_all = str(files.path("/proc/self/ns/pid").readlink()) == INITIAL_PID_NAMESPACE
    except OSError:
        sees_all = False
    # comm holds 15 characters
    running = {files.text(f"/proc/{pid}/comm") for pid in files.names("/proc") if pid.isdecimal()}
    for name in NAMES:
        found = name[:15] in running
        value = found if found or sees_all else None
        reading.put(f"services/{name}", value, "this board sees its own processes only, not the machine's")
