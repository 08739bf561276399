# SPDX-License-Identifier: Apache-2.0
"""Memory, where it can stop a program for a moment: huge pages, migration between nodes, merging."""

from __future__ import annotations

import re

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading

HUGE = "/sys/kernel/mm/transparent_hugepage"


def read(files: Files, reading: Reading) -> None:
    def put(key: str, value: object, why: str) -> None:
        reading.put(f"memory/{key}", value, why)

    total = re.search(r"^MemTotal:\s+(\d+) kB", files.text("/proc/meminfo") or "", re.MULTILINE)
    put("total_mib", int(total[1]) // 1024 if total else None, "the kernel does not say")
    put("transparent_hugepages", files.chosen(f"{HUGE}/enabled"), "this kernel has none")
    put("transparent_hugepages_defrag", files.chosen(f"{HUGE}/defrag"), "this kernel has none")
    put("hugepages", files.number("/proc/sys/vm/nr_hugepages"), "this kernel has none")
    put("numa_balancing", files.number("/proc/sys/kernel/numa_balancing"), "this kernel has none")
    put("merging", files.number("/sys/kernel/mm/ksm/run"), "this kernel has no KSM")
    swaps = (files.text("/proc/swaps") or "").splitlines()[1:]
    put("swap", sorted(line.split()[0] for line in swaps), "")
