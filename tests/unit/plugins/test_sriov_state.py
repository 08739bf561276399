# SPDX-License-Identifier: Apache-2.0
"""What is read of PCI devices, from a sysfs made of files, and what is told of it to a board's owner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from ansible_collections.netlab.testbed.plugins.module_utils import residue
from ansible_collections.netlab.testbed.plugins.module_utils.path_proof import (
    guest_nic,
    port_counts,
    prove_guest,
)
from ansible_collections.netlab.testbed.plugins.module_utils.sriov import facts, pci, record, state, vf_links
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from tests.unit.plugins.pci_tree import NIC, ROOT_PORT, Tree

ROOT = Path(__file__).resolve().parents[3]
ITS = " 26:   0  0  ITS-PCI-MSIX-0000:00:1c.0   0 Edge  virtio0-config\n"
X86 = "  25:  0  IR-PCI-MSI-0000:00:1f.2  0-edge  ahci\n DMAR:  0  DMAR-MSI  0-edge  dmar0\n"
LINE = "   9:  0  IO-APIC   9-fasteoi   acpi\n"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "sys")


def test_a_nic_without_virtual_functions(tree: Tree) -> None:
    tree.nic()
    assert state.physical("enp1s0", tree.sys) == {
        "address": NIC, "interface": "enp1s0", "driver": "igb", "total": 7, "virtual": [], "autoprobe": True,
        "predicted": [f"0000:01:{16 + index // 4:02x}.{2 * (index % 4)}" for index in range(7)],
    }  # fmt: skip


def test_prediction_is_where_the_kernel_puts_them(tree: Tree) -> None:
    tree.nic(count=2)
    assert pci.predicted_virtual(NIC, 2, tree.sys) == pci.virtual(NIC, tree.sys)


def test_what_is_not_on_pci_has_none(tree: Tree) -> None:
    (tree.sys / "class/net/eth1").mkdir()
    assert state.physical("eth1", tree.sys) is None
    assert facts.virtual_functions("eth1", tree.sys) == facts.NONE


def test_a_virtual_function_knows_its_nic(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vf_links, "read", lambda _name: {1: {"mac": "02:00:00:00:00:02"}})
    tree.nic(count=2)
    tree.drive("0000:01:10.2", "igbvf")
    found = state.read_device("0000:01:10.2", tree.sys)
    assert found is not None
    assert (found["physical"], found["physical_interface"], found["vf"]) == (NIC, "enp1s0", 1)
    assert found["settings"] == {"mac": "02:00:00:00:00:02"}
    assert (found["driver"], found["override"], found["network"], found["others"]) == ("igbvf", "", True, [])


def test_no_device_at_an_address(tree: Tree) -> None:
    assert state.read_device("0000:09:00.0", tree.sys) is None
    assert state.seen("0000:09:00.0", tree.sys) == {"there": False}


def test_bridges_may_be_in_a_group_and_others_not(tree: Tree) -> None:
    tree.device(ROOT_PORT, driver="pcieport", group=3, base_class="06")
    tree.device("0000:01:00.0", below=ROOT_PORT, driver="igb", group=3)
    tree.device("0000:01:00.1", below=ROOT_PORT, group=3)
    others = pci.others_in_group("0000:01:00.0", tree.sys)
    assert pci.in_words(others) == "0000:00:01.0 (pcieport), 0000:01:00.1 (no driver)"
    assert [member["address"] for member in pci.intruders(others)] == ["0000:01:00.1"]


def test_a_group_with_the_bridge_above_takes_the_virtual_functions_in(tree: Tree) -> None:
    tree.device(ROOT_PORT, driver="pcieport", group=0, base_class="06")
    tree.device(NIC, below=ROOT_PORT, driver="igb", group=0)
    assert facts.shared_with(NIC, tree.sys) == "0000:01:00.0 (igb), 0000:00:01.0 (pcieport)"


def test_a_group_of_its_own_does_not(tree: Tree) -> None:
    tree.nic()
    assert facts.shared_with(NIC, tree.sys) == ""


def test_a_device_made_anew_is_another(tree: Tree) -> None:
    path = tree.device(NIC)
    before = pci.identity(NIC, tree.sys)
    path.rename(path.with_name("old"))
    path.mkdir()
    assert pci.identity(NIC, tree.sys) != before
    assert pci.identity("0000:09:00.0", tree.sys) is None


@pytest.mark.parametrize(
    ("interrupts", "isolated"),
    [
        (ITS + LINE, True),
        (X86 + LINE, True),
        (LINE, None),
        ("", None),
        (LINE + " 25:  0  PCI-MSI-0000:00:1f.2  0-edge  ahci\n", False),
        (ITS + " 30:  0  MSI 524288 Edge  eth0\n", False),
    ],
)
def test_interrupt_remapping_is_told_by_the_chips(interrupts: str, isolated: bool | None) -> None:
    assert facts.interrupt_remapping(interrupts) is isolated


def test_iommu_facts(tree: Tree, tmp_path: Path) -> None:
    interrupts = tmp_path / "interrupts"
    interrupts.write_text(ITS, encoding="ascii")
    assert facts.iommu(tree.sys, interrupts) == {
        "groups": 0, "interrupt_remapping": True, "unsafe_interrupts": False,
    }  # fmt: skip
    tree.nic(count=1)
    parameters = tree.sys / "module/vfio_iommu_type1/parameters"
    parameters.mkdir(parents=True)
    (parameters / "allow_unsafe_interrupts").write_text("Y\n", encoding="ascii")
    assert facts.iommu(tree.sys, interrupts) == {
        "groups": 3, "interrupt_remapping": True, "unsafe_interrupts": True,
    }  # fmt: skip


def entry(operation: str, **args: Any) -> dict[str, Any]:
    return {"step": {"op": operation, "args": args}, "boot_id": "now"}


WAS = {"interface": "enp2s0", "mac": "02:00:00:00:00:09", "address_set": "02:00:00:00:00:0a"}
ENTRIES = [
    entry("sriov.count", device=NIC, interface="enp1s0", count=1),
    entry("pci.bind", device="0000:02:00.0", was=WAS),
    entry("domain.create", name="guest1"),
    entry("domain.create", name="guest1"),
]  # fmt: skip


def test_the_ledger_tells_what_is_ours() -> None:
    assert record.made_by_us(ENTRIES, NIC)
    assert not record.made_by_us(ENTRIES, "0000:02:00.0")
    assert record.guests(ENTRIES) == ["guest1"]
    assert record.taken(ENTRIES) == {"0000:02:00.0": WAS}


def test_what_an_earlier_boot_did_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {**ENTRIES[0], "boot_id": "before"}
    monkeypatch.setattr(record, "boot_id", lambda: "now")
    monkeypatch.setattr(record.Ledger, "entries", lambda _self: [old, ENTRIES[1]])
    assert record.entries() == [ENTRIES[1]]


def test_a_nic_that_a_guest_holds_is_known_still(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "entries", lambda: ENTRIES)
    tree.device("0000:02:00.0", driver="vfio-pci")
    found = facts.given_nic("enp2s0", tree.sys)
    assert found is not None
    assert (found["pci_address"], found["mac"], found["given"]) == ("0000:02:00.0", "02:00:00:00:00:0a", True)
    assert facts.given_nic("enp3s0", tree.sys) is None
    tree.drive("0000:02:00.0", "igb")
    assert facts.given_nic("enp2s0", tree.sys) is None


TOLD = json.dumps(
    [{"ifname": "enp1s0", "address": "02:00:00:00:00:aa", "vfinfo_list": [
        {"vf": 0, "address": "02:00:00:00:00:01", "spoofchk": True, "trust": False, "link_state": "auto", "rate": {}},
    ]}]
)  # fmt: skip


def test_settings_of_virtual_functions_as_ip_tells_them() -> None:
    expected = {"mac": "02:00:00:00:00:01", "spoof_check": True, "trust": False, "link_state": "auto"}
    assert vf_links.parse(TOLD) == {0: expected}
    assert vf_links.parse("[]") == {}


@pytest.mark.parametrize(
    ("told", "own", "makers"),
    [
        (TOLD, "02:00:00:00:00:aa", "02:00:00:00:00:aa"),
        (
            '[{"address": "02:00:00:00:00:0a", "permaddr": "02:00:00:00:00:09"}]',
            "02:00:00:00:00:0a",
            "02:00:00:00:00:09",
        ),
        ("[]", "", ""),
    ],
)
def test_an_address_that_was_set_is_not_the_makers(
    told: str, own: str, makers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vf_links, "_told", lambda _interface: told)
    assert vf_links.addresses("enp1s0") == (own, makers)


def test_settings_as_ip_takes_them() -> None:
    settings = {"mac": "02:00:00:00:00:01", "spoof_check": False, "trust": True, "link_state": "enable"}
    assert " ".join(vf_links.command("enp1s0", 3, settings)) == (
        "ip link set dev enp1s0 vf 3 mac 02:00:00:00:00:01 spoofchk off trust on state enable"
    )


def test_residue_tells_drivers_and_counts(tree: Tree) -> None:
    tree.nic()
    before = residue._devices(tree.sys)
    assert list(before) == [NIC], "bridges are nobody's to drive"
    tree.drive(NIC, "vfio-pci")
    (tree.at(NIC) / "sriov_numvfs").write_text("2\n", encoding="ascii")
    assert [left["what"] for left in residue._of_devices(before, residue._devices(tree.sys))] == [
        f"driver of PCI device {NIC} was igb and is vfio-pci",
        f"virtual functions of PCI device {NIC} was 0 and is 2",
    ]


# -- what proves the path --------------------------------------------------------------------------------------------

VF_NIC = "eth0 02:00:00:00:00:01 igbvf 1000 2000\n"


def answering(*answers: str) -> Any:
    """A guest that says these one after the other when its NICs are asked for, and whose netperf gets through."""
    left = list(answers)
    return lambda argv: (0, left.pop(0) if argv[0] == "/bin/sh" else "THROUGHPUT=1\n", "")


def test_the_guests_own_nic_counts() -> None:
    assert guest_nic(answering(VF_NIC), "02:00:00:00:00:01") == {"rx_bytes": 1000, "tx_bytes": 2000}


@pytest.mark.parametrize(
    ("nics", "words"),
    [
        ("", "it has: none"),
        (VF_NIC.replace(":01 ", ":02 "), "it has: eth0 (02:00:00:00:00:02, driver igbvf)"),
        (VF_NIC.replace("igbvf", "virtio_net"), "driver virtio_net"),
        (VF_NIC + "eth1 02:00:00:00:00:03 virtio_net 0 0\n", "eth1 (02:00:00:00:00:03, driver virtio_net)"),
    ],
)
def test_another_nic_than_the_one_given_proves_nothing(nics: str, words: str) -> None:
    with pytest.raises(BoardError, match="one NIC, with address 02:00:00:00:00:01") as caught:
        guest_nic(answering(nics), "02:00:00:00:00:01")
    assert words in str(caught.value)


def test_a_transfer_that_the_device_has_not_seen_is_no_proof() -> None:
    counters = [{"source": "guest", "name": "02:00:00:00:00:01"}]
    after = VF_NIC.replace("1000 2000", "200000 200000")
    proof = prove_guest("guest1", answering(VF_NIC, after), "192.0.2.1", counters)
    assert proof["moved"] == {"guest 02:00:00:00:00:01": {"rx_bytes": 199000, "tx_bytes": 198000}}
    with pytest.raises(BoardError, match="not by this datapath"):
        prove_guest("guest1", answering(VF_NIC, VF_NIC), "192.0.2.1", counters)


STATISTICS = (
    "NIC statistics:\n     rx_packets: 5\n     rx_bytes: 700\n     tx_bytes: 800\n     rx_queue_0_bytes: 1\n"
)


@pytest.mark.parametrize(
    ("told", "driver", "counts"),
    [
        (STATISTICS, "igb", {"rx_bytes": 700, "tx_bytes": 800}),
        (STATISTICS, "ixgbe", {}),
        (
            STATISTICS + "     rx_bytes_nic: 9\n     tx_bytes_nic: 8\n",
            "ixgbe",
            {"rx_bytes": 9, "tx_bytes": 8},
        ),
        (
            STATISTICS + "     port.rx_bytes: 9\n     port.tx_bytes: 8\n",
            "i40e",
            {"rx_bytes": 9, "tx_bytes": 8},
        ),
        ("", "igb", {}),
    ],
)
def test_a_port_is_counted_where_the_driver_is_known(told: str, driver: str, counts: dict[str, int]) -> None:
    assert port_counts(told, driver) == counts


# -- what `netlab check` says ----------------------------------------------------------------------------------------

ABLE: dict[str, Any] = {
    "iommu": {"groups": 5, "interrupt_remapping": True, "unsafe_interrupts": False},
    "features": {"vfio_pci": {"available": True}},
    "nic": {
        "name": "enp1s0", "driver": "igb", "pci_address": NIC, "given": False,
        "virtual_functions": {"total": 7, "count": 0, "ours": False, "group": "1", "shared_with": ""},
    },
}  # fmt: skip


def unmet(guests: list[dict[str, Any]] | None = None, unsafe: bool = False, **facts_: Any) -> list[str]:
    """What the role says of a board with these facts."""
    board = {**ABLE, **{key: {**ABLE[key], **value} for key, value in facts_.items()}}
    known: dict[str, Any] = {
        "board_nic": "enp1s0", "board_info": {"board": board}, "datapath_sriov_unsafe_interrupts": unsafe,
        "board_guests": guests if guests is not None else [{"name": "guest1"}],
    }  # fmt: skip
    variables = yaml.safe_load((ROOT / "roles/datapath_sriov/vars/main.yml").read_text(encoding="utf-8"))
    environment = NativeEnvironment()
    for name in ("own", "iommu", "nic", "functions"):
        known[f"datapath_sriov__{name}"] = environment.from_string(
            variables[f"datapath_sriov__{name}"]
        ).render(known)
    found = []
    for requirement in variables["datapath_sriov__requirements"]:
        met = environment.from_string(requirement["that"].strip()).render(known)
        assert isinstance(met, bool), requirement
        if not met:
            found.append(str(environment.from_string(requirement["message"]).render(known)))
    return found


def functions(**changes: Any) -> dict[str, Any]:
    return {"virtual_functions": {**ABLE["nic"]["virtual_functions"], **changes}}


def test_a_board_that_can() -> None:
    assert unmet() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iommu": {"groups": 0}}, "no IOMMU is in use"),
        ({"features": {"vfio_pci": {"available": False}}}, "this kernel has no vfio-pci"),
        ({"iommu": {"interrupt_remapping": False}}, "interrupt remapping is off"),
        ({"nic": functions(total=0)}, "enp1s0 (igb) has no SR-IOV capability"),
        (
            {"guests": [{"name": f"guest{number}"} for number in range(8)]},
            "can have 7 virtual functions, and 8 guests",
        ),
        ({"nic": functions(count=2)}, "has 2 virtual functions that this testbed did not make"),
        ({"nic": functions(shared_with="0000:01:00.0 (igb)")}, "in IOMMU group 1 with 0000:01:00.0 (igb)"),
    ],
)
def test_each_thing_that_is_missing_is_named(changes: dict[str, Any], words: str) -> None:
    (said,) = unmet(**changes)
    assert words in said


@pytest.mark.parametrize(
    "changes",
    [
        {"iommu": {"interrupt_remapping": False}, "unsafe": True},
        {"iommu": {"interrupt_remapping": False, "unsafe_interrupts": True}},
        {"iommu": {"interrupt_remapping": None}},
        {"nic": functions(total=0), "guests": [{"name": "guest1", "pci_device": "0000:02:00.0"}]},
        {"nic": functions(count=1, ours=True)},
        {"guests": []},
    ],
)
def test_what_is_taken_care_of_is_not_missing(changes: dict[str, Any]) -> None:
    assert unmet(**changes) == []
