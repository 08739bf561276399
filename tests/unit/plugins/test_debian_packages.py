# SPDX-License-Identifier: Apache-2.0
"""Which packages are installed, what is offered, and which services are held back."""

from __future__ import annotations

import multiprocessing
import stat
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.apt import debian_install as debian_install
from ansible_collections.netlab.testbed.plugins.module_utils.apt import debian_services as debian_services
from ansible_collections.netlab.testbed.plugins.module_utils.apt.debian_install import (
    Installation,
    offered,
    one_at_a_time,
)
from ansible_collections.netlab.testbed.plugins.module_utils.apt.debian_services import (
    POLICY_MARK,
    policy_text,
    services_held_back,
)
from ansible_collections.netlab.testbed.plugins.module_utils.apt.debian_status import (
    everything,
    installed,
    parse_status,
)
from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import AptError, Package, _package
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from ansible_collections.netlab.testbed.plugins.modules import packages

STATUS = """\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: ethtool
Status: install ok installed
Priority: optional
Architecture: amd64
Description: shows
 Package: netperf
 Status: install ok installed
Version: 1:6.1-1

Package: netperf
Status: deinstall ok config-files
Architecture: amd64
Version: 2.7.0-0.1

Package: python3-pyroute2
Status: hold ok installed
Architecture: all
Version: 0.7.2-2

Package: tini
Status: install ok half-configured
Architecture: amd64
Version: 0.19.0

Package: libfoo
Status: install ok installed
Architecture: i386
Version: 1
"""


def test_only_what_is_installed_whole_and_for_this_machine_counts() -> None:
    names = ["ethtool", "netperf", "python3-pyroute2", "tini", "libfoo", "absent", "eth", "."]
    assert parse_status(STATUS, names) == {"ethtool": "1:6.1-1", "python3-pyroute2": "0.7.2-2"}


def test_package_of_both_architectures() -> None:
    both = STATUS + STATUS.split("\n\n")[-1].replace("i386", "amd64").replace("Version: 1", "Version: 2")
    assert parse_status(both.replace("\nPackage: libfoo", "\n\nPackage: libfoo"), ["libfoo"]) == {
        "libfoo": "2"
    }


def test_a_machine_without_dpkg_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="install by hand: ethtool, netperf"):
        installed(["ethtool", "netperf"], tmp_path / "status")


@pytest.mark.needs("dpkg-query")
def test_everything_is_what_dpkg_itself_lists() -> None:
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"],
        capture_output=True, text=True, timeout=20, check=True,
    ).stdout  # fmt: skip
    listed = {line.split()[0] for line in asked.splitlines() if line.endswith(" installed")}
    assert "dpkg" in listed
    assert everything() == listed


def test_what_was_brought_is_listed_once_and_only_if_something_was(tmp_path: Path) -> None:
    path = tmp_path / "state/os-packages"
    packages.record(set(), path)
    assert not path.parent.exists()
    packages.record({"tini", "ethtool"}, path)
    packages.record({"netperf"}, path)
    assert path.read_text() == "ethtool\ntini\nnetperf\n"
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.needs("dpkg-query")
def test_as_dpkg_itself_says() -> None:
    names = ["dpkg", "libc6", "base-files", "no-such-package"]
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "dpkg", "libc6", "base-files"],
        capture_output=True, text=True, timeout=20, check=True,
    ).stdout  # fmt: skip
    assert installed(names) == dict(line.split() for line in asked.splitlines())


def test_candidates_as_apt_cache_prints_them() -> None:
    text = (
        "netperf:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
        "ethtool:\n  Installed: 1:6.1-1\n  Candidate: 1:6.1-1\n  Version table:\n *** 1:6.1-1 100\n"
    )
    assert offered(text) == {"ethtool"}


def test_record_of_a_package() -> None:
    stanza = (
        "Package: qemu-guest-agent\nVersion: 1:7.2\nSection: otherosfs\n"
        "Pre-Depends: init-system-helpers (>= 1.54~)\n"
        "Depends: libc6 (>= 2.34), libglib2.0-0t64 | libglib2.0-0, python3:any\n"
        "Description: agent\n Depends: not this\nSHA256: abc\n"
    )
    depends = ("init-system-helpers", "libc6", "libglib2.0-0t64", "python3")
    assert _package(stanza) == Package("qemu-guest-agent", "1:7.2", "otherosfs", depends, "abc")


# -- services -----------------------------------------------------------------------------------------------


def asks(policy: Path, service: str) -> int:
    return subprocess.run([policy, service, "start", "5"], timeout=10, check=False).returncode


def test_policy_without_a_service_manager_and_with_one(tmp_path: Path) -> None:
    for services_run, statuses in ((False, [101, 101]), (True, [101, 0])):
        policy = tmp_path / "policy-rc.d"
        policy.write_text(policy_text(services_run))
        policy.chmod(0o755)
        assert [asks(policy, name) for name in ("netperf", "libvirtd")] == statuses


