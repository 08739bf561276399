# SPDX-License-Identifier: Apache-2.0
"""What a board tells of its interfaces: read from ip(8) and sysfs, and in words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import (
    board_facts,
    board_findings,
    board_nics,
    links_told,
)
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator import first_code
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

# Of iproute2 6.1, shortened.
TOLD = json.loads("""[
 {"ifindex": 1, "ifname": "lo", "flags": ["LOOPBACK", "UP", "LOWER_UP"], "mtu": 65536, "address": "00:00:00:00:00:00",
  "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"}]},
 {"ifindex": 2, "ifname": "eth0", "flags": ["BROADCAST", "UP", "LOWER_UP"], "mtu": 1500, "master": "br0",
  "address": "00:51:82:11:22:00", "addr_info": []},
 {"ifindex": 3, "ifname": "eth1", "flags": ["NO-CARRIER", "BROADCAST", "UP"], "mtu": 1500,
  "address": "00:51:82:11:22:01", "addr_info": [
   {"family": "inet", "local": "192.0.2.1", "prefixlen": 24, "scope": "global"},
   {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
   {"family": "inet6", "local": "2001:db8::1", "prefixlen": 64, "scope": "global"}]},
 {"ifindex": 4, "ifname": "eth2", "flags": ["BROADCAST"], "mtu": 1500, "address": "00:51:82:11:22:02", "addr_info": []},
 {"ifindex": 5, "ifname": "br0", "flags": ["UP", "LOWER_UP"], "mtu": 1500, "address": "00:51:82:11:22:00",
  "linkinfo": {"info_kind": "bridge"}, "addr_info": []},
 {"ifindex": 6, "ifname": "nlbr0", "flags": ["UP"], "mtu": 1500, "address": "00:51:82:11:22:02",
  "ifalias": "netlab-testbed", "linkinfo": {"info_kind": "bridge"}, "addr_info": []},
 {"ifindex": 7, "ifname": "tun0", "flags": ["UP"], "mtu": 1500, "linkinfo": {"info_kind": "tun"}, "addr_info": []}
]""")
IDLE: dict[str, Any] = {
    "connection_nic": None, "connection_below": [], "default_route_nics": [], "default_route_below": [],
    "mount_nics": [], "mount_below": [], "switched_ports": [],
}  # fmt: skip


@pytest.fixture
def links() -> dict[str, dict[str, Any]]:
    return links_told.links(TOLD)


class TestLinks:
    def test_state_and_addresses(self, links: dict[str, dict[str, Any]]) -> None:
        assert {name: (link["up"], link["carrier"]) for name, link in links.items() if "eth" in name} == {
            "eth0": (True, True), "eth1": (True, False), "eth2": (False, False),
        }  # fmt: skip
        assert (links["eth1"]["addresses"], links["eth1"]["global6"]) == (
            ["192.0.2.1/24"],
            ["2001:db8::1/64"],
        )
        assert (links["eth0"]["master"], links["tun0"]["kind"]) == ("br0", "tap")

    def test_a_board_without_ip_is_told_which_package_has_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(BoardError, match="package iproute2"):
            links_told.read()


class TestNics:
    def test_software_is_no_end_of_a_cable(self, links: dict[str, dict[str, Any]]) -> None:
        assert board_nics.candidates(links) == ["eth0", "eth1", "eth2"]

    @pytest.mark.parametrize(
        ("name", "facts", "words"),
        [
            ("eth1", {}, []),
            ("eth0", {}, ["it is a port of br0"]),
            ("eth1", {"connection_nic": "eth1"}, ["this connection comes in over it"]),
            ("eth1", {"default_route_below": ["eth1"]}, ["it carries the default route"]),
            ("eth1", {"mount_nics": ["eth1"]}, ["a file system or disk that is mounted comes over it"]),
        ],
    )
    def test_what_one_carries(
        self, links: dict[str, dict[str, Any]], name: str, facts: dict[str, Any], words: list[str]
    ) -> None:
        assert board_nics.carries(name, links, IDLE | facts) == words

    def test_a_port_of_our_bridge_is_free(self, links: dict[str, dict[str, Any]]) -> None:
        links["eth0"]["master"] = "nlbr0"
        assert board_nics.carries("eth0", links, IDLE) == []

    def test_a_port_of_open_vswitch_is_ours_only_if_the_ledger_says_so(
        self, links: dict[str, dict[str, Any]]
    ) -> None:
        """Whosever switch it is, to the kernel it is a port of ovs-system, which bears no mark."""
        links["ovs-system"] = {**links["br0"], "name": "ovs-system", "kind": "openvswitch"}
        links["eth0"]["master"] = "ovs-system"
        assert board_nics.carries("eth0", links, IDLE) == ["it is a port of ovs-system"]
        entries = [
            {"step": {"op": "ovs.ports_add", "args": {"bridge": "nlovs0", "ports": ["eth0", "nltap1"]}}},
            {"step": {"op": "link.set", "args": {"name": "eth1", "settings": {}}}},
            {},
        ]
        ours = {"switched_ports": board_facts.switched_ports(entries)}
        assert board_nics.carries("eth0", links, IDLE | ours) == []
        links["eth1"]["master"] = "ovs-system"
        assert board_nics.carries("eth1", links, IDLE | ours) == ["it is a port of ovs-system"]

    def test_what_a_bridge_of_open_vswitch_is_made_of(
        self, links: dict[str, dict[str, Any]], tmp_path: Path
    ) -> None:
        """The kernel tells the ports of ovs-system, and nothing of which bridge has them: they are all kept."""
        for name in ("ovs-system", "br-ex"):
            links[name] = {**links["br0"], "name": name, "kind": "openvswitch"}
        for path in (
            "ovs-system/lower_eth0",
            "ovs-system/lower_br-ex",
            "br0/lower_eth1",
            "br-ex",
            "vlan7/lower_br-ex",
        ):
            (tmp_path / path).mkdir(parents=True)
        assert board_facts.made_of("br-ex", links, tmp_path) == {"eth0", "br-ex"}
        assert board_facts.made_of("vlan7", links, tmp_path) == {"eth0", "br-ex"}
        assert board_facts.made_of("br0", links, tmp_path) == {"eth1"}
        assert board_facts.made_of("eth0", links, tmp_path) == set()

    def test_sysfs(self, tmp_path: Path) -> None:
        device = tmp_path / "devices/pci0000:00/0000:00:05.0"
        (device / "virtio2").mkdir(parents=True)
        (tmp_path / "bus/pci/drivers/igb").mkdir(parents=True)
        (tmp_path / "bus/virtio").mkdir()
        (device / "subsystem").symlink_to(tmp_path / "bus/pci")
        (device / "driver").symlink_to(tmp_path / "bus/pci/drivers/igb")
        (device / "sriov_totalvfs").write_text("7\n")
        (device / "virtio2/subsystem").symlink_to(tmp_path / "bus/virtio")
        for name, target in (("eth0", device), ("eth1", device / "virtio2")):
            (tmp_path / "net" / name).mkdir(parents=True)
            (tmp_path / "net" / name / "device").symlink_to(target)
        (tmp_path / "net/eth0/speed").write_text("-1\n")
        (tmp_path / "net/eth1/speed").write_text("10000\n")
        net = tmp_path / "net"
        assert (board_nics.driver("eth0", None, net), board_nics.driver("eth9", "veth", net)) == (
            "igb",
            "veth",
        )
        assert board_nics.pci_address("eth0", net) == board_nics.pci_address("eth1", net) == "0000:00:05.0"
        assert board_nics.pci_address("eth9", net) is None
        assert board_nics.iommu_group("eth0", net) is None
        (tmp_path / "groups/7/devices/0000:00:01.0").mkdir(parents=True)
        (tmp_path / "groups/7/devices/0000:00:05.0").mkdir()
        (device / "iommu_group").symlink_to(tmp_path / "groups/7")
        found = {"number": "7", "others": ["0000:00:01.0"]}
        assert board_nics.iommu_group("eth0", net) == board_nics.iommu_group("eth1", net) == found
        assert (board_nics.total_vfs("eth0", net), board_nics.total_vfs("eth9", net)) == (7, 0)
        assert (board_nics.speed("eth0", net), board_nics.speed("eth1", net)) == (None, 10000)


class TestFindings:
    facts: dict[str, Any] = {  # noqa: RUF012 - read only
        "os": {"id": "debian", "version": "12"}, "kernel": "6.1.0-18-arm64", "arch": "aarch64", "cpus": 4,
        "memory_mib": 3900, "service_manager": "systemd", "connection_nic": "eth2", "clock_source": "arch_sys_counter",
        "iommu": {"groups": 0, "interrupt_remapping": True}, "governors": ["performance"],
        "kernel_options_file": "/boot/config-6.1.0-18-arm64",
        "features": board_facts.features({"CONFIG_BRIDGE": "m", "CONFIG_KVM": "y"}, "net/bridge/bridge.ko: x", set()),
        "nic": {"name": "eth0", "driver": "mvpp2", "pci_address": None, "speed_mbit": 10000, "up": True,
                "carrier": True, "xdp_native": True, "sriov_total_vfs": 0},
    }  # fmt: skip

    def told(self, **changes: Any) -> dict[str, str]:
        return {row["about"]: row["says"] for row in board_findings.findings(self.facts | changes)}

    def test_of_a_whole_board(self) -> None:
        said = self.told()
        assert said["system"] == "Debian 12, Linux 6.1.0-18-arm64 aarch64, systemd, 4 CPUs, 3900 MiB"
        assert said["measured NIC"] == "eth0: mvpp2, 10000 Mbit/s, carrier, native XDP, no SR-IOV"
        assert said["kernel options"].startswith("absent: BPF_JIT, ")
        assert "; as modules: BRIDGE; built in: KVM (/boot/config-" in said["kernel options"]
        assert (said["clock source"], said["frequency governor"]) == ("arch_sys_counter", "performance")

    def test_of_a_poor_one(self) -> None:
        said = self.told(
            nic=None, kernel_options_file=None, governors=[], clock_source=None, connection_nic=None
        )
        assert set(said) == {"system", "IOMMU", "kernel options", "clock source", "frequency governor"}
        assert said["kernel options"].startswith("not kept on this board")

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"xdp_native": None}, "native XDP unknown, the kernel does not say"),
            ({"xdp_native": False}, "no native XDP"),
            ({"sriov_total_vfs": 7}, "SR-IOV with up to 7 VFs"),
            ({"up": False, "carrier": False}, "eth0: mvpp2, 10000 Mbit/s, down, "),
            ({"carrier": False}, "no carrier: is the cable in"),
        ],
    )
    def test_of_a_nic(self, changes: dict[str, Any], words: str) -> None:
        assert words in self.told(nic=self.facts["nic"] | changes)["measured NIC"]

    @pytest.mark.parametrize(
        ("iommu", "group", "words"),
        [
            ({"groups": 0, "interrupt_remapping": None}, None, "none in use"),
            ({"groups": 9, "interrupt_remapping": True}, None, "9 groups, interrupt remapping on"),
            (
                {"groups": 9, "interrupt_remapping": False}, {"number": "7", "others": []},
                "9 groups, eth0 is in group 7, alone, interrupt remapping off",
            ),
            (
                {"groups": 9, "interrupt_remapping": True}, {"number": "7", "others": ["0000:00:01.0", "0000:01:00.1"]},
                "eth0 is in group 7, with 0000:00:01.0, 0000:01:00.1, interrupt",
            ),
        ],
    )  # fmt: skip
    def test_of_the_iommu(self, iommu: dict[str, Any], group: dict[str, Any] | None, words: str) -> None:
        assert words in self.told(iommu=iommu, nic=self.facts["nic"] | {"iommu_group": group})["IOMMU"]


class TestFirstCode:
    """KVM's first instruction; the child is a real one, what it runs is not."""

    def test_a_failure_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        node = tmp_path / "kvm"
        node.touch()
        monkeypatch.setattr(first_code, "_run", lambda node: "it said no")
        assert first_code.failure(node) == "it said no"
        monkeypatch.setattr(first_code, "_run", lambda node: "")
        assert first_code.failure(node) is None

    def test_one_that_hangs_is_ended(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        node = tmp_path / "kvm"
        node.touch()
        reader, writer = os.pipe()
        monkeypatch.setattr(first_code, "_run", lambda node: os.read(reader, 1).decode())  # nobody writes
        assert first_code.failure(node, limit=0.2) == "its first instruction did not end within 0.2 s"
        os.close(reader)
        os.close(writer)

    def test_no_node_is_no_answer(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="No such file"):
            first_code.failure(tmp_path / "kvm")
