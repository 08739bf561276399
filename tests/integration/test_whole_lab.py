# SPDX-License-Identifier: Apache-2.0
"""One topology over another, all of them, on a lab with real guests; then nothing is left of any."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops, process_ops, residue
from ansible_collections.netlab.testbed.plugins.module_utils.local_board import board_pid
from netlab.collection import find
from tests.integration import user_disk
from tests.integration.machine import more_than, snapshot

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "tests" / "inventory"
TOPOLOGIES = sorted(find().topologies())


def netlab(*words: str, status: int = 0, inventory: Path = INVENTORY) -> subprocess.CompletedProcess[str]:
    """The program as a user runs it."""
    argv = [sys.executable, "-m", "netlab", *words, "-i", str(inventory)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT)
    assert done.returncode == status, f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def board(name: str) -> dict[str, Any]:
    return dict(json.loads(netlab("status", "--json").stdout)["boards"][name])


@pytest.fixture(scope="module")
def lab() -> Iterator[dict[str, set[str]]]:
    """What the machine held before, and nothing of the lab."""
    netlab("destroy")
    yield snapshot()
    netlab("destroy")


@pytest.fixture(scope="module")
def unmet(lab: dict[str, set[str]]) -> dict[str, list[str]]:
    """By topology why a local board cannot carry it: of hardware it has none."""
    boards = json.loads(netlab("check", "--json").stdout)["boards"]
    return dict(boards["testdut"]["topologies"])


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_each_takes_the_place_of_the_one_before(
    topology: str, lab: dict[str, set[str]], unmet: dict[str, list[str]]
) -> None:
    if unmet[topology]:
        pytest.skip(f"cannot be carried here: {'; '.join(unmet[topology])}")
    netlab("deploy", "-t", topology)
    carried = board("testdut")
    assert (carried["topology"], carried["state"]) == (topology, "ready")
    proofs = carried["proofs"]
    assert proofs
    for proof in proofs:
        for counts in proof["moved"].values():
            assert min(counts.values()) >= proof["bytes_each_way"]
    guests = [guest["name"] for guest in carried["guests"]]
    assert guests == ([] if topology == "host" else ["guest1"])
    if topology == "user":  # not the measured network's, which it is not in
        assert carried["guests"][0]["address"] == "10.0.2.15/24"


def test_a_second_deploy_changes_nothing(lab: dict[str, set[str]]) -> None:
    """Nor does it look into each thing: what was recorded is compared with what there is, and that is all."""
    topology = board("testdut")["topology"]
    again = netlab("deploy", "-t", topology, "-v")
    assert "0 changed" in again.stdout
    assert "The board is compared with what was deployed" in again.stderr
    assert "The measured NIC is there and free" not in again.stderr


def test_more_guests_and_fewer(lab: dict[str, set[str]]) -> None:
    netlab("deploy", "-t", "tap", "--guests", "2")
    assert [guest["name"] for guest in board("testdut")["guests"]] == ["guest1", "guest2"]
    netlab("deploy", "-t", "tap", "--guests", "1")
    carried = board("testdut")
    assert [guest["name"] for guest in carried["guests"]] == ["guest1"]
    assert [name for name in carried["board"]["interfaces"] if name.startswith("nltap")] == ["nltap1"]


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A copy of the tests' inventory, to be written to."""
    copy = tmp_path / "inventory"
    shutil.copytree(INVENTORY, copy)
    return copy


def with_variables(inventory: Path, text: str) -> None:
    """Variables of all duts."""
    (inventory / "group_vars").mkdir()
    (inventory / "group_vars" / "duts.yml").write_text(text, encoding="utf-8")


def test_guests_of_another_architecture(lab: dict[str, set[str]], inventory: Path) -> None:
    """ARM64 guests on the boards of an x86 machine, under TCG; and the other way round."""
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[platform.machine()]
    with_variables(inventory, f"guest_arch: {other}\n")
    netlab("deploy", "-t", "tap", inventory=inventory)
    carried = board("testdut")
    assert carried["accelerator"] == "tcg"
    assert other in carried["accelerator_reason"]
    assert [guest["state"] for guest in carried["guests"]] == ["running"]


@pytest.mark.needs(*user_disk.PROGRAMS)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="SYSLINUX boots x86 only")
def test_a_disk_of_the_users_own(lab: dict[str, set[str]], inventory: Path, tmp_path: Path) -> None:
    netlab("deploy", "-t", "tap")  # whose guest image lends the initramfs
    images = Path("/var/cache/netlab-testbed/guest-image/x86_64")
    current = json.loads((images / "current.json").read_text(encoding="utf-8"))["hash"]
    disk = user_disk.make(tmp_path, images / current / "initramfs")
    before = disk.read_bytes()
    with_variables(inventory, f"guest_disk: {disk}\n")
    netlab("deploy", "-t", "tap", inventory=inventory)
    carried = board("testdut")
    assert [guest["state"] for guest in carried["guests"]] == ["running"]
    assert carried["proofs"][0]["moved"]["link nltap1"]["rx_bytes"] >= carried["proofs"][0]["bytes_each_way"]
    netlab("deploy", "-t", "host")
    assert disk.read_bytes() == before


