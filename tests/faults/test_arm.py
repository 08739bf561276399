# SPDX-License-Identifier: Apache-2.0
"""Faults in the middle of a deploy of sriov, on the emulated board: no local board has virtual functions or systemd.

One after another, on one board, which is looked at over SSH before the first and after each. Tried with the whole of
the faults only; they take the machine for themselves, before the others.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import pytest

from tests.emulated.board import lack
from tests.faults import arm
from tests.faults.arm import ArmLab, finish
from tests.faults.catalogue import ON_EMULATED, SRIOV_STEPS, Trial
from tests.faults.conftest import TOOK
from tests.faults.lab import Lost

BUILD_SECONDS = 2700
pytestmark = [
    pytest.mark.root,
    pytest.mark.guest,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.environ.get("NETLAB_FAULTS") != "whole", reason="tried when all faults are"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArmLab]:
    if reason := lack():
        pytest.skip(reason)
    made = ArmLab(tmp_path_factory.mktemp("arm") / "lab")
    try:
        made.begin(BUILD_SECONDS)
        yield made
    finally:
        made.netlab("destroy")


@pytest.fixture(scope="module")
def before(lab: ArmLab) -> str:
    """The board as nobody has changed it yet."""
    return lab.state()


@pytest.mark.timeout(BUILD_SECONDS + 900)  # of the first, which starts the board
@pytest.mark.parametrize("trial", ON_EMULATED, ids=[trial.name for trial in ON_EMULATED])
def test_survived(lab: ArmLab, before: str, trial: Trial) -> None:
    began = time.monotonic()
    lab.arm(trial.moment)
    program = lab.start("deploy", "-t", trial.topology)
    try:
        arm.HAPPENS[trial.fault](lab, program, lab.reach(trial.moment, program))
        if program.poll() is None:
            status, said = finish(program)
            if (allowed := arm.UNDOES_ITSELF.get(trial.fault)) and status not in allowed:
                raise Lost(f"netlab ended with {status}, not one of {allowed}:\n{said[-3000:]}")
    finally:
        if program.poll() is None:
            program.kill()
    if trial.fault not in arm.UNDOES_ITSELF:
        lab.call("destroy", "--wait", "120")
    assert lab.state() == before
    assert lab.ledger() == {}
    TOOK[trial] = time.monotonic() - began


def test_and_a_deploy_after_all_of_them(lab: ArmLab, before: str) -> None:
    """Which comes by as many steps as the catalogue knows."""
    lab.call("deploy", "-t", "sriov")
    steps = [
        int(found[1]) for line in lab.passed() if (found := re.fullmatch(r"deploy dut step (\d+) done", line))
    ]
    assert max(steps) == SRIOV_STEPS
    assert lab.status()["drift"] == []
    lab.call("destroy")
    assert lab.state() == before