def test_policy_is_there_for_the_time_of_an_installation(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"

    def install_and_fail() -> None:
        with services_held_back(policy):
            assert stat.S_IMODE(policy.stat().st_mode) == 0o755
            assert asks(policy, "netperf") == 101
            raise AptError("it failed")

    with pytest.raises(AptError):
        install_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_policy_of_the_machines_own_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    with services_held_back(policy):
        assert policy.read_text() == "#!/bin/sh\nexit 101\n"
    assert policy.exists()


def test_policy_that_a_killed_installation_left_is_removed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(f"#!/bin/sh\n{POLICY_MARK}\nexit 101\n")
    with services_held_back(policy):
        pass
    assert not policy.exists()


# -- installing ---------------------------------------------------------------------------------------------


class Machine:
    """apt-get and apt-cache of a machine: what it was asked, and what it offers."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offers: set[str]) -> None:
        self.calls: list[list[str]] = []
        self.offers = offers
        self.offers_after_update = offers
        self.failures: list[str] = []
        self.disabled: list[str] = []
        self.tmp_path = tmp_path
        monkeypatch.setattr(debian_install, "run_apt", self.run_apt)
        monkeypatch.setattr(debian_install, "disable_service", self.disabled.append)
        monkeypatch.setattr(debian_install, "machine_architecture", lambda: "amd64")
        monkeypatch.setattr(debian_install.AptWorld, "refresh", lambda world, max_age=0: True)
        monkeypatch.setattr(debian_install.AptWorld, "candidates", self.candidates)
        monkeypatch.setattr(debian_install.AptWorld, "download", self.download)
        monkeypatch.setattr(debian_install.os, "geteuid", lambda: 0)
        monkeypatch.setattr(debian_services, "POLICY", tmp_path / "policy-rc.d")
        monkeypatch.setattr(debian_install, "services_held_back", lambda: services_held_back(tmp_path / "p"))

    def run_apt(self, command: list[str], timeout: float) -> str:
        words = [word for word in command if not word.startswith("-") and "::" not in word]
        self.calls.append(words)
        if words[:2] == ["apt-get", "update"]:
            self.offers = self.offers_after_update
        if words[:2] == ["apt-get", "install"] and self.failures:
            raise AptError(self.failures.pop(0))
        lines = [
            f"{name}:\n  Installed: (none)\n  Candidate: {'1' if name in self.offers else '(none)'}\n"
            for name in words[2:]
        ]
        return "".join(lines)

    def candidates(self, names: list[str]) -> dict[str, Package]:
        return {name: Package(name, "1", "non-free/net", (), "") for name in names if name == "netperf"}

    def download(self, packages: list[Package], directory: Path) -> list[Path]:
        directory.mkdir(exist_ok=True)
        paths = [directory / f"{package.name}_1_amd64.deb" for package in packages]
        for path in paths:
            path.touch()
        return paths

    def install(self, *names: str) -> Installation:
        installation = Installation(names, self.tmp_path)
        installation.run()
        return installation

    @property
    def actions(self) -> list[str]:
        return [" ".join(call[:1] if call[0] == "apt-cache" else call[1:]) for call in self.calls]


def test_what_the_machine_offers_is_installed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch, {"ethtool", "tini"})
    assert machine.install("ethtool", "tini").downloaded == []
    assert machine.actions == ["apt-cache", "install ethtool tini"]
    assert machine.disabled == []


def test_lists_are_fetched_where_they_lack_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch, set())
    machine.offers_after_update = {"ethtool"}
    machine.install("ethtool")
    assert machine.actions == ["apt-cache", "update", "apt-cache", "install ethtool"]


def test_netperf_comes_from_a_world_and_its_service_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch, {"ethtool"})
    assert machine.install("ethtool", "netperf").downloaded == ["netperf"]
    file = tmp_path / "packages/netperf_1_amd64.deb"
    assert machine.actions[-1] == f"install ethtool {file}"
    assert not file.exists()
    assert machine.disabled == ["netperf"]


def test_what_nobody_offers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch, set())
    with pytest.raises(BoardError, match="offers no-such, nor does non-free at its mirror"):
        machine.install("no-such", "netperf")
    assert not any(action.startswith("install") for action in machine.actions)


def test_lists_older_than_the_mirror_are_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch, {"ethtool"})
    machine.failures = ["E: Failed to fetch http://x/ethtool.deb  404  Not Found"]
    machine.install("ethtool")
    assert machine.actions == ["apt-cache", "install ethtool", "update", "apt-cache", "install ethtool"]
    machine.failures = ["404 Not Found"] * 2
    with pytest.raises(AptError):
        machine.install("ethtool")


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian_install.os, "geteuid", lambda: 1000)
    with pytest.raises(BoardError, match="needs root"):
        Installation(["ethtool"]).run()


def _hold(path: Path, held: object, release: object) -> None:
    with one_at_a_time(path):
        held.set()  # type: ignore[attr-defined]
        release.wait(20)  # type: ignore[attr-defined]


def test_a_second_installation_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cache/packages.lock"
    context = multiprocessing.get_context("fork")
    held, release = context.Event(), context.Event()
    first = context.Process(target=_hold, args=(path, held, release))
    first.start()
    try:
        assert held.wait(20)
        monkeypatch.setattr(debian_install, "LOCK_SECONDS", 0.3)
        started = time.monotonic()
        with pytest.raises(BoardError, match="another installation"), one_at_a_time(path):
            pass
        assert time.monotonic() - started >= 0.3
        release.set()
        monkeypatch.setattr(debian_install, "LOCK_SECONDS", 20)
        with one_at_a_time(path):
            pass
    finally:
        release.set()
        first.join(20)
