# SPDX-License-Identifier: Apache-2.0
"""Guests by QEMU's command line, recorded and as libvirt writes it elsewhere, and by QEMU's threads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops
from ansible_collections.netlab.testbed.plugins.module_utils.environment import guest_inside, guests, threads
from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading
from ansible_collections.netlab.testbed.plugins.module_utils.environment.threads import Thread
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures/environment"
RECORDED = (FIXTURES / "qemu-tcg.txt").read_text(encoding="utf-8").splitlines()
# libvirt 8 and before wrote what later ones write as JSON with commas
OLDER = [
    "/usr/bin/qemu-system-aarch64", "-name", "guest=a,,b,debug-threads=on", "-S", "-machine",
    "virt-6.2,accel=kvm,usb=off,gic-version=3", "-cpu", "host", "-m", "2048", "-overcommit", "mem-lock=off,cpu-pm=on",
    "-smp", "4,sockets=4", "-netdev", "tap,fds=30:31,id=hostnet0,vhost=on,vhostfds=32:33", "-device",
    "virtio-net-pci,csum=off,mq=on,vectors=6,netdev=hostnet0,id=net0,mac=52:54:00:AA:BB:CC,bus=pci.1,addr=0x0",
    "-device", '{"driver":"vfio-pci","host":"0000:01:10.0","id":"hostdev0","bus":"pci.4","addr":"0x0"}',
]  # fmt: skip
STAT = "4261 (CPU 0/KVM) S 1 4261 4261 0 -1 0 " + " ".join(["0"] * 30) + " {priority} {policy} 0 0 0"


def test_a_recorded_command_line() -> None:
    assert guests.describe(RECORDED) == {
        "name": "guest1",
        "accelerator": "tcg",
        "architecture": "x86_64",
        "cpu_model": "qemu64",
        "cpu_halts_itself": False,
        "machine": "pc-q35-7.2",
        "memory_mib": 192,
        "vcpus": 1,
        "kernel": "a503fd136eb2a043d350b365e2c92515/kernel",
        "initramfs": "a503fd136eb2a043d350b365e2c92515/initramfs",
        "nics": {
            "1": {
                "asked": {}, "backend": "tap", "device": "virtio-net-pci", "mac": "02:61:9a:d2:18:9b", "queues": 1,
                "vhost": False,
            }
        },
        "passed_through": [],
    }  # fmt: skip


def test_an_older_command_line() -> None:
    found = guests.describe(OLDER)
    assert found is not None
    assert (found["name"], found["accelerator"], found["architecture"]) == ("a,b", "kvm", "aarch64")
    assert (found["machine"], found["memory_mib"], found["vcpus"]) == ("virt-6.2", 2048, 4)
    assert found["cpu_halts_itself"] is True
    assert found["passed_through"] == ["0000:01:10.0"]
    assert found["nics"]["1"] == {
        "mac": "52:54:00:aa:bb:cc", "device": "virtio-net-pci", "backend": "tap", "vhost": True, "queues": 2,
        "asked": {"csum": False, "mq": True, "vectors": "6"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("size", "mebibytes"),
    [("192", 192), ("size=196608k", 192), ("2G", 2048), ("size=192M", 192), ("lots", None)],
)
def test_memory(size: str, mebibytes: int | None) -> None:
    found = guests.describe(["/usr/bin/qemu-system-x86_64", "-name", "guest=x", "-m", size])
    assert found is not None
    assert found["memory_mib"] == mebibytes


@pytest.mark.parametrize("argv", [["qemu-system-x86_64"], ["qemu-system-x86_64", "-S", "-nographic"]])
def test_a_qemu_without_a_name_is_no_guest(argv: list[str]) -> None:
    assert guests.describe(argv) is None


def test_placement() -> None:
    found = guests.placement(
        [
            Thread(10, "qemu-system-x86", "0-3"),
            Thread(11, "qemu-system-x86", "0-3"),
            Thread(13, "CPU 1/KVM", "2"),
            Thread(12, "CPU 0/KVM", "1", "fifo", 50),
            Thread(14, "vhost-10", "3"),
            Thread(15, "IO mon_iothread", "0-3"),
        ],
        10,
    )
    assert found == {
        "vcpu_cpus": {"0": "1 (fifo 50)", "1": "2"},
        "vhost_cpus": {"0": "3"},
        "emulator_cpus": "0-3",
    }
    assert guests.placement([], 10) == {"vcpu_cpus": None, "vhost_cpus": None, "emulator_cpus": None}


@pytest.mark.parametrize(
    ("policy", "priority", "said"), [(0, 0, "0-1"), (1, 50, "0-1 (fifo 50)"), (3, 0, "0-1 (batch 0)")]
)
def test_threads(policy: int, priority: int, said: str) -> None:
    status = "Name:\tCPU 0/KVM\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"
    thread = threads.parse(4261, "CPU 0/KVM", status, STAT.format(policy=policy, priority=priority))
    assert thread.says() == said


def process(root: Path, pid: int, comm: str, argv: list[str], tasks: dict[int, str]) -> None:
    folder = root / f"proc/{pid}"
    folder.mkdir(parents=True)
    (folder / "comm").write_text(f"{comm}\n", encoding="ascii")
    (folder / "cmdline").write_text("\0".join([*argv, ""]), encoding="ascii")
    for tid, name in tasks.items():
        task = folder / f"task/{tid}"
        task.mkdir(parents=True)
        (task / "comm").write_text(f"{name}\n", encoding="ascii")
        (task / "status").write_text(f"Cpus_allowed_list:\t{tid % 4}\n", encoding="ascii")
        (task / "stat").write_text(STAT.format(policy=0, priority=0), encoding="ascii")


def test_guests_are_found_among_processes_with_their_vhost_threads_of_either_kind(tmp_path: Path) -> None:
    process(
        tmp_path,
        100,
        "qemu-system-x86",
        RECORDED,
        {100: "qemu-system-x86", 101: "CPU 0/TCG", 102: "vhost-100"},
    )
    process(tmp_path, 200, "qemu-system-aar", OLDER, {200: "qemu-system-aar", 201: "CPU 0/KVM"})
    process(tmp_path, 203, "vhost-200", [], {203: "vhost-200"})
    process(tmp_path, 300, "qemu-img", ["qemu-img", "convert"], {300: "qemu-img"})
    process(tmp_path, 400, "qemu-system-x86", ["/usr/bin/qemu-system-x86_64", "-version"], {})
    reading = Reading()
    assert guests.read(Files(tmp_path), reading) == {"guest1": 100, "a,b": 200}
    seen = reading.values["guests"]
    assert seen["guest1"]["vcpu_cpus"] == {"0": "1"}
    assert seen["guest1"]["vhost_cpus"] == {"0": "2"}
    assert seen["guest1"]["emulator_cpus"] == "0"
    assert seen["a,b"]["vhost_cpus"] == {"0": "3"}


ANSWER = """\
kernel=6.1.0-56-amd64
clock_source=tsc
congestion_control=cubic
02:61:9A:d2:18:9b/mtu=1500
02:61:9A:d2:18:9b/transmit_queue_packets=1000
02:61:9A:d2:18:9b/negotiated=1100010000000000000000000000000010000000000000000000000000000000
02:00:00:00:00:09/mtu=9000
"""


def test_what_a_guest_says_is_numbered_as_its_nics_are() -> None:
    heard = guest_inside.parse(ANSWER)
    assert heard["kernel"] == "6.1.0-56-amd64"
    found = guest_inside.numbered(heard, {"1": {"mac": "02:61:9a:d2:18:9b"}})
    assert found["nics"] == {
        "1": {
            "mtu": 1500,
            "transmit_queue_packets": 1000,
            "negotiated": ["csum", "guest_csum", "mac", "version_1"],
        },
        "2": {"mtu": 9000},
    }
    assert guest_inside.numbered(guest_inside.parse(""), {"1": {"mac": "x"}}) == {}


def test_an_unknown_feature_bit_keeps_its_number() -> None:
    assert guest_inside.features("0" * 50 + "1") == ["bit_50"]


class FakeAgent:
    """Answers, never ends, or fails, by its guest's name."""

    def __init__(self, domain: str) -> None:
        self.name = domain

    def call(self, _command: str, _arguments: dict[str, Any], _limit: int) -> dict[str, int]:
        if self.name == "silent":
            raise BoardError("guest silent: its agent does not answer")
        return {"pid": 7}

    def collect(self, _pid: int) -> tuple[int, str, str] | None:
        if self.name == "dying":
            raise BoardError("guest dying: gone")
        return None if self.name == "hanging" else (0, ANSWER, "")


