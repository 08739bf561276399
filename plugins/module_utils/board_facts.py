# SPDX-License-Identifier: Apache-2.0
"""What a board is and can do. Reads only: no module is loaded, no link made."""

from __future__ import annotations

import gzip
import ipaddress
import os
import platform
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import board_nics, mount_nics
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger, boot_id
from ansible_collections.netlab.testbed.plugins.module_utils.process_ops import has_systemd
from ansible_collections.netlab.testbed.plugins.module_utils.sriov import facts as passthrough
from ansible_collections.netlab.testbed.plugins.module_utils.ssh_connection import ssh_connection
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.features import read_features

# Capability -> (kernel option, module). Where a kernel gives no account of itself, the answer is "unknown".
FEATURES = {
    "bridge": ("CONFIG_BRIDGE", "bridge"),
    "tap": ("CONFIG_TUN", "tun"),
    "macvtap": ("CONFIG_MACVTAP", "macvtap"),
    "veth": ("CONFIG_VETH", "veth"),
    "openvswitch": ("CONFIG_OPENVSWITCH", "openvswitch"),
    "vhost_net": ("CONFIG_VHOST_NET", "vhost_net"),
    "xdp": ("CONFIG_BPF_SYSCALL", None),
    "bpf_jit": ("CONFIG_BPF_JIT", None),
    "btf": ("CONFIG_DEBUG_INFO_BTF", None),
    "vfio_pci": ("CONFIG_VFIO_PCI", "vfio-pci"),
    "kvm": ("CONFIG_KVM", "kvm"),
    "netem": ("CONFIG_NET_SCH_NETEM", "sch_netem"),
}
PROGRAMS = (
    "bpftool", "clang", "ethtool", "ip", "libvirtd", "netperf", "netserver", "ovs-vsctl", "ovs-vswitchd",
    "qemu-img", "qemu-system-aarch64", "qemu-system-x86_64",
)  # fmt: skip
SBIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def kernel_options() -> dict[str, str] | None:
    """The running kernel's configuration, or None where the board does not keep it."""
    return read_kernel_options()[1]


def read_kernel_options() -> tuple[str | None, dict[str, str] | None]:
    """The file that has the running kernel's configuration, and what it says; None where the board keeps none."""
    release = platform.release()
    for path in (
        Path("/proc/config.gz"),
        Path(f"/boot/config-{release}"),
        Path(f"/lib/modules/{release}/config"),
    ):
        try:
            raw = path.read_bytes()
        except OSError:
            continue
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("ascii", errors="replace")
        return str(path), dict(re.findall(r"^(CONFIG_\w+)=(.*)$", text, flags=re.MULTILINE))
    return None, None


def clock_source() -> str | None:
    """What the kernel tells the time by: Documentation/timers/timekeeping."""
    return " ".join(_lines("/sys/devices/system/clocksource/clocksource0/current_clocksource")) or None


def governors(policies: Path = Path("/sys/devices/system/cpu/cpufreq")) -> list[str]:
    """How this kernel chooses the processors' frequency, each way once; none where it does not choose."""
    return sorted({line for path in policies.glob("policy*/scaling_governor") for line in _lines(str(path))})


def features(options: dict[str, str] | None, modules: str, loaded: set[str]) -> dict[str, dict[str, Any]]:
    """Pure: kernel configuration, text of modules.dep and names of loaded modules -> capability by name."""
    found = {}
    for name, (option, module) in FEATURES.items():
        value = (options or {}).get(option)
        if value == "y":
            how = "built-in"
        elif module and (module.replace("-", "_") in loaded or f"/{module}.ko" in modules):
            how = "module"
        else:
            # "=m" without the module's file is what a minimal image leaves of it
            how = "absent" if options is not None else "unknown"
        found[name] = {"available": how in ("built-in", "module"), "how": how, "option": option}
    return found


def default_route_nics() -> list[str]:
    """Interfaces that carry an IPv4 or IPv6 default route: /proc/net/route, /proc/net/ipv6_route."""
    nics = set()
    for line in _lines("/proc/net/route")[1:]:
        fields = line.split()
        if fields[1] == "00000000" and fields[7] == "00000000":
            nics.add(fields[0])
    for line in _lines("/proc/net/ipv6_route"):
        fields = line.split()
        if fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            nics.add(fields[9])
    return sorted(nics)


def connection_nic(links: dict[str, dict[str, Any]], connection: str, inet6: list[str]) -> str | None:
    """The interface with the address that this SSH connection came in on. Pure.

    ``connection``: as SSH_CONNECTION has it; ``inet6``: the lines of /proc/net/if_inet6.
    """
    words = connection.split()
    if len(words) != 4:
        return None
    here, _, zone = words[2].partition("%")
    if zone:
        return zone  # link-local: sshd names the interface
    if ":" in here:
        packed = ipaddress.IPv6Address(here).packed.hex()
        return next((line.split()[5] for line in inet6 if line.startswith(packed)), None)
    for name, link in links.items():
        if any(address.partition("/")[0] == here for address in link["addresses"]):
            return name
    return None


