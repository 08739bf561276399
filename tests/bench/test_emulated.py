# SPDX-License-Identifier: Apache-2.0
"""How long the emulated board takes: cold boot, start from a snapshot, deploy. On an idle machine of two processors.

These are seconds and no ratios: there is nothing to hold them against that would be as slow on another machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.stopwatch import median, seconds
from tests.emulated.board import EmulatedLab, lack

COLD_LIMIT, SNAPSHOT_LIMIT, DEPLOY_LIMIT = 40.0, 5.0, 60.0  # seconds
BUILD_SECONDS = 2700
TOPOLOGIES = ("sriov", "tap")

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.timeout(BUILD_SECONDS + 900)]


@pytest.fixture(scope="module", autouse=True)
def _able() -> None:
    if os.geteuid() != 0:
        pytest.skip("emulated boards are made by root")
    if reason := lack():
        pytest.skip(reason)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[..., EmulatedLab]]:
    made: list[EmulatedLab] = []

    def make(**variables: object) -> EmulatedLab:
        lab = EmulatedLab(tmp_path / f"lab{len(made)}", "bencharm", "bencharmpeer", 22961, **variables)
        made.append(lab)
        return lab

    yield make
    made[-1].netlab("destroy")


def starts(lab: EmulatedLab, how: str, times: int) -> float:
    """The median of several, in seconds from nothing to where the SSH server answers."""
    took = []
    for _ in range(times):
        lab.netlab("destroy")
        start = lab.switch_on(BUILD_SECONDS)
        assert start["how"] == how, start
        took.append(float(start["seconds"]))
    return median(took)


def test_cold_boot(lab: Callable[..., EmulatedLab], figure: Callable[..., None]) -> None:
    booted = lab(emulated_board_snapshots=False)
    booted.switch_on(BUILD_SECONDS)  # whatever is built once is built
    took = starts(booted, "cold boot", 3)
    figure("cold boot of the emulated board to SSH, seconds", took, f"at most {COLD_LIMIT}")
    assert took <= COLD_LIMIT


def test_start_from_a_snapshot(lab: Callable[..., EmulatedLab], figure: Callable[..., None]) -> None:
    board = lab()
    board.switch_on(BUILD_SECONDS)  # leaves one if there is none
    took = starts(board, "snapshot", 5)
    figure("emulated board from a snapshot to SSH, seconds", took, f"at most {SNAPSHOT_LIMIT}")
    assert took <= SNAPSHOT_LIMIT


def test_deploy_on_a_board_that_is_up(
    lab: Callable[..., EmulatedLab], repository: Path, figure: Callable[..., None]
) -> None:
    board = lab()
    board.switch_on(BUILD_SECONDS)
    topology = next(name for name in TOPOLOGIES if (repository / f"roles/datapath_{name}").is_dir())
    command: list[str | Path] = [
        repository / ".venv/bin/netlab",
        "deploy",
        "-i",
        board.folder,
        "-t",
        topology,
    ]
    took = seconds(command, repository)
    figure(f"deploy of {topology} on the emulated board, seconds", took, f"at most {DEPLOY_LIMIT}")
    again = seconds(command, repository)
    figure(f"deploy of {topology} on it again, seconds", again, "for information")
    assert took <= DEPLOY_LIMIT
