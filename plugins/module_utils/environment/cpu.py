# SPDX-License-Identifier: Apache-2.0
"""Processors: what they are, which of them run, how fast they may go and how deep they may sleep."""

from __future__ import annotations

import re
import struct

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import (
    Files,
    Reading,
    alike,
    cpu_list,
    cpu_numbers,
)

CPUS = "/sys/devices/system/cpu"
NO_FREQUENCY = "no cpufreq driver: something outside this kernel chooses the frequency"
NO_IDLE = "no cpuidle driver: an idle CPU is halted, how deeply is not this kernel's to say"


def models(cpuinfo: str) -> str | None:
    """``model name`` of x86; of ARM64 implementer and part (arm64: cpu-feature-registers). Each kind once."""
    names = re.findall(r"^model name\s*: (.+)$", cpuinfo, re.MULTILINE)
    if not names:
        parts = zip(
            re.findall(r"^CPU implementer\s*: (\w+)$", cpuinfo, re.MULTILINE),
            re.findall(r"^CPU part\s*: (\w+)$", cpuinfo, re.MULTILINE),
            strict=False,
        )
        names = [f"implementer {implementer} part {part}" for implementer, part in parts]
    return " + ".join(sorted(set(names))) or None


def read(files: Files, reading: Reading) -> None:
    cpuinfo = files.text("/proc/cpuinfo") or ""
    online = cpu_numbers(files.text(f"{CPUS}/online"))

    def put(key: str, value: object, why: str = "the kernel does not say") -> None:
        reading.put(f"cpu/{key}", value, why)

    put("model", models(cpuinfo))
    put("count", len(online) or None)
    put("online", files.text(f"{CPUS}/online"))
    put("isolated", files.text(f"{CPUS}/isolated"))
    put("tick_stopped", files.text(f"{CPUS}/nohz_full"), "this kernel is built without nohz_full")
    put("threads", files.text(f"{CPUS}/smt/control"))
    put("numa_nodes", files.text("/sys/devices/system/node/online"), "the kernel knows no NUMA nodes")
    microcode = re.search(r"^microcode\s*: (\w+)$", cpuinfo, re.MULTILINE)
    put("microcode", microcode[1] if microcode else None)
    flags = re.search(r"^flags\s*: (.+)$", cpuinfo, re.MULTILINE)
    put("virtual", " hypervisor " in f" {flags[1]} " if flags else None)
    product = files.text("/sys/class/dmi/id/product_name") or files.text("/proc/device-tree/model")
    put("machine", product, "no DMI table and no device tree")
    _frequency(files, reading)
    _idle(files, reading, online)


def _frequency(files: Files, reading: Reading) -> None:
    folder = f"{CPUS}/cpufreq"
    policies = {
        cpu: f"{folder}/{name}"
        for name in files.names(folder)
        if name.startswith("policy")
        for cpu in cpu_numbers((files.text(f"{folder}/{name}/affected_cpus") or "").replace(" ", ","))
    }
    for key, file in (
        ("driver", "scaling_driver"),
        ("governor", "scaling_governor"),
        ("energy_preference", "energy_performance_preference"),
    ):
        told = alike({cpu: files.text(f"{policy}/{file}") for cpu, policy in policies.items()})
        reading.put(f"cpu/frequency/{key}", told, "the driver has none" if policies else NO_FREQUENCY)
    for key, file in (("least_khz", "scaling_min_freq"), ("most_khz", "scaling_max_freq")):
        limit = alike({cpu: files.number(f"{policy}/{file}") for cpu, policy in policies.items()})
        reading.put(f"cpu/frequency/{key}", limit, NO_FREQUENCY)
    boost = files.switch(f"{folder}/boost")
    if boost is None and (no_turbo := files.switch(f"{CPUS}/intel_pstate/no_turbo")) is not None:
        boost = not no_turbo
    reading.put("cpu/frequency/boost", boost, "the driver has none" if policies else NO_FREQUENCY)


def _idle(files: Files, reading: Reading, online: list[int]) -> None:
    driver = files.text(f"{CPUS}/cpuidle/current_driver")
    reading.put("cpu/idle/driver", driver if driver and driver != "none" else None, NO_IDLE)
    governor = files.text(f"{CPUS}/cpuidle/current_governor")
    reading.put("cpu/idle/governor", governor if governor and governor != "none" else None, NO_IDLE)
    latency: dict[str, int] = {}
    cpus: dict[str, dict[bool, list[int]]] = {}
    for cpu in online:
        folder = f"{CPUS}/cpu{cpu}/cpuidle"
        for state in files.names(folder):
            name = files.text(f"{folder}/{state}/name") or state
            latency[name] = files.number(f"{folder}/{state}/latency") or 0
            off = files.text(f"{folder}/{state}/disable") not in ("0", None)
            cpus.setdefault(name, {}).setdefault(off, []).append(cpu)
    states = {
        name: f"off on CPUs {cpu_list(by_switch[True])}"
        if len(by_switch) > 1
        else "off"
        if True in by_switch
        else "on"
        for name, by_switch in cpus.items()
    }
    reading.put("cpu/idle/states", states or None, NO_IDLE)
    reading.put("cpu/idle/exit_latency_us", latency or None, NO_IDLE)
    reading.put("cpu/idle/latency_limit_us", _latency_limit(files), "no /dev/cpu_dma_latency on this board")


def _latency_limit(files: Files) -> int | None:
    """What programs hold the C-states' exit latency down to: pm_qos_interface, /dev/cpu_dma_latency."""
    try:
        raw = files.path("/dev/cpu_dma_latency").read_bytes()[:4]
        return int(struct.unpack("i", raw)[0])
    except (OSError, struct.error):
        return None
