# SPDX-License-Identifier: Apache-2.0
"""Module pinning on real guests: what the kernel says, check mode, idempotence, and that nothing stays."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.scenario_lab import Lab

pytestmark = [
    pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.needs("virsh"),
]  # fmt: skip

PINS: list[dict[str, Any]] = [
    {"what": "guest", "guest": "guest1", "cpus": "0"},
    {"what": "vcpu", "guest": "guest2", "vcpu": 0, "cpus": "1"},
    {"what": "interrupts", "nic": "eth1", "cpus": "0"},
]
# Of every thread of every QEMU in the board, by the guest's name and the thread's: where it may run.
LOOK = """
import glob, json, os, re
told = {}
for path in glob.glob("/proc/[0-9]*"):
    words = open(path + "/cmdline", "rb").read().decode().split("\\0")
    if "qemu-system" in words[0]:
        guest = re.search(r"guest=(\\w+)", " ".join(words))[1]
        for task in glob.glob(path + "/task/*"):
            name = open(task + "/comm").read().strip()
            told.setdefault(guest + " " + name, []).append(sorted(os.sched_getaffinity(int(task.split("/")[-1]))))
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two CPUs")
    made = Lab(tmp_path_factory.mktemp("pinning"), "pin")
    made.play("deploy", testbed_topology="tap", guest_count=2)
    yield made
    made.play("destroy")


@pytest.fixture(autouse=True)
def unpinned(lab: Lab) -> Iterator[None]:
    yield
    lab.pinning([])
    assert lab.pins_in_ledger() == []


def threads(lab: Lab) -> dict[str, list[list[int]]]:
    return dict(json.loads(lab.on_dut("/usr/bin/python3", "-c", LOOK)))


def test_what_is_pinned_is_what_the_kernel_says(lab: Lab) -> None:
    before = threads(lab)
    told = lab.pinning(PINS)
    assert told["changed"]
    assert told["pins"]["set"] == {"vcpu/guest1/0": "0", "emulator/guest1": "0", "vcpu/guest2/0": "1"}
    assert "interrupts/eth1" in told["pins"]["absent"]
    now = threads(lab)
    for name, cpus in now.items():
        if name.startswith("guest1 "):
            assert all(allowed == [0] for allowed in cpus), name
        elif "CPU 0/" in name:
            assert cpus == [[1]]
        else:
            assert cpus == before[name], name
    assert len(lab.pins_in_ledger()) > 0
    lab.pinning([])
    assert threads(lab) == before


def test_twice_is_once_and_a_look_is_no_pin(lab: Lab) -> None:
    before = threads(lab)
    looked = lab.pinning(PINS, "--check")
    assert looked["changed"]
    assert "let vcpu/guest2/0 run on CPU 1" in looked["steps"]
    assert threads(lab) == before
    assert lab.pins_in_ledger() == []
    lab.pinning(PINS)
    again = lab.pinning(PINS)
    assert (again["changed"], again["steps"]) == (False, [])


def test_other_pins_take_the_place_of_the_first(lab: Lab) -> None:
    before = threads(lab)
    lab.pinning(PINS)
    lab.pinning([{"what": "vcpu", "guest": "guest2", "cpus": "0"}])
    now = threads(lab)
    assert {name: cpus for name, cpus in now.items() if name.startswith("guest1 ")} == {
        name: cpus for name, cpus in before.items() if name.startswith("guest1 ")
    }
    assert now["guest2 CPU 0/TCG" if "guest2 CPU 0/TCG" in now else "guest2 CPU 0/KVM"] == [[0]]


def test_a_topology_stays_whole_under_pins(lab: Lab) -> None:
    lab.pinning(PINS)
    printed = lab.play("deploy", testbed_topology="tap", guest_count=2)
    assert '"state": "ready"' in printed
    assert "changed=0" in printed


def test_a_board_without_the_cpu_says_so(lab: Lab) -> None:
    far = max(os.sched_getaffinity(0)) + 1
    pins = [{"what": "guest", "guest": "guest1", "cpus": str(far)}]
    told = lab.pinning(pins, report_only=True)
    assert told["unmet"][0].startswith(f"this board has no CPU {far}: it may use")
    assert told["pins"]["set"] == {}
    refused = lab.pinning(pins)
    assert refused["unmet"] == told["unmet"]


def test_destroy_undoes_pins_too(lab: Lab) -> None:
    """Replayed by the operation that the ledger names, in another process, after the guests are gone."""
    lab.pinning(PINS)
    lab.play("destroy")
    lab.play("deploy", testbed_topology="tap", guest_count=2)
    assert all(len(allowed) > 1 for cpus in threads(lab).values() for allowed in cpus)
