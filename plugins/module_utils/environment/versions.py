# SPDX-License-Identifier: Apache-2.0
"""Versions of the programs that carry packets or measure them."""

from __future__ import annotations

import contextlib
import platform
import re
import shutil
import subprocess

from ansible_collections.netlab.testbed.plugins.module_utils.apt.debian_status import DPKG_STATUS, installed
from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

LIMIT_S = 2.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Program -> its Debian package, and what it is asked where it did not come in one.
PROGRAMS = {
    "bpftool": ("bpftool", "version"),
    "ethtool": ("ethtool", "--version"),
    "iproute2": ("iproute2", ""),
    "irtt": ("irtt", "version"),
    "libvirt": ("libvirt-daemon", ""),
    "netperf": ("netperf", "-V"),
    "openvswitch": ("openvswitch-switch", ""),
    "qemu_aarch64": ("qemu-system-arm", ""),
    "qemu_x86_64": ("qemu-system-x86", ""),
    "sockperf": ("sockperf", "--version"),
    "stress_ng": ("stress-ng", "--version"),
}
_COMMANDS = {
    "iproute2": ("ip", "-V"),
    "libvirt": ("libvirtd", "--version"),
    "openvswitch": ("ovs-vswitchd", "--version"),
    "qemu_aarch64": ("qemu-system-aarch64", "--version"),
    "qemu_x86_64": ("qemu-system-x86_64", "--version"),
    "stress_ng": ("stress-ng", "--version"),
}


def version_in(text: str) -> str | None:
    """The first thing in a program's own words that looks like a version."""
    found = re.search(r"\b[vV]?(\d+\.\d+[\w.+~-]*)", text)
    return found[1] if found else None


def read(files: Files, reading: Reading) -> None:
    """From dpkg's own file. Only a program that lies elsewhere is run: then its package is not what runs."""
    packages: dict[str, str] = {}
    with contextlib.suppress(BoardError):
        packages = installed((package for package, _ in PROGRAMS.values()), files.path(str(DPKG_STATUS)))
    reading.put("versions/python", platform.python_version(), "")
    for name, (package, question) in PROGRAMS.items():
        program, asked = _COMMANDS.get(name, (name, question))
        where = shutil.which(program, path=PATH)
        local = where is not None and where.startswith("/usr/local/")
        version = packages.get(package)
        if where is not None and (local or version is None):
            version = _asked(where, asked)
        reading.put(f"versions/{name}", version if where else None, "not installed on this board")


def _asked(program: str, argument: str) -> str | None:
    try:
        done = subprocess.run(
            [program, argument], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=LIMIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return version_in(done.stdout + done.stderr)
