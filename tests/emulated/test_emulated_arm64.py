# SPDX-License-Identifier: Apache-2.0
"""Every topology on one emulated ARM64 board, over SSH, in its strongest form, with guests under KVM.

One board is started, the topologies take each other's place on it. Takes minutes, and many more the first time, when
the image is built. What is known of a topology's strongest form stands in STRONGEST; one that is not there is proven
all the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import ops
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.image import BoardImage
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.store import FILES, content_hash
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.tools import CACHE
from tests.emulated.board import COMMAND_SECONDS, ROOT, EmulatedLab, lack

BUILD_SECONDS = 2700
NIC = "enp0s5"
XDP_ATTACHED_DRV = 1  # linux/if_link.h; 2 is the slow way, on the kernel's own buffers
TOPOLOGIES = sorted(path.name.removeprefix("datapath_") for path in (ROOT / "roles").glob("datapath_*"))
pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(COMMAND_SECONDS)]

Status = dict[str, Any]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedLab]:
    """Destroyed at the end, whatever happens."""
    if os.geteuid() != 0:
        pytest.skip("emulated boards are made by root")
    if reason := lack():
        pytest.skip(reason)
    lab = EmulatedLab(tmp_path_factory.mktemp("lab") / "emulated", "testarm", "testarmpeer", 22951)
    yield lab
    lab.netlab("destroy")


@pytest.fixture(scope="module")
def before(lab: EmulatedLab) -> str:
    """The board as it is when nobody has deployed anything on it."""
    lab.switch_on(BUILD_SECONDS)
    return lab.state()


def moved_by_vhost(_lab: EmulatedLab, status: Status) -> None:
    assert [guest["vhost"] for guest in status["guests"]] == [True]


def forwarded_in_the_kernel(lab: EmulatedLab, status: Status) -> None:
    moved_by_vhost(lab, status)
    assert status["datapath"]["datapath_type"] == "system"
    assert status["observed"]["ovs"]["nlovs0"]["datapath_type"] == "system"
    assert json.loads(lab.run("ip -json -details link show ovs-system"))[0]["ifname"] == "ovs-system"


def native_in_the_driver(lab: EmulatedLab, status: Status) -> None:
    moved_by_vhost(lab, status)
    assert status["datapath"]["xdp_mode"] == "native"
    for name in (NIC, "nltap1"):
        (link,) = json.loads(lab.run(f"ip -json link show {name}"))
        assert link["xdp"]["mode"] == XDP_ATTACHED_DRV
    assert lab.run(f"basename $(readlink /sys/class/net/{NIC}/device/driver)").strip() == "igb"


def a_function_of_the_nic(lab: EmulatedLab, status: Status) -> None:
    """The guest holds a virtual function, and nobody moves its frames."""
    assert [guest["vhost"] for guest in status["guests"]] == [False]
    assert int(lab.run(f"cat /sys/class/net/{NIC}/device/sriov_numvfs")) > 0
    assert lab.run("ls -d /sys/bus/pci/drivers/vfio-pci/0000:*").split()


STRONGEST: dict[str, Callable[[EmulatedLab, Status], None]] = {
    "macvtap": moved_by_vhost,
    "ovs": forwarded_in_the_kernel,
    "sriov": a_function_of_the_nic,
    "tap": moved_by_vhost,
    "xdp": native_in_the_driver,
}


@pytest.mark.timeout(BUILD_SECONDS + COMMAND_SECONDS)  # of the first, which starts the board
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_topology_is_proven_and_stays_as_it_is(lab: EmulatedLab, before: str, topology: str) -> None:
    assert before
    lab.netlab("deploy", "-t", topology)
    status = lab.status()
    assert (status["topology"], status["state"], status["drift"]) == (topology, "ready", [])
    assert status["board"]["arch"] == "aarch64"
    assert status["board"]["service_manager"] == "systemd"
    # TCP, both ways, and the counters of the path have moved with it
    assert status["proofs"]
    assert all(
        min(counter.values()) >= proof["bytes_each_way"]
        for proof in status["proofs"]
        for counter in proof["moved"].values()
    )
    if status["guests"]:
        assert status["accelerator"] == "kvm"
        assert [guest["state"] for guest in status["guests"]] == ["running"]
    if topology in STRONGEST:
        STRONGEST[topology](lab, status)
    assert " 0 changed" in lab.netlab("deploy", "-t", topology)


def test_a_reboot_is_told_and_the_next_deploy_mends_it(lab: EmulatedLab, before: str) -> None:
    assert before
    lab.reboot()
    status = lab.status()
    assert status["drift"], status
    lab.netlab("deploy", "-t", "tap")
    status = lab.status()
    assert (status["topology"], status["state"], status["drift"]) == ("tap", "ready", [])


def test_what_was_there_before_is_there_again(lab: EmulatedLab, before: str) -> None:
    lab.roll_back()
    assert lab.state() == before


def test_the_image_is_as_it_was_built(lab: EmulatedLab, before: str) -> None:
    """What boards write is on their overlays: the image still has the content that it is named by."""
    assert before
    image = BoardImage(CACHE).current()
    assert image is not None
    folder = Path(image["disk"]).parent
    assert content_hash([folder / name for name in FILES]) == folder.name == image["hash"]
    assert (ops.DISKS / lab.board / "disk.qcow2").stat().st_size > 1 << 20


def test_a_board_from_a_snapshot_is_another_board(lab: EmulatedLab, before: str) -> None:
    """Nothing that tells boards apart is in what they are started from."""
    assert before
    draws = "cat /proc/sys/kernel/random/boot_id /etc/machine-id; head -c 32 /dev/urandom | base64; hostname; date +%s"
    seen = []
    for _ in range(2):
        lab.netlab("destroy")
        assert not ops.left(lab.board)
        assert lab.switch_on()["how"] == "snapshot"
        key = (ops.RECORDS / lab.board / "known_hosts").read_text(encoding="ascii")
        *drawn, name, clock = lab.run(draws).split()
        assert name == lab.board
        assert abs(int(clock) - int((ops.RECORDS / lab.board / "board.json").stat().st_mtime)) < 60
        seen.append({key, *drawn})
    assert not seen[0] & seen[1]
    assert lab.state() == before


def test_destroy_leaves_nothing_of_it(lab: EmulatedLab) -> None:
    lab.netlab("destroy")
    assert not ops.left(lab.board)
    assert lab.status()["state"] == "not up"
    lab.netlab("destroy")
