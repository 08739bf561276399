# SPDX-License-Identifier: Apache-2.0
"""A private APT configuration: when it asks the network, and what it does when a version is gone."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.apt import world as apt_world
from ansible_collections.netlab.testbed.plugins.module_utils.apt.sources import Source
from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import (
    AptError,
    AptStale,
    AptWorld,
    Package,
    debian_sources,
    machine_sources,
    release_codename,
    run_apt,
)

NETPERF = Package("netperf", "1:2.7.0-0.1", "non-free/net", (), "")


class Apt:
    """What a world asked of APT, and lists that come with an update."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[list[str]] = []
        self.sources = [Source("http://mirror.example/debian", "bookworm", ("main",))]
        self.failure = ""
        self.world = AptWorld("world", "arm64", ("main", "non-free"), root=tmp_path)
        self.lists = tmp_path / "world/lists"
        self.machine_lists = tmp_path / "machine"
        self.machine_lists.mkdir()
        monkeypatch.setattr(apt_world, "run_apt", self.run_apt)
        monkeypatch.setattr(apt_world, "machine_architecture", lambda: "amd64")
        monkeypatch.setattr(apt_world, "debian_sources", lambda components, backports: self.sources)
        monkeypatch.setattr(apt_world, "MACHINE_LISTS", self.machine_lists)

    def run_apt(self, command: list[str], timeout: float, cwd: Path | None = None) -> str:
        assert command[:3] == ["apt-get", "-c", str(self.world.configuration)]
        self.calls.append(command[4:])
        if "update" in command:
            (self.lists / "mirror_binary-arm64_Packages.lz4").touch()
        elif self.failure:
            raise AptError(self.failure)
        elif cwd is not None:
            (cwd / "netperf_1%3a2.7.0-0.1_arm64.deb").touch()
        return ""

    @property
    def updates(self) -> int:
        return self.calls.count(["update"])


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    return Apt(tmp_path, monkeypatch)


def test_lists_that_are_there_and_fresh_are_used_as_they_are(apt: Apt) -> None:
    assert apt.world.refresh()
    assert not apt.world.refresh()
    assert apt.updates == 1


def test_lists_too_old_or_gone_are_fetched(apt: Apt) -> None:
    apt.world.refresh()
    stamp = apt.world.path / "refreshed"
    os.utime(stamp, (time.time() - 7200,) * 2)
    assert not apt.world.refresh(max_age=10000)
    assert apt.world.refresh(max_age=3600)
    next(apt.lists.glob("*_Packages*")).unlink()
    assert apt.world.refresh()
    assert apt.updates == 3


def test_other_sources_of_the_machine_are_followed(apt: Apt) -> None:
    apt.world.refresh()
    apt.sources = [Source("http://other.example/debian", "bookworm", ("main",))]
    assert apt.world.refresh()
    assert "other.example" in (apt.world.path / "sources.list.d/world.sources").read_text()


def test_nothing_of_it_points_at_the_machines_own_state(apt: Apt) -> None:
    apt.world.refresh()
    paths = [line for line in apt.world.configuration.read_text().splitlines() if line.startswith("Dir::")]
    assert len(paths) >= 8
    for line in paths:
        value = line.split('"')[1]
        assert value.startswith(str(apt.world.path)) or "/" not in value, line


@pytest.mark.needs("apt-config")
def test_apt_itself_reads_it_so(apt: Apt) -> None:
    apt.world.refresh()
    dump = subprocess.run(
        ["apt-config", "-c", str(apt.world.configuration), "dump"],
        capture_output=True, text=True, timeout=20, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert 'APT::Architecture "arm64";' in dump
    assert not [line for line in dump if line.startswith("APT::Architectures") and "amd64" in line]
    assert not [line for line in dump if line.startswith("APT::Update::Post-Invoke") and '"";' not in line]
    assert f'Dir::State::status "{apt.world.path}/status";' in dump


def test_lists_of_the_machine_spare_a_world_of_its_architecture_the_download(apt: Apt) -> None:
    for name in (
        "m_InRelease",
        "m_main_binary-arm64_Packages.lz4",
        "m_main_binary-amd64_Packages.lz4",
        "m_i18n",
    ):
        (apt.machine_lists / name).write_text(name)
    apt.world.architecture = "amd64"
    apt.world.refresh()
    seeded = {path.name for path in apt.lists.iterdir() if path.name.startswith("m_")}
    assert seeded == {"m_InRelease", "m_main_binary-amd64_Packages.lz4"}


def test_a_download_is_found_by_its_name_and_version(apt: Apt, tmp_path: Path) -> None:
    apt.world.refresh()
    (path,) = apt.world.download([NETPERF], tmp_path / "debs")
    assert path.name == "netperf_1%3a2.7.0-0.1_arm64.deb"
    assert apt.calls[-1] == ["download", "netperf=1:2.7.0-0.1"]


def test_a_version_that_is_gone_means_fresh_lists_and_another_choice(apt: Apt, tmp_path: Path) -> None:
    apt.world.refresh()
    later = AptWorld("world", "arm64", ("main", "non-free"), root=apt.world.path.parent)
    apt.failure = "apt-get failed: E: Failed to fetch http://mirror.example/x.deb  404  Not Found"
    with pytest.raises(AptStale):
        later.download([NETPERF], tmp_path / "debs")
    assert apt.updates == 2
    with pytest.raises(AptError) as caught:
        later.download([NETPERF], tmp_path / "debs")
    assert not isinstance(caught.value, AptStale), "once: the lists are fresh now"
    assert apt.updates == 2


# -- the machine's own sources ------------------------------------------------------------------------------


def test_both_forms_are_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    (tmp_path / "sources.list.d/a.list").write_text("deb http://two.example/debian bookworm main\n")
    deb822 = "Types: deb\nURIs: http://three.example/debian\nSuites: bookworm\nComponents: main\n"
    (tmp_path / "sources.list.d/b.sources").write_text(deb822)
    (tmp_path / "sources.list.d/c.list.disabled").write_text("deb http://no.example/debian bookworm main\n")
    hosts = [source.uri.split("/")[2] for source in machine_sources(tmp_path)]
    assert hosts == ["one.example", "two.example", "three.example"]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("dep http://one.example/debian bookworm main\n")
    with pytest.raises(AptError, match=r"sources\.list: line 1"):
        machine_sources(tmp_path)


def test_without_a_source_of_debian_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_world, "release_codename", lambda: "bookworm")
    monkeypatch.setattr(apt_world, "machine_releases", lambda: ({}, {}))
    monkeypatch.setattr(
        apt_world, "machine_sources", lambda: [Source("http://x.example", "noble", ("main",))]
    )
    with pytest.raises(AptError, match="is Debian's own for bookworm"):
        debian_sources(["main"])


def test_codename(tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="trixie"\n')
    assert release_codename(tmp_path / "os-release") == "trixie"
    (tmp_path / "os-release").write_text("ID=debian\n")
    with pytest.raises(AptError, match="not a released Debian"):
        release_codename(tmp_path / "os-release")


def test_errors_of_apt_are_told_in_one_line() -> None:
    with pytest.raises(AptError) as caught:
        run_apt(["sh", "-c", "echo W: note >&2; echo E: first >&2; echo E: second >&2; exit 100"], 20)
    assert str(caught.value) == "sh failed: E: first; E: second"
    with pytest.raises(AptError, match="did not end within 0 s"):
        run_apt(["sleep", "20"], 0.2)