def test_no_guest_keeps_the_others_from_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def connection() -> Iterator[None]:
        yield None

    monkeypatch.setattr(domain_ops, "connection", connection)
    monkeypatch.setattr(
        domain_ops, "domain_named", lambda _libvirtd, name: None if name == "unknown" else name
    )
    monkeypatch.setattr(guest_inside, "GuestAgent", FakeAgent)
    monkeypatch.setattr(guest_inside, "LIMIT_S", 0.05)
    reading = Reading()
    names = ("silent", "hanging", "dying", "unknown", "well")
    for name in names:
        reading.put(f"guests/{name}/nics", {}, "")
    guest_inside.read(reading, names)
    seen = {name: reading.values["guests"][name]["inside"] for name in names}
    assert seen["well"]["kernel"] == "6.1.0-56-amd64"
    assert [name for name in names if seen[name] is None] == ["silent", "hanging", "dying", "unknown"]
    assert reading.absent["guests/silent/inside"] == "guest silent: its agent does not answer"
    assert "no answer" in reading.absent["guests/hanging/inside"]


def test_a_board_without_libvirtd_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def connection() -> Iterator[None]:
        raise BoardError("no libvirtd answers")
        yield

    monkeypatch.setattr(domain_ops, "connection", connection)
    reading = Reading()
    guest_inside.read(reading, ["guest1"])
    assert reading.absent == {"guests/guest1/inside": "no libvirtd answers"}
