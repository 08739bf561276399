# SPDX-License-Identifier: Apache-2.0
"""What a board is and can do. Reads only: no module is loaded, no link made."""

from __future__ import annotations

import gzip
import os
import platform
import re
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.ledger import boot_id
from ansible_collections.netlab.testbed.plugins.module_utils.process_ops import has_systemd
from ansible_collections.netlab.testbed.plugins.module_utils.xdp_features import read_features

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
        return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", text, flags=re.MULTILINE))
    return None


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
        found[name] = {"available": how in ("built-in", "module"), "how": how}
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


def connection_nic(links: dict[str, dict[str, Any]], environment: dict[str, str]) -> str | None:
    """The interface with the address that this SSH connection came in on (sshd(8), SSH_CONNECTION)."""
    words = environment.get("SSH_CONNECTION", "").split()
    if len(words) != 4:
        return None
    for name, link in links.items():
        if any(address.partition("/")[0] == words[2] for address in link["addresses"]):
            return name
    return None


def nic(name: str, links: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The measured NIC; None where the board has no such interface."""
    if name not in links:
        return None
    link = links[name]
    device = Path(f"/sys/class/net/{name}/device")
    driver = Path(f"/sys/class/net/{name}/device/driver")
    total = device / "sriov_totalvfs"
    xdp = read_features(link["index"])
    return {
        "name": name,
        "driver": driver.resolve().name if driver.exists() else link["kind"],
        "pci_address": device.resolve().name if (device / "vendor").exists() else None,
        "xdp_native": xdp.native if xdp else None,
        "sriov_total_vfs": int(total.read_text(encoding="ascii")) if total.exists() else 0,
        **{key: link[key] for key in ("mac", "mtu", "carrier", "master", "addresses", "kind")},
    }


def os_release() -> dict[str, str]:
    """ID and VERSION_ID of os-release(5)."""
    values = dict(line.split("=", 1) for line in _lines("/etc/os-release") if "=" in line)
    return {"id": values.get("ID", "").strip('"'), "version": values.get("VERSION_ID", "").strip('"')}


def gather(board_nic: str | None, links: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All of it, as roles and results have it."""
    release = platform.release()
    modules_dep = Path(f"/lib/modules/{release}/modules.dep")
    memory = re.search(r"^MemTotal:\s+(\d+) kB", "\n".join(_lines("/proc/meminfo")), flags=re.MULTILINE)
    return {
        "hostname": platform.node(),
        "arch": platform.machine(),
        "kernel": release,
        "kernel_command_line": " ".join(_lines("/proc/cmdline")),
        "boot_id": boot_id(),
        "os": os_release(),
        "service_manager": "systemd" if has_systemd() else "none",
        "programs": {name: shutil.which(name, path=SBIN) for name in PROGRAMS},
        "features": features(
            kernel_options(),
            modules_dep.read_text(encoding="utf-8", errors="replace") if modules_dep.exists() else "",
            {line.split()[0] for line in _lines("/proc/modules")},
        ),
        "interfaces": sorted(set(links) - {"lo"}),
        "nic": nic(board_nic, links) if board_nic else None,
        "default_route_nics": default_route_nics(),
        "connection_nic": connection_nic(links, dict(os.environ)),
        "kvm_device": Path("/dev/kvm").exists() or Path("/sys/class/misc/kvm").exists(),
        "cpus": os.cpu_count() or 1,
        "memory_mib": int(memory.group(1)) // 1024 if memory else 0,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
