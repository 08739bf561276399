# SPDX-License-Identifier: Apache-2.0
"""The kernel that runs, and how it was told to run."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading

# The first that is set says what the kernel preempts; PREEMPT_DYNAMIC can choose another at boot.
_MODELS = (
    ("CONFIG_PREEMPT_RT", "rt"),
    ("CONFIG_PREEMPT_LAZY", "lazy"),
    ("CONFIG_PREEMPT", "full"),
    ("CONFIG_PREEMPT_VOLUNTARY", "voluntary"),
    ("CONFIG_PREEMPT_NONE", "none"),
)
_TICKS = (
    ("CONFIG_NO_HZ_FULL", "stopped on idle CPUs and on those in nohz_full"),
    ("CONFIG_NO_HZ_IDLE", "stopped on idle CPUs"),
    ("CONFIG_HZ_PERIODIC", "never stopped"),
)
_NO_OPTIONS = "this kernel's configuration is not kept on the board"


def preemption(
    version: str, command_line: str, options: Mapping[str, str] | None, debug: str | None
) -> str | None:
    """The model in force: none, voluntary, full, lazy or rt. Pure.

    ``debug`` is what debugfs says (sched/preempt), if it is there; else the command line's ``preempt=``
    (kernel-parameters), else what was chosen when the kernel was built.
    """
    if "PREEMPT_RT" in version:
        return "rt"
    if debug:
        return debug
    asked = re.search(r"(?:^| )preempt=(\w+)", command_line)
    if asked and "PREEMPT_DYNAMIC" in version:
        return asked[1]
    return _first(_MODELS, options)


def _first(choices: tuple[tuple[str, str], ...], options: Mapping[str, str] | None) -> str | None:
    return next((word for option, word in choices if (options or {}).get(option) == "y"), None)


def read(files: Files, reading: Reading, options: Mapping[str, str] | None) -> None:
    """``options``: the kernel's configuration, None where the board does not keep it."""

    def put(key: str, value: object, why: str = "the kernel does not say") -> None:
        reading.put(f"kernel/{key}", value, why)

    version = files.text("/proc/sys/kernel/version") or ""
    command_line = files.text("/proc/cmdline") or ""
    put("architecture", platform.machine())
    put("boot_id", files.text("/proc/sys/kernel/random/boot_id"))
    put("command_line", command_line)
    put("release", files.text("/proc/sys/kernel/osrelease"))
    put("version", version or None)
    debug = files.chosen("/sys/kernel/debug/sched/preempt")
    put("preemption", preemption(version, command_line, options, debug), _NO_OPTIONS)
    hertz = (options or {}).get("CONFIG_HZ", "")
    put("tick_hz", int(hertz) if hertz.isdecimal() else None, _NO_OPTIONS)
    put("tick", _first(_TICKS, options), _NO_OPTIONS)
    put("clock_source", files.text("/sys/devices/system/clocksource/clocksource0/current_clocksource"))
    put("tracer", files.text("/sys/kernel/tracing/current_tracer"), "tracefs is not mounted here")
    # As far as they are told by name: set_event lists those that are switched on.
    events = files.text("/sys/kernel/tracing/set_event")
    put("trace_events", None if events is None else len(events.split()), "tracefs is not mounted here")
    folder = "/sys/devices/system/cpu/vulnerabilities"
    mitigations = {name: files.text(f"{folder}/{name}") or "" for name in files.names(folder)}
    put("mitigations", mitigations or None, "this kernel lists no vulnerabilities")
