# SPDX-License-Identifier: Apache-2.0
"""Whatever happens in the middle of a deploy or destroy: the next destroy leaves nothing, the next deploy works."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.faults import catalogue
from tests.faults.catalogue import Trial
from tests.faults.conftest import Campaign
from tests.faults.faults import MEASURED
from tests.faults.lab import Lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.needs("tini", "nsenter", "ethtool", "netserver"),
]

LONGEST = 5400.0  # seconds: a test waits for those that are tried before it


@pytest.mark.timeout(LONGEST)
def test_survived(trial: Trial, campaign: Campaign) -> None:
    campaign.results[trial].result(timeout=LONGEST)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab(f"f{os.getpid() % 10000}d")
    yield made
    made.close()


def highest(passed: list[str], pattern: str) -> int:
    return max((int(found[1]) for moment in passed if (found := re.fullmatch(pattern, moment))), default=0)


@pytest.mark.skipif(os.environ.get("NETLAB_FAULTS") != "whole", reason="looked at when all faults are tried")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("topology", catalogue.STEPS)
def test_every_moment_is_counted(topology: str, campaign: Campaign, lab: Lab) -> None:
    """Where a deploy has one task or step more than the catalogue knows, a fault in it would never be tried."""
    lab.raise_boards()
    lab.call("deploy", "-t", topology)
    deploy = lab.passed()
    for board, count in catalogue.STEPS[topology].items():
        found = highest(deploy, rf"deploy {board} step (\d+) done")
        # with a guest come more steps, each of which takes a guest to be tried
        assert found == count if topology == "host" else found >= count, (board, found)
    if topology != "host":
        return
    assert highest(deploy, r"deploy task (\d+)") == catalogue.DEPLOY_TASKS
    assert highest(deploy, r"deploy dut write (\d+) torn") == catalogue.WRITES["deploy"]
    lab.call("destroy")
    assert highest(lab.passed(), r"destroy task (\d+)") == catalogue.DESTROY_TASKS
    assert highest(lab.passed(), r"destroy dut write (\d+) torn") == catalogue.WRITES["destroy"]
    lab.call("bench", lab.plan("host"), allowed=MEASURED)
    assert highest(lab.passed(), r"bench task (\d+)") == max(catalogue.BENCH_TRIALS)
    assert highest(lab.passed(), r"netlab line (\d+) done") == catalogue.LINES
