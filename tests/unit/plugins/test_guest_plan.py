# SPDX-License-Identifier: Apache-2.0
"""The guest planner and the domain it describes, without libvirt."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.domain_xml import digest_of, domain_xml
from ansible_collections.netlab.testbed.plugins.module_utils.guest_plan import plan
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Refusal, Step

Domains = dict[str, dict[str, Any]]


def guest(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "name": f"guest{number}", "arch": "x86_64", "accelerator": "tcg", "vcpus": 1, "memory_mib": 192,
        "mac": f"02:00:00:00:00:{number:02x}", "address": f"192.0.2.{100 + number}/24", "gateway": None,
        "kernel": "/k", "initramfs": "/i", "kernel_command_line": "console=ttyS0", "disk": None,
        "interface": {"type": "ethernet", "dev": f"nltap{number}"}, **changes,
    }  # fmt: skip


def apply(domains: Domains, wanted: list[dict[str, Any]], step: Step) -> None:
    name = step.args.get("name")
    if step.op == "domain.create":
        digest = digest_of(step.args["xml"])
        domains[str(name)] = {"ours": True, "digest": digest, "running": True, "interfaces": []}
    elif step.op == "domain.remove":
        domains.pop(str(name), None)
    elif step.op == "domain.configure":
        nic = {"name": "eth0", "mac": step.args["mac"], "addresses": [step.args["address"]]}
        domains[str(name)]["interfaces"] = [nic]


def settle(domains: Domains, wanted: list[dict[str, Any]]) -> list[Step]:
    steps = plan(domains, wanted, 60)
    for step in steps:
        apply(domains, wanted, step)
    return steps


numbers = st.lists(st.integers(min_value=1, max_value=9), unique=True, max_size=5)


@given(numbers, numbers, st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_plan(first: list[int], then: list[int], disk: bool) -> None:
    domains: Domains = {"theirs": {"ours": False, "digest": None, "running": True, "interfaces": None}}
    settle(domains, [guest(number) for number in first])
    how = {"disk": "/images/mine.qcow2", "kernel": None} if disk else {}
    wanted = [guest(number, **how) for number in then]
    settle(domains, wanted)
    assert plan(domains, wanted, 60) == []
    assert set(domains) == {"theirs"} | {one["name"] for one in wanted}


def test_all_guests_are_started_before_the_first_is_waited_for() -> None:
    operations = [step.op for step in plan({}, [guest(1), guest(2)], 60)]
    assert operations == ["domain.create", "domain.create", "domain.configure", "domain.configure"]


def test_a_guest_that_crashed_is_made_again() -> None:
    domains: Domains = {}
    settle(domains, [guest(1)])
    domains["guest1"]["running"] = False
    assert [step.op for step in plan(domains, [guest(1)], 60)] == [
        "domain.remove", "domain.create", "domain.configure",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"vcpus": 2}, {"memory_mib": 256}, {"accelerator": "kvm"}, {"mac": "02:00:00:00:00:77"},
               {"kernel_command_line": "quiet"}, {"interface": {"type": "ethernet", "dev": "nlmvt1"}},
               {"interface": {"type": "ethernet", "dev": "nltap1", "index": 7}}],
)  # fmt: skip
def test_any_change_of_a_guest_is_seen(change: dict[str, Any]) -> None:
    domains: Domains = {}
    settle(domains, [guest(1)])
    assert "domain.create" in [step.op for step in plan(domains, [guest(1, **change)], 60)]


def test_an_address_lost_in_the_guest_is_set_again_without_a_reboot() -> None:
    domains: Domains = {}
    settle(domains, [guest(1)])
    domains["guest1"]["interfaces"][0]["addresses"] = []
    assert [step.op for step in plan(domains, [guest(1)], 60)] == ["domain.configure"]


def test_somebody_elses_domain_is_refused() -> None:
    theirs = {"ours": False, "digest": None, "running": True, "interfaces": None}
    with pytest.raises(Refusal, match="guest1 is there already and is not this testbed's"):
        plan({"guest1": theirs}, [guest(1)], 60)


def test_a_users_disk_is_only_ever_laid_under() -> None:
    steps = plan({}, [guest(1, disk="/images/mine.qcow2", kernel=None)], 60)
    overlay = steps[0]
    assert overlay.args == {
        "path": "/var/lib/netlab-testbed/disks/guest1.qcow2",
        "base": "/images/mine.qcow2",
    }
    sources = ET.fromstring(steps[1].args["xml"]).findall("./devices/disk/source")
    assert [source.get("file") for source in sources] == [overlay.args["path"]]


def test_another_disk_needs_another_guest() -> None:
    domains: Domains = {}
    settle(domains, [guest(1, disk="/images/mine.qcow2", kernel=None)])
    other = guest(1, disk="/images/other.qcow2", kernel=None)
    assert [step.op for step in plan(domains, [other], 60)] == [
        "domain.remove", "disk.overlay", "domain.create", "domain.configure",
    ]  # fmt: skip


hostile = st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs", "Cn"]), min_size=1)


@given(hostile)
def test_no_word_can_break_out_of_the_xml(word: str) -> None:
    xml, _ = domain_xml(guest(1, kernel_command_line=word, interface={"type": "ethernet", "dev": word}))
    root = ET.fromstring(xml)
    assert root.find("./os/cmdline").text.startswith(word)  # type: ignore[union-attr]
    assert root.find("./devices/interface/target").get("dev") == word  # type: ignore[union-attr]
    assert len(root.findall("./devices/interface")) == 1


def test_offloads_are_switched_on_both_sides() -> None:
    offloads = {"host": {"csum": False, "gso": False}, "guest": {"csum": False, "tso4": True}}
    xml, _ = domain_xml(guest(1, interface={"type": "ethernet", "dev": "nltap1", "offloads": offloads}))
    driver = ET.fromstring(xml).find("./devices/interface/driver")
    assert driver is not None
    assert driver.find("host").attrib == {"csum": "off", "gso": "off"}  # type: ignore[union-attr]
    assert driver.find("guest").attrib == {"csum": "off", "tso4": "on"}  # type: ignore[union-attr]


def test_an_arm64_guest_has_no_acpi() -> None:
    xml, _ = domain_xml(guest(1, arch="aarch64"))
    root = ET.fromstring(xml)
    assert root.find("./features/acpi") is None
    assert root.find("./os/type").get("machine") == "virt"  # type: ignore[union-attr]


def test_a_disk_on_arm64_is_booted_by_uefi_that_keeps_nothing() -> None:
    xml, _ = domain_xml(guest(1, arch="aarch64", disk="/d.qcow2", kernel=None))
    root = ET.fromstring(xml)
    loader = root.find("./os/loader")
    assert loader is not None
    assert loader.get("type") == "rom"
    assert root.find("./os/nvram") is None
    assert root.find("./features/acpi") is None  # libvirt refuses it with a ROM
    xml, _ = domain_xml(guest(1, disk="/d.qcow2", kernel=None))
    assert ET.fromstring(xml).find("./os/loader") is None


def test_a_domain_of_somebody_else_has_no_digest() -> None:
    assert digest_of("<domain><metadata><x xmlns='urn:theirs'/></metadata></domain>") is None
    assert digest_of("<domain/>") is None
