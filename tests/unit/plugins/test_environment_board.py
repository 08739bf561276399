# SPDX-License-Identifier: Apache-2.0
"""What is read of a board itself, from trees of files as other machines have them."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.environment import (
    cpu,
    deployment,
    kernel,
    load,
    memory,
    services,
    sysctls,
    versions,
    virtualization,
)
from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import (
    Files,
    Reading,
    alike,
    cpu_list,
    cpu_numbers,
    mask_list,
)

CPUS = "sys/devices/system/cpu"
PROC_STAT = """\
cpu  100 1 50 800 20 0 9 20 77 3
cpu0 50 1 25 400 10 0 5 10 40 2
intr 23724545 0 0
procs_running 3
procs_blocked 1
"""


def tree(root: Path, files: Mapping[str, str]) -> Files:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="ascii")
    return Files(root)


def laptop() -> dict[str, str]:
    """Two CPUs under intel_pstate with two C-states, the deeper one switched off on the second CPU."""
    files = {
        f"{CPUS}/online": "0-1",
        f"{CPUS}/isolated": "1",
        f"{CPUS}/smt/control": "off",
        f"{CPUS}/cpuidle/current_driver": "intel_idle",
        f"{CPUS}/cpuidle/current_governor": "menu",
        f"{CPUS}/intel_pstate/no_turbo": "1",
        "proc/cpuinfo": "model name\t: Intel(R) Xeon(R)\nflags\t\t: fpu vme\n\n" * 2,
    }
    for number, governor in enumerate(("performance", "powersave")):
        policy = f"{CPUS}/cpufreq/policy{number}"
        files |= {
            f"{policy}/affected_cpus": str(number),
            f"{policy}/scaling_driver": "intel_pstate",
            f"{policy}/scaling_governor": governor,
            f"{policy}/scaling_min_freq": "800000",
            f"{policy}/scaling_max_freq": "3600000",
            f"{policy}/scaling_cur_freq": "1200000",
        }
        for state, name, latency in ((0, "POLL", 0), (1, "C6", 133)):
            folder = f"{CPUS}/cpu{number}/cpuidle/state{state}"
            files |= {
                f"{folder}/name": name,
                f"{folder}/latency": str(latency),
                f"{folder}/disable": str(int(number == 1 and name == "C6")),
            }
    return files


def test_frequencies_and_c_states(tmp_path: Path) -> None:
    reading = Reading()
    files = tree(tmp_path, laptop())
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/cpu_dma_latency").write_bytes(struct.pack("i", 20))
    cpu.read(files, reading)
    seen = reading.values["cpu"]
    assert seen["frequency"] == {
        "driver": "intel_pstate",
        "governor": "0: performance; 1: powersave",
        "energy_preference": None,
        "least_khz": 800000,
        "most_khz": 3600000,
        "boost": False,
    }
    assert reading.absent["cpu/frequency/energy_preference"] == "the driver has none"
    assert seen["idle"]["states"] == {"POLL": "on", "C6": "off on CPUs 1"}
    assert seen["idle"]["exit_latency_us"] == {"POLL": 0, "C6": 133}
    assert seen["idle"]["latency_limit_us"] == 20
    assert (seen["count"], seen["isolated"], seen["threads"]) == (2, "1", "off")
    assert (seen["model"], seen["virtual"]) == ("Intel(R) Xeon(R)", False)


def test_arm_has_no_model_name_and_may_have_two_kinds_of_cpu() -> None:
    text = "".join(
        f"processor\t: {number}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n"
        for number, part in enumerate(("0xd0c", "0xd40", "0xd0c"))
    )
    assert cpu.models(text) == "implementer 0x41 part 0xd0c + implementer 0x41 part 0xd40"
    assert cpu.models("") is None


def test_a_board_that_has_nothing_says_why_and_breaks_nothing(tmp_path: Path) -> None:
    reading, files = Reading(), Files(tmp_path)
    for part in (cpu, memory, virtualization, sysctls, services):
        part.read(files, reading)
    kernel.read(files, reading, None)
    versions.read(files, reading)

    def places(value: object, place: str) -> list[str]:
        if isinstance(value, dict):
            return [
                found
                for key, item in value.items()
                for found in places(item, f"{place}/{key}" if place else key)
            ]
        return [place] if value is None else []

    none = places(reading.values, "")
    assert len(none) > 40
    assert sorted(none) == sorted(reading.absent)
    assert all(reading.absent[place] for place in none)


@pytest.mark.parametrize(
    ("version", "command_line", "options", "debug", "model"),
    [
        ("#1 SMP PREEMPT_DYNAMIC Debian", "quiet", {"CONFIG_PREEMPT_VOLUNTARY": "y"}, None, "voluntary"),
        (
            "#1 SMP PREEMPT_DYNAMIC Debian",
            "preempt=full quiet",
            {"CONFIG_PREEMPT_VOLUNTARY": "y"},
            None,
            "full",
        ),
        ("#1 SMP PREEMPT_DYNAMIC Debian", "preempt=full quiet", {}, "none", "none"),
        ("#1 SMP PREEMPT_RT", "", None, None, "rt"),
        ("#1 SMP", "preempt=full", {"CONFIG_PREEMPT_NONE": "y"}, None, "none"),
        ("#1 SMP", "", None, None, None),
    ],
)
def test_preemption(
    version: str, command_line: str, options: dict[str, str] | None, debug: str | None, model: str | None
) -> None:
    assert kernel.preemption(version, command_line, options, debug) == model


def test_the_kernel(tmp_path: Path) -> None:
    files = tree(
        tmp_path,
        {
            "proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC",
            "proc/cmdline": "isolcpus=2 mitigations=off",
            f"{CPUS}/vulnerabilities/spectre_v2": "Vulnerable",
            "sys/devices/system/clocksource/clocksource0/current_clocksource": "arch_sys_counter",
            "sys/kernel/tracing/set_event": "kvm:kvm_exit\nnet:netif_rx",
            "sys/kernel/debug/sched/preempt": "none voluntary (full)",
        },
    )
    reading = Reading()
    kernel.read(files, reading, {"CONFIG_HZ": "250", "CONFIG_NO_HZ_IDLE": "y"})
    seen = reading.values["kernel"]
    assert (seen["preemption"], seen["tick_hz"], seen["tick"]) == ("full", 250, "stopped on idle CPUs")
    assert seen["mitigations"] == {"spectre_v2": "Vulnerable"}
    assert (seen["trace_events"], seen["tracer"]) == (2, None)
    assert seen["clock_source"] == "arch_sys_counter"
    assert "mitigations=off" in seen["command_line"]


def test_sysctls_are_numbers_where_they_are_numbers(tmp_path: Path) -> None:
    files = tree(
        tmp_path,
        {
            "proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456",
            "proc/sys/net/core/busy_poll": "50",
            "proc/sys/kernel/sched_rt_runtime_us": "-1",
            "proc/sys/net/ipv4/tcp_congestion_control": "cubic",
        },
    )
    reading = Reading()
    sysctls.read(files, reading)
    seen = reading.values["sysctl"]
    assert seen["net.ipv4.tcp_rmem"] == "4096 131072 6291456"
    assert seen["net.core.busy_poll"] == 50
    assert seen["kernel.sched_rt_runtime_us"] == -1
    assert seen["net.ipv4.tcp_congestion_control"] == "cubic"
    assert seen["net.core.wmem_max"] is None


def test_virtualization_and_memory(tmp_path: Path) -> None:
    files = tree(
        tmp_path,
        {
            "sys/module/kvm/parameters/halt_poll_ns": "500000",
            "sys/module/kvm_intel/parameters/enable_apicv": "Y",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
            "proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 1000 0 -2",
        },
    )
    reading = Reading()
    virtualization.read(files, reading)
    memory.read(files, reading)
    assert reading.values["virtualization"]["halt_poll_ns"] == 500000
    assert reading.values["virtualization"]["direct_interrupts"] is True
    assert reading.values["virtualization"]["kvm_device"] is False
    assert reading.values["memory"]["transparent_hugepages"] == "madvise"
    assert reading.values["memory"]["swap"] == ["/dev/sda2"]


@pytest.mark.parametrize(("namespace", "seen"), [("pid:[4026531836]", False), ("pid:[4026532211]", None)])
def test_a_board_of_namespaces_does_not_claim_to_see_the_machines_services(
    tmp_path: Path, namespace: str, seen: bool | None
) -> None:
    files = tree(tmp_path, {"proc/7/comm": "irqbalance", "proc/8/comm": "power-profiles-"})
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to(namespace)
    reading = Reading()
    services.read(files, reading)
    assert reading.values["services"]["irqbalance"] is True
    assert reading.values["services"]["power-profiles-daemon"] is True
    assert reading.values["services"]["tuned"] is seen


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("irtt version: 0.9.0\nbuild version: 0.9.0\n", "0.9.0"),
        ("Netperf version 2.7.1\n", "2.7.1"),
        ("stress-ng, version 0.15.06 (gcc 12.2.0, x86_64 Linux 6.1)\n", "0.15.06"),
        ("QEMU emulator version 8.2.2 (v8.2.2)\n", "8.2.2"),
        ("bpftool v7.4.0\nusing libbpf v1.4\n", "7.4.0"),
        ("ip utility, iproute2-6.1.0, libbpf 1.1.2\n", "6.1.0"),
        ("usage: sockperf\n", None),
    ],
)
def test_versions_in_programs_own_words(text: str, version: str | None) -> None:
    assert versions.version_in(text) == version


def test_load(tmp_path: Path) -> None:
    files = tree(
        tmp_path,
        {
            **laptop(),
            "proc/stat": PROC_STAT.rstrip("\n"),
            "proc/loadavg": "0.50 0.25 0.10 2/100 4242",
            "proc/uptime": "1234.56 2000.00",
            "proc/meminfo": "MemTotal:  2048 kB\nMemAvailable:   1048576 kB",
        },
    )
    assert load.read(files) == {
        "blocked_tasks": 1,
        "cpu_ticks": {
            "user": 100, "nice": 1, "system": 50, "idle": 800, "iowait": 20, "irq": 0, "softirq": 9, "steal": 20,
        },
        "frequencies_khz": {"policy0": 1200000, "policy1": 1200000},
        "load_average": [0.5, 0.25, 0.1],
        "memory_available_mib": 1024,
        "running_tasks": 3,
        "steal_share": 0.02,
        "uptime_s": 1234.56,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "cpu\n", "cpu  1 2 3\n", "not it\nprocs_running 1\n"])
def test_what_is_not_proc_stat_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not /proc/stat"):
        load.parse_stat(text)


def step(op: str, **args: object) -> dict[str, object]:
    return {"step": {"op": op, "args": args}}


def test_what_the_testbed_changed_is_told_by_the_ledger() -> None:
    entries = [
        step("link.set", name="eth1", settings={"master": "nlbr0", "mtu": 9000}),
        step("link.features", name="eth2", features={"gro": False}),
        step("link.add", name="nlmvt1", kind="macvtap", parent="eth3"),
        step("ovs.ports_add", bridge="nlbr0", ports=["eth4"]),
        step("xdp.attach", object_hash="x", name="eth5", role="uplink", mode="native"),
        step("process.start", name="libvirtd"),
    ]
    changed = deployment.changed(entries)
    assert set(changed) == {"eth1", "eth2", "eth3", "eth4", "eth5"}
    assert changed["eth1"] == ["master", "mtu", "offloads", "port_settings", "promiscuous"]
    assert changed["eth2"] == ["offloads"]
    assert "promiscuous" in changed["eth3"]
    assert "xdp" in changed["eth5"]


@given(st.sets(st.integers(0, 300)))
def test_cpu_lists_read_back(numbers: set[int]) -> None:
    assert cpu_numbers(cpu_list(numbers)) == sorted(numbers)
    mask = f"{sum(1 << number for number in numbers):x}"
    assert mask_list(mask) == cpu_list(numbers)


def test_masks_of_many_cpus_have_commas() -> None:
    assert mask_list("00000001,00000000,0000000f") == "0-3,64"
    assert mask_list("00000000") == ""
    assert mask_list(None) is None


def test_alike() -> None:
    assert alike({0: "a", 1: "a"}) == "a"
    assert alike({0: "b", 1: "a", 2: "b"}) == "0,2: b; 1: a"
    assert alike({0: None}) is None
    assert alike({}) is None


def test_this_machine_is_read_without_error() -> None:
    """Whatever it is: the parts that need neither root nor programs."""
    reading, files = Reading(), Files()
    for part in (cpu, memory, virtualization, sysctls, services):
        part.read(files, reading)
    kernel.read(files, reading, None)
    assert reading.values["kernel"]["release"] == os.uname().release
    assert reading.values["cpu"]["count"] >= 1
    assert load.read(files)["cpu_ticks"]["idle"] > 0
