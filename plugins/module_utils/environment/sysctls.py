# SPDX-License-Identifier: Apache-2.0
"""sysctls that change what a packet meets, as sysctl(8) names them."""

from __future__ import annotations

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading

NAMES = (
    "kernel.bpf_stats_enabled",
    "kernel.nmi_watchdog",
    "kernel.sched_autogroup_enabled",
    "kernel.sched_energy_aware",
    "kernel.sched_rt_runtime_us",
    "kernel.sched_schedstats",
    "kernel.timer_migration",
    "kernel.watchdog",
    "net.bridge.bridge-nf-call-iptables",
    "net.core.bpf_jit_enable",
    "net.core.bpf_jit_harden",
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.core.default_qdisc",
    "net.core.dev_weight",
    "net.core.netdev_budget",
    "net.core.netdev_budget_usecs",
    "net.core.netdev_max_backlog",
    "net.core.netdev_tstamp_prequeue",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.rps_sock_flow_entries",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.ip_forward",
    "net.ipv4.tcp_autocorking",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_limit_output_bytes",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_wmem",
    "net.ipv4.udp_rmem_min",
    "net.netfilter.nf_conntrack_max",
    "vm.stat_interval",
    "vm.swappiness",
)


def read(files: Files, reading: Reading) -> None:
    """Numbers as numbers, all else as words; those of the board's own network namespace where it has one."""
    for name in NAMES:
        text = files.text(f"/proc/sys/{name.replace('.', '/')}")
        value: int | str | None = None if text is None else " ".join(text.split())
        if isinstance(value, str) and value.lstrip("-").isdecimal():
            value = int(value)
        reading.put(f"sysctl/{name}", value, "not in this kernel, or not in this network namespace")
