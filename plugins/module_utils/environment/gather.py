# SPDX-License-Identifier: Apache-2.0
"""The manifest of one board: everything of it that has a say in a latency. Reads only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.board_facts import kernel_options
from ansible_collections.netlab.testbed.plugins.module_utils.environment import (
    cpu,
    deployment,
    guest_inside,
    guests,
    kernel,
    links,
    load,
    memory,
    services,
    sysctls,
    versions,
    virtualization,
)
from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

FORMAT = 1
CHANGING = "changing"  # the one key whose values change by themselves


def gather(nic: str | None, *, ask_guests: bool = True) -> dict[str, Any]:
    """{format, absent: {place: reason}, changing: {…}, and configuration by section}; JSON, keys sorted."""
    files, reading = Files(), Reading()
    reading.put("format", FORMAT, "")
    parts: dict[str, Callable[[], None]] = {
        "kernel": lambda: kernel.read(files, reading, kernel_options()),
        "cpu": lambda: cpu.read(files, reading),
        "memory": lambda: memory.read(files, reading),
        "virtualization": lambda: virtualization.read(files, reading),
        "sysctl": lambda: sysctls.read(files, reading),
        "services": lambda: services.read(files, reading),
        "versions": lambda: versions.read(files, reading),
        "deployment": lambda: deployment.read(reading),
        "links": lambda: links.read(files, reading, nic),
    }
    for section, read in parts.items():
        try:
            read()
        except (BoardError, OSError, ValueError) as error:
            reading.put(section, None, f"cannot be read: {error}")
    found = guests.read(files, reading)
    if ask_guests:
        guest_inside.read(reading, found)
    else:
        for name in found:
            reading.put(f"guests/{name}/inside", None, "not asked")
    manifest = {**reading.values, CHANGING: load.read(files), "absent": reading.absent}
    sorted_manifest: dict[str, Any] = json.loads(json.dumps(manifest, sort_keys=True))
    return sorted_manifest