def test_what_drifts_is_seen_and_mended(lab: dict[str, set[str]]) -> None:
    netlab("deploy", "-t", "tap")
    enter = ["nsenter", "-t", str(board_pid("testdut")), "-a", "--"]
    subprocess.run([*enter, "ip", "link", "set", "nltap1", "nomaster"], check=True, timeout=10)
    mended = netlab("deploy", "-t", "tap").stdout
    assert "0 changed" not in mended
    told = subprocess.run(
        [*enter, "ip", "-json", "link", "show", "nltap1"], check=True, timeout=10, capture_output=True
    )
    assert json.loads(told.stdout)[0]["master"] == "nlbr0"
    assert "0 changed" in netlab("deploy", "-t", "tap").stdout


@pytest.mark.parametrize(
    "breaking",
    ["kill -9 $(pgrep -x libvirtd)", "kill -9 $(pgrep ^qemu-system)", "ip link delete nltap1"],
    ids=["libvirtd killed", "guest killed", "tap gone under its guest"],
)
def test_what_broke_is_mended_by_one_deploy(lab: dict[str, set[str]], breaking: str) -> None:
    netlab("deploy", "-t", "tap")
    enter = ["nsenter", "-t", str(board_pid("testdut")), "-a", "--"]
    subprocess.run([*enter, "sh", "-c", breaking], check=True, timeout=10)
    assert "0 changed" not in netlab("deploy", "-t", "tap").stdout
    assert [guest["state"] for guest in board("testdut")["guests"]] == ["running"]
    assert "0 changed" in netlab("deploy", "-t", "tap").stdout


def test_a_machine_takes_no_program_of_a_local_board_for_its_own(lab: dict[str, set[str]]) -> None:
    """It may be somebody's board itself: the marks are the same, and it sees those processes as well."""
    netlab("deploy", "-t", "tap")
    for name, program in (("testpeer", "netserver"), ("testdut", "qemu-system")):
        enter = ["nsenter", "-t", str(board_pid(name)), "-a", "--"]
        subprocess.run([*enter, "pgrep", program], check=True, timeout=10, stdout=subprocess.DEVNULL)
    assert process_ops.marked("netserver") == []
    assert domain_ops.qemu_of("guest1") == []
    assert list(residue._programs()) == []


def test_of_a_guest_without_libvirtd_nothing_is_left(lab: dict[str, set[str]]) -> None:
    netlab("deploy", "-t", "tap")
    enter = ["nsenter", "-t", str(board_pid("testdut")), "-a", "--"]
    look = ["find", "/var/lib/libvirt/qemu", "-name", "domain-*"]

    def folders() -> str:
        return subprocess.run([*enter, *look], check=True, timeout=10, capture_output=True, text=True).stdout

    assert "-guest1" in folders()
    subprocess.run([*enter, "sh", "-c", "kill -9 $(pgrep -x libvirtd)"], check=True, timeout=10)
    netlab("deploy", "-t", "host")
    assert folders() == ""


def test_destroy_leaves_nothing(lab: dict[str, set[str]]) -> None:
    netlab("destroy")
    assert more_than(lab, snapshot()) == {}


def test_boards_that_are_made_here_go_whatever_their_ledgers_say(lab: dict[str, set[str]]) -> None:
    """As those of another version do: what cannot be undone on any of them must not keep all of them for ever."""
    netlab("deploy", "-t", "host")
    ledger = "/var/lib/netlab-testbed/ledger/topology.json"
    for name in ("testdut", "testpeer"):
        enter = ["nsenter", "-t", str(board_pid(name)), "-a", "--"]
        change = ["sed", "-i", 's/"op": "link.[a-z_]*"/"op": "link.unheard_of"/', ledger]
        subprocess.run([*enter, *change], check=True, timeout=10)
    said = netlab("destroy", status=1).stderr
    assert "unknown operation 'link.unheard_of': this ledger is from another version" in said
    assert more_than(lab, snapshot()) == {}
    assert "nothing of netlab is left" in netlab("destroy").stdout


def test_check_and_diff_on_an_empty_lab_only_say(lab: dict[str, set[str]]) -> None:
    netlab("destroy")
    said = netlab("deploy", "-t", "tap", "--check", "--diff").stdout
    for line in ("start local board testdut", "add bridge nlbr0", "add tap nltap1", "start guest guest1"):
        assert line in said
    assert more_than(lab, snapshot()) == {}
