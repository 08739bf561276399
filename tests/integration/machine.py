# SPDX-License-Identifier: Apache-2.0
"""What a machine holds, read by programs that know nothing of this project, to compare before and after."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path


def _lines(*argv: str) -> set[str]:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    return set(done.stdout.splitlines())


def snapshot() -> dict[str, set[str]]:
    """Links, namespaces, mounts, processes, pinned BPF objects, BPF programs, and files under /run."""
    links = json.loads(
        subprocess.run(["ip", "-json", "link"], capture_output=True, timeout=30, check=True).stdout
    )
    return {
        "links": {f"{link['ifname']} {link.get('master', '')} {link.get('ifalias', '')}" for link in links},
        "addresses": _lines("ip", "-br", "address"),
        "namespaces": _namespaces(),
        "mounts": set(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()),
        "processes": _processes(),
        "pinned BPF objects": {str(path) for path in Path("/sys/fs/bpf").rglob("*")},
        "files under /run": {str(path) for path in Path("/run").rglob("*")},
        "ledgers": {str(path) for path in Path("/var/lib/netlab-testbed").rglob("*")},
    }


def _namespaces() -> set[str]:
    """Every namespace that some process is in, but for the machine's own processes' private ones."""
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _marked(process):
            for namespace in (process / "ns").iterdir():
                found.add(str(namespace.readlink()))
    return found


def _processes() -> set[str]:
    """Processes of ours, and of the programs that a lab starts, whoever started them."""
    names = ("tini", "libvirtd", "netserver", "ovs-vswitchd", "ovsdb-server", "virtlogd")
    found = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            comm = (process / "comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if comm in names or comm.startswith("qemu-system") or _marked(process):
            found.add(f"{process.name} {comm}")
    return found


def _marked(process: Path) -> bool:
    try:
        return b"NETLAB_TESTBED_" in (process / "environ").read_bytes()
    except OSError:
        return False


def more_than(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is there now and was not, by kind; empty where nothing is left."""
    return {kind: after[kind] - before[kind] for kind in before if after[kind] - before[kind]}
