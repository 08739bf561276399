# SPDX-License-Identifier: Apache-2.0
"""From a bare Debian, over SSH, to topologies with guests: what the roles need they install. Minutes for each release.

`./lab test bare`; not in `./lab test`, because each release installs some hundred packages from the mirror.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.bare.bare_board import BareLab, bare_lab
from tests.integration.ssh_board import USER

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces"),
    pytest.mark.timeout(1800),
]
# The releases that boards may run, each with another kind of user.
RELEASES = {"bookworm": "root", "trixie": USER}
VERSIONS = {"bookworm": "12", "trixie": "13"}
BROUGHT = {"netperf", "python3-pyroute2"}


@pytest.fixture(scope="module", params=sorted(RELEASES))
def lab(request: pytest.FixtureRequest) -> Iterator[BareLab]:
    with bare_lab(f"bare{VERSIONS[request.param]}", request.param, RELEASES[request.param]) as made:
        yield made


def test_check_needs_nothing_on_the_board_and_brings_nothing(lab: BareLab) -> None:
    before = {board: lab.installed(board) for board in lab.boards}
    files = {board: lab.inside(board, "find", "/mnt/upper", "-type", "f") for board in lab.boards}
    assert not before[lab.dut] & BROUGHT
    said = lab.call("check", "--json")
    told = json.loads(said[said.index("{") :])["boards"]
    (system,) = [row["says"] for row in told[lab.dut]["findings"] if row["about"] == "system"]
    version = next(VERSIONS[codename] for codename in VERSIONS if codename in str(lab.lower))
    assert system.startswith(f"Debian {version}, ")
    assert told[lab.dut]["topologies"]["tap"] == []
    assert "missing" in json.dumps(told[lab.dut]["instruments"]["netperf"])
    assert {board: lab.installed(board) for board in lab.boards} == before
    after = {board: lab.inside(board, "find", "/mnt/upper", "-type", "f") for board in lab.boards}
    assert after == files


@pytest.mark.parametrize("topology", ["host", "tap", "macvtap", "user", "xdp", "ovs"])
def test_a_topology(lab: BareLab, topology: str) -> None:
    """Deployed, proven by its role, measured once, not changed by a second deploy; then gone."""
    lab.call("deploy", "-t", topology)
    assert lab.installed(lab.peer) >= BROUGHT
    assert ": 0 changed" in lab.call("deploy", "-t", topology)
    lab.call("bench", "quick", "-t", topology, "--blocks", "1", "--seed", "1")
    assert "nothing of netlab is left" in lab.call("destroy")
