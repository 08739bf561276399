# SPDX-License-Identifier: Apache-2.0
"""Links as iproute2 and the kernel's own structures tell them, recorded on a board that carries topology tap."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.environment import ethtool, links
from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures/environment"


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def test_the_nic_and_our_links_are_read_and_no_other() -> None:
    told = recorded("ip-link.json")
    assert [link["ifname"] for link in links.chosen(told, "eth1")] == ["eth1", "nlbr0", "nltap1"]
    assert [link["ifname"] for link in links.chosen(told, None)] == ["nlbr0", "nltap1"]


def test_links() -> None:
    by_name = {entry["ifname"]: links.link(entry) for entry in recorded("ip-link.json")}
    nic, bridge, tap = by_name["eth1"], by_name["nlbr0"], by_name["nltap1"]
    assert (nic["kind"], nic["master"], nic["ours"], nic["mtu"]) == ("veth", "nlbr0", False, 1500)
    assert nic["parent"] is None, "the far end of a cable is nothing below it"
    assert nic["port_settings"]["learning"] is True
    assert bridge["settings"]["ageing_time"] == 30000
    assert "root_id" not in bridge["settings"]
    assert (tap["kind"], tap["ours"], tap["settings"]["vnet_hdr"]) == ("tap", True, True)
    assert tap["xdp"] == {"mode": None, "name": None, "tag": None}


def test_an_xdp_program_is_known_by_what_it_is_and_not_by_its_number() -> None:
    told = {"mode": 1, "prog": {"id": 4711, "name": "bridge", "tag": "a04f5eef06a7f555", "jited": 1}}
    assert links.xdp(told) == {"mode": "native", "name": "bridge", "tag": "a04f5eef06a7f555"}


def test_qdiscs() -> None:
    told = [
        {"kind": "mq", "handle": "8001:", "dev": "eth0", "root": True, "options": {}},
        {
            "kind": "fq_codel", "handle": "0:", "dev": "eth0", "parent": "8001:2",
            "options": {"limit": 10240, "ecn": True, "target": 4999},
        },
        {"kind": "clsact", "handle": "ffff:", "dev": "eth0", "parent": "ffff:fff1", "options": {}},
        {"kind": "noqueue", "handle": "0:", "dev": "lo", "root": True, "options": {}},
    ]  # fmt: skip
    assert links.qdiscs(told, "eth0") == {
        ":2": "fq_codel ecn true limit 10240 target 4999",
        ":fff1": "clsact",
        "root": "mq",
    }
    assert links.qdiscs(recorded("tc-qdisc.json"), "nlbr0") == {"root": "noqueue"}


def test_steering_names_only_queues_that_are_steered(tmp_path: Path) -> None:
    for queue, file, mask in (
        ("rx-0", "rps_cpus", "3"),
        ("rx-1", "rps_cpus", "0"),
        ("tx-0", "xps_cpus", "00000004"),
    ):
        folder = tmp_path / "sys/class/net/eth0/queues" / queue
        folder.mkdir(parents=True)
        (folder / file).write_text(f"{mask}\n", encoding="ascii")
    seen = links._steering(Files(tmp_path), "eth0")
    assert seen["receive_cpus"] == {"rx-0": "0-1"}
    assert seen["transmit_cpus"] == {"tx-0": "2"}
    assert seen["threaded"] is None


def test_interrupts_of_a_nic_and_of_a_virtio_device(tmp_path: Path) -> None:
    pci = tmp_path / "sys/devices/pci0/0000:00:03.0"
    (pci / "msi_irqs").mkdir(parents=True)
    (pci / "virtio2").mkdir()
    for irq, handler, cpus in (("24", "virtio2-input.0", "0"), ("25", "a/b", "0-3"), ("26", None, "1")):
        (pci / "msi_irqs" / irq).touch()
        own = tmp_path / f"proc/irq/{irq}"
        own.mkdir(parents=True)
        (own / "smp_affinity_list").write_text(f"{cpus}\n", encoding="ascii")
        if handler:
            (own / handler).mkdir(parents=True)
    for name, device in (("eth0", pci), ("eth1", pci / "virtio2")):
        folder = tmp_path / f"sys/class/net/{name}"
        folder.mkdir(parents=True)
        (folder / "device").symlink_to(device)
        found = ethtool.interrupts(name, tmp_path)
        assert found["virtio2-input.0"] == "0"
        assert found["irq 26"] == "1"
    assert ethtool.interrupts("veth0", tmp_path) == {}


def test_structures_of_the_kernel() -> None:
    drvinfo = struct.pack("I32s32s32s32s", 3, b"igb", b"5.6.0-k", b"3.25, 0x800005cc", b"0000:01:00.0").ljust(
        196, b"\0"
    )
    assert ethtool.driver(drvinfo) == {
        "driver": "igb", "driver_version": "5.6.0-k", "firmware": "3.25, 0x800005cc", "bus": "0000:01:00.0",
    }  # fmt: skip
    coalesce = struct.pack("23I", 14, 3, 0, 0, 0, 7, *[0] * 4, 1, *[0] * 12)
    found = ethtool.coalescing(coalesce)
    assert (found["rx-usecs"], found["tx-usecs"], found["adaptive-rx"], found["adaptive-tx"]) == (
        3,
        7,
        True,
        False,
    )
    assert ethtool.rings(struct.pack("9I", 16, 4096, 0, 0, 4095, 256, 0, 0, 255)) == {
        "rx": 256, "rx_most": 4096, "tx": 255, "tx_most": 4095,
    }  # fmt: skip
    assert ethtool.channels(struct.pack("9I", 60, 9, 9, 9, 9, 1, 2, 3, 4)) == {
        "rx": 1, "tx": 2, "other": 3, "combined": 4,
    }  # fmt: skip
    assert ethtool.pause(struct.pack("4I", 18, 1, 0, 1)) == {"autonegotiate": True, "rx": False, "tx": True}
    assert ethtool.energy_efficient(struct.pack("10I", 68, 0, 0, 0, 0, 1, 0, 0, 0, 0)) is True


def test_features_that_a_driver_lacks_are_not_named() -> None:
    names = ["rx-gro", "highdma", "loopback", "tx-lockless", *["filler"] * 28, "tx-tcp-segmentation"]
    # available, requested, active, never changed: gro on, highdma off but possible, loopback lacking, lockless fixed on
    blocks = struct.pack("8I", 0b0011, 1, 0b1001, 0b1000, 1, 1, 1, 0)
    found = ethtool.features(names, b"\0" * 8 + blocks)
    assert found == {
        "generic-receive-offload": True, "highdma": False, "tx-lockless": True, "tx-tcp-segmentation": True,
    }  # fmt: skip


def test_what_iproute2_says_when_it_fails() -> None:
    with pytest.raises(links.BoardError, match="does not run"):
        links.run("no-such-program-of-iproute2")
    with pytest.raises(links.BoardError, match=r"^false: "):
        links.run("false")
