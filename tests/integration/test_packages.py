# SPDX-License-Identifier: Apache-2.0
"""Packages installed for real, on a throwaway copy of this machine: an overlay over its root."""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.module_run import run_module

pytestmark = [
    pytest.mark.root,
    pytest.mark.needs("apt-get", "dpkg", "unshare", "nsenter"),
    pytest.mark.timeout(240),
]

# Writes go to a tmpfs. The copy is made a machine on which packages do start their services: no policy-rc.d
# forbids it, and a runlevel is known.
SETUP = r"""
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
rm -f "$1/root/usr/sbin/policy-rc.d" "$1/root/sbin/runlevel"
printf '#!/bin/sh\necho N 2\n' >"$1/root/sbin/runlevel"
chmod 0755 "$1/root/sbin/runlevel"
exec chroot "$1/root" sh -c 'echo ready; exec sleep 600'
"""


class Copy:
    """A copy of this machine that processes can be run on."""

    def __init__(self, within: list[str]) -> None:
        self.within = within

    def run(self, *argv: str) -> str:
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND": "noninteractive",
            "LC_ALL": "C",
        }
        done = subprocess.run(
            [*self.within, *argv], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def packages(self, *names: str, check: bool = False) -> dict[str, Any]:
        result = run_module("packages", {"names": list(names)}, check=check, seconds=200, within=self.within)
        if any(words in result.get("msg", "") for words in ("resolve", "Could not connect")):
            pytest.skip(f"no mirror is reachable: {result['msg']}")
        return result

    def files(self, *folders: str) -> str:
        """Every file's name and content digest."""
        return self.run("find", *folders, "-type", "f", "-exec", "sha256sum", "{}", "+")


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    if "overlay" not in Path("/proc/filesystems").read_text():
        pytest.skip("needs overlayfs, which this kernel lacks")
    holder = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SETUP, "sh", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stderr is not None
        ready, _, _ = select.select([holder.stdout], [], [], 30)
        if not ready or holder.stdout.readline() != "ready\n":
            holder.kill()
            pytest.skip(f"no overlay can be mounted here: {holder.stderr.read().strip()}")
        (child,) = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
        yield Copy(["nsenter", "-t", child, "-m", "-p", "-r", "-w", "--"])
    finally:
        holder.kill()
        holder.communicate(timeout=10)


def test_netperf_comes_to_a_machine_whose_sources_lack_it(copy: Copy) -> None:
    installed = copy.run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n")
    if "netperf installed" in installed:
        copy.run("dpkg", "--purge", "netperf")
    apt_before = copy.files("/etc/apt")

    promised = copy.packages("netperf", "dpkg", check=True)
    assert (promised["changed"], promised["installed"]) == (True, ["netperf"])
    assert list(promised["versions"]) == ["dpkg"]

    done = copy.packages("netperf", "dpkg")
    assert (done.get("msg"), done["changed"], done["installed"]) == (None, True, ["netperf"])
    assert set(done["versions"]) == {"netperf", "dpkg"}
    # Which of the two ways it came depends on what this machine's sources offer.
    offered = copy.run("apt-cache", "policy", "netperf")
    assert (done["downloaded"] == ["netperf"]) == ("/debian" not in offered.replace("/var/lib/dpkg", ""))
    assert "netperf" in copy.run("sh", "-c", "command -v netperf")

    # Its service neither runs now nor would after a restart, and nothing but the package has come.
    assert "netserver" not in copy.run("ps", "-eo", "comm")
    assert copy.run("sh", "-c", "ls /etc/rc?.d | grep netperf || true").count("S") == 0
    assert copy.run("sh", "-c", "ls /usr/sbin/policy-rc.d* 2>/dev/null || true") == ""
    assert copy.files("/etc/apt") == apt_before
    assert copy.run("sh", "-c", "ls /var/cache/netlab-testbed/packages 2>/dev/null || true") == ""

    again = copy.packages("netperf", "dpkg")
    assert (again["changed"], again["installed"]) == (False, [])


def test_a_package_that_nobody_offers_is_named(copy: Copy) -> None:
    result = copy.packages("no-such-package-anywhere")
    assert "offers no-such-package-anywhere, nor does non-free" in result["msg"]
    assert "Traceback" not in result["msg"]


def test_where_nothing_is_missing_nothing_is_run() -> None:
    """A module call costs 0.18 s; apt-get would take longer by itself."""
    started = time.monotonic()
    result = run_module("packages", {"names": ["dpkg", "base-files", "libc6"]})
    assert (result["changed"], set(result["versions"])) == (False, {"dpkg", "base-files", "libc6"})
    assert time.monotonic() - started < 20