def below(name: str, classes: Path = Path("/sys/class/net")) -> set[str]:
    """The interfaces that one is made of: ports of a bridge or bond, the parent of a VLAN; of those too."""
    found = {path.name.removeprefix("lower_") for path in (classes / name).glob("lower_*")}
    return found.union(*(below(lower, classes) for lower in found))


def made_of(name: str, links: dict[str, dict[str, Any]], classes: Path = Path("/sys/class/net")) -> set[str]:
    """As `below`. Of a bridge of Open vSwitch the kernel tells no ports but those of all of them, on one interface."""
    found = below(name, classes)
    if any(links.get(one, {}).get("kind") == board_nics.SWITCH for one in (name, *found)):
        switches = [other for other, link in links.items() if link["kind"] == board_nics.SWITCH]
        found = found.union(*(below(switch, classes) for switch in switches))
    return found


def switched_ports(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ports that a ledger's entries have given to an Open vSwitch of ours. Pure."""
    steps = [entry.get("step") or {} for entry in entries]
    return sorted(
        {port for step in steps if step.get("op") == "ovs.ports_add" for port in step["args"]["ports"]}
    )


def nic(name: str, links: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The measured NIC, also while a guest holds the whole of it; None where the board has no such interface."""
    if name not in links:
        return passthrough.given_nic(name)
    link = links[name]
    xdp = read_features(link["index"])
    return {
        "name": name,
        "driver": board_nics.driver(name, link["kind"]),
        "pci_address": board_nics.pci_address(name),
        "iommu_group": board_nics.iommu_group(name),
        "speed_mbit": board_nics.speed(name),
        "xdp_native": xdp.native if xdp else None,
        "sriov_total_vfs": board_nics.total_vfs(name),
        "virtual_functions": passthrough.virtual_functions(name),
        "given": False,
        "foreign_master": board_nics.foreign_master(
            name, links, switched_ports(Ledger("topology").entries())
        ),
        **{key: link[key] for key in ("mac", "mtu", "up", "carrier", "master", "addresses", "kind")},
    }


def os_release() -> dict[str, str]:
    """ID and VERSION_ID of os-release(5)."""
    values = dict(line.split("=", 1) for line in _lines("/etc/os-release") if "=" in line)
    return {"id": values.get("ID", "").strip('"'), "version": values.get("VERSION_ID", "").strip('"')}


def ways_out(links: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The interfaces that the board is reached by, and reaches others by."""
    default_route = default_route_nics()
    connection = connection_nic(links, ssh_connection(), _lines("/proc/net/if_inet6"))
    mounted = mount_nics.mount_nics(mount_nics.servers(_lines("/proc/mounts")) | mount_nics.iscsi_targets())
    return {
        "default_route_nics": default_route,
        "connection_nic": connection,
        "mount_nics": mounted,
        # what those are made of: a NIC below a bridge, bond or VLAN carries them as well
        "default_route_below": sorted(set().union(*(made_of(name, links) for name in default_route))),
        "connection_below": sorted(made_of(connection, links)) if connection else [],
        "mount_below": sorted(set().union(*(made_of(name, links) for name in mounted))),
        "switched_ports": switched_ports(Ledger("topology").entries()),
    }


def gather(board_nic: str | None, links: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All of it, as roles and results have it."""
    release = platform.release()
    modules_dep = Path(f"/lib/modules/{release}/modules.dep")
    options_file, options = read_kernel_options()
    memory = re.search(r"^MemTotal:\s+(\d+) kB", "\n".join(_lines("/proc/meminfo")), flags=re.MULTILINE)
    return {
        "hostname": platform.node(),
        "arch": platform.machine(),
        "kernel": release,
        "kernel_command_line": " ".join(_lines("/proc/cmdline")),
        "kernel_options_file": options_file,
        "clock_source": clock_source(),
        "governors": governors(),
        "boot_id": boot_id(),
        "os": os_release(),
        "service_manager": "systemd" if has_systemd() else "none",
        "programs": {name: shutil.which(name, path=SBIN) for name in PROGRAMS},
        "features": features(
            options,
            modules_dep.read_text(encoding="utf-8", errors="replace") if modules_dep.exists() else "",
            {line.split()[0] for line in _lines("/proc/modules")},
        ),
        "interfaces": sorted(set(links) - {"lo"}),
        "nic": nic(board_nic, links) if board_nic else None,
        **ways_out(links),
        "iommu": passthrough.iommu(),
        "kvm_device": Path("/dev/kvm").exists() or Path("/sys/class/misc/kvm").exists(),
        "cpus": os.cpu_count() or 1,
        "memory_mib": int(memory.group(1)) // 1024 if memory else 0,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
