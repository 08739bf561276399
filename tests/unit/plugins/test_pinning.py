# SPDX-License-Identifier: Apache-2.0
"""Pins: planned without a kernel, found in a /proc of files, forgotten once undone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.pinning import interrupts, ops, state, threads
from ansible_collections.netlab.testbed.plugins.module_utils.pinning.plan import (
    Seen,
    cpu_list,
    cpu_set,
    held_by,
    plan,
    spent,
)
from ansible_collections.netlab.testbed.plugins.module_utils.pinning.state import PinLedger, wanted_of
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step

CPUS = st.sets(st.integers(0, 5), min_size=1).map(cpu_list)
THINGS = st.sampled_from(["vcpu/guest1/0", "vcpu/guest1/1", "emulator/guest1", "vhost/guest2", "irq/24"])
SEEN = st.dictionaries(THINGS, st.builds(Seen, CPUS, st.booleans()))


class Board:
    """A kernel and a ledger of a few lines."""

    def __init__(self, seen: Mapping[str, Seen]) -> None:
        self.seen = dict(seen)
        self.entries: list[dict[str, Any]] = []

    def carry_out(self, wanted: Mapping[str, str]) -> list[Step]:
        steps = plan(self.seen, held_by(self.entries), wanted)
        for step in steps:
            undo = step.undo.as_dict() if step.undo else None
            self.entries.append({"id": len(self.entries) + 1, "step": step.as_dict(), "undo": undo})
            self.seen[step.args["thing"]] = Seen(step.args["cpus"])
        gone = spent(self.entries, wanted)
        self.entries = [entry for entry in self.entries if entry["id"] not in gone]
        for number, entry in enumerate(self.entries, start=1):
            entry["id"] = number
        return steps


def there(wanted: Mapping[str, str], seen: Mapping[str, Seen]) -> dict[str, str]:
    return {thing: cpus for thing, cpus in wanted.items() if thing in seen}


@given(SEEN, st.lists(st.dictionaries(THINGS, CPUS), max_size=4))
def test_a_plan_carried_out_leaves_nothing_to_plan(
    seen: dict[str, Seen], rounds: list[dict[str, str]]
) -> None:
    board = Board(seen)
    for wanted in rounds:
        board.carry_out(there(wanted, seen))
        assert plan(board.seen, held_by(board.entries), there(wanted, seen)) == []


@given(SEEN, st.lists(st.dictionaries(THINGS, CPUS), min_size=1, max_size=4))
def test_without_pins_all_is_as_it_was_and_the_ledger_knows_of_none(
    seen: dict[str, Seen], rounds: list[dict[str, str]]
) -> None:
    board = Board(seen)
    for wanted in [*rounds, {}]:
        board.carry_out(there(wanted, seen))
    assert {thing: cpu_set(now.cpus) for thing, now in board.seen.items()} == {
        thing: cpu_set(first.cpus) for thing, first in seen.items()
    }
    assert board.entries == []


@given(SEEN, st.lists(st.dictionaries(THINGS, CPUS), max_size=6))
def test_the_ledger_has_one_entry_a_thing_however_often_it_moves(
    seen: dict[str, Seen], rounds: list[dict[str, str]]
) -> None:
    board = Board(seen)
    for wanted in rounds:
        board.carry_out(there(wanted, seen))
        held = [entry["undo"]["args"]["thing"] for entry in board.entries]
        assert len(held) == len(set(held))
        for entry in board.entries:
            undo = entry["undo"]["args"]
            assert cpu_set(undo["cpus"]) == cpu_set(seen[undo["thing"]].cpus)


def test_threads_that_differ_are_pinned_although_one_of_them_is_there_already() -> None:
    (step,) = plan({"emulator/guest1": Seen("0-1", uniform=False)}, {}, {"emulator/guest1": "0-1"})
    assert step.args == {"thing": "emulator/guest1", "cpus": "0-1"}


def test_what_is_gone_is_not_undone() -> None:
    assert plan({}, {"vcpu/guest1/0": "0-1"}, {}) == []


@given(st.sets(st.integers(0, 300), min_size=1))
def test_lists_of_cpus_are_read_as_they_are_written(cpus: set[int]) -> None:
    assert cpu_set(cpu_list(cpus)) == cpus


@pytest.mark.parametrize("text", ["", "a", "1-", "3-1", "-1", "0,,1", "0x3", "1 2", "0\n"])
def test_what_is_no_list_of_cpus_is_refused(text: str) -> None:
    with pytest.raises(BoardError):
        cpu_set(text)


def task(folder: Path, tid: int, name: str) -> None:
    path = folder / str(tid)
    path.mkdir(parents=True)
    (path / "comm").write_text(f"{name}\n", encoding="utf-8")


def test_threads_are_known_by_the_names_that_qemu_and_vhost_give_them(tmp_path: Path) -> None:
    inside = tmp_path / "900/task"
    for tid, name in (
        (900, "qemu-system-x86"),
        (901, "IO mon_iothread"),
        (902, "CPU 0/KVM"),
        (903, "CPU 1/KVM"),
    ):
        task(inside, tid, name)
    task(inside, 904, "vhost-900")  # since kernel 6.4
    for pid, name in ((700, "vhost-900"), (701, "vhost-9"), (702, "vhost-9000")):
        task(tmp_path, pid, name)
    assert threads.threads_of(900, tmp_path) == {
        "vcpu/0": [902], "vcpu/1": [903], "emulator": [900, 901], "vhost": [700, 904],
    }  # fmt: skip


def test_one_thread_for_all_processors_counts_as_the_first(tmp_path: Path) -> None:
    task(tmp_path / "900/task", 901, "ALL CPUs/TCG")
    assert threads.threads_of(900, tmp_path) == {"vcpu/0": [901]}


def test_a_thread_of_this_process_is_bound_and_read() -> None:
    before = threads.affinity([os.getpid()])
    assert before is not None
    one = str(min(cpu_set(before.cpus)))
    try:
        threads.bind([os.getpid()], one)
        assert threads.affinity([os.getpid()]) == Seen(one)
    finally:
        threads.bind([os.getpid()], before.cpus)
    assert threads.affinity([os.getpid()]) == before
    assert threads.affinity([2**22 - 1]) is None  # nobody's


def nic(sys: Path, name: str, device: str | None, msi: tuple[int, ...] = ()) -> None:
    (sys / name).mkdir(parents=True)
    if device:
        there = sys.parent / "devices" / device
        for number in msi:
            (there / "msi_irqs").mkdir(parents=True, exist_ok=True)
            (there / "msi_irqs" / str(number)).touch()
        there.mkdir(parents=True, exist_ok=True)
        (sys / name / "device").symlink_to(there)


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """/sys/class/net and /proc: a platform device, a PCI one, a virtio one, and a veth with a name used elsewhere."""
    sys, proc = tmp_path / "net", tmp_path / "proc"
    nic(sys, "eth0", "f2000000.ethernet")
    nic(sys, "enp1s0", "0000:01:00.0", msi=(40, 41))
    nic(sys, "ens3", "virtio1")
    nic(sys, "eth1", None)
    (proc / "irq").mkdir(parents=True)
    for number in (24, 25, 31, 32, 40, 41, 50):
        folder = proc / "irq" / str(number)
        folder.mkdir()
        (folder / "smp_affinity_list").write_text("0-3\n", encoding="ascii")
    (proc / "interrupts").write_text(
        "           CPU0       CPU1\n"
        " 24:         10          0     ICU-NSR  40 Edge      eth0\n"
        " 25:         10          0     ICU-NSR  41 Edge      eth0\n"
        " 31:          5          5  PCI-MSI 1   Edge      virtio1-input.0\n"
        " 32:          5          5  PCI-MSI 2   Edge      virtio1-output.0\n"
        " 40:          5          5  PCI-MSI 3   Edge      enp1s0-rx-0\n"
        " 50:          5          5  PCI-MSI 4   Edge      eth1, eth10\n"
        "NMI:          0          0   Non-maskable interrupts\n",
        encoding="ascii",
    )
    return sys, proc


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("eth0", [24, 25]), ("enp1s0", [40, 41]), ("ens3", [31, 32]), ("eth1", []), ("eth7", [])],
)
def test_interrupts_are_those_of_the_nics_own_device(
    machine: tuple[Path, Path], name: str, numbers: list[int]
) -> None:
    assert interrupts.interrupts_of(name, *machine) == numbers


def test_an_interrupt_is_bound_and_read(machine: tuple[Path, Path]) -> None:
    proc = machine[1]
    interrupts.bind(24, "1", proc)
    assert interrupts.affinity(24, proc) == Seen("1")
    interrupts.bind(99, "1", proc)  # it is gone
    assert interrupts.affinity(99, proc) is None


def test_wanted_pins_become_things_and_what_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "guest_threads", lambda guest: {"vcpu/0": [1], "vcpu/1": [2], "emulator": [3]})
    monkeypatch.setattr(interrupts, "interrupts_of", lambda nic: [])
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    pins = [
        {"what": "guest", "guest": "guest1", "cpus": "1"},
        {"what": "interrupts", "nic": "eth1", "cpus": "0"},
    ]
    wanted = wanted_of(pins, [0])
    assert wanted.things == {"vcpu/guest1/0": "1", "vcpu/guest1/1": "1", "emulator/guest1": "1"}
    assert sorted(wanted.absent) == ["interrupts/eth1", "vhost/guest1"]
    assert wanted.unmet == []


def test_a_cpu_or_a_guest_that_is_not_there_is_unmet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "guest_threads", lambda guest: {})
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    assert wanted_of([], [0, 1, 2]).unmet == ["this board has no CPU 1-2: it may use 0"]
    unmet = wanted_of([{"what": "vcpu", "guest": "guest9", "cpus": "0"}], []).unmet
    assert unmet == ["guest guest9 does not run"]


def test_spent_pins_leave_the_boards_ledger_and_nothing_else_does(tmp_path: Path) -> None:
    ledger = PinLedger(tmp_path / "lab/ledger")
    ledger.intend(
        Step("process.start", {"name": "libvirtd"}, undo=Step("process.stop", {"name": "libvirtd"}))
    )
    pin = {"thing": "vcpu/guest1/0", "cpus": "0"}
    ledger.intend(Step("pin.set", pin, undo=Step("pin.set", {**pin, "cpus": "0-1"})))
    ledger.forget(["vcpu/guest1/0"])
    assert len(ledger.entries()) == 2
    ledger.forget([])
    assert [entry["step"]["op"] for entry in ledger.entries()] == ["process.start"]


def test_a_ledger_of_pins_alone_goes_with_them(tmp_path: Path) -> None:
    ledger = PinLedger(tmp_path / "lab/ledger")
    pin = {"thing": "irq/24", "cpus": "0"}
    ledger.intend(Step("pin.set", pin, undo=Step("pin.set", {**pin, "cpus": "0-1"})))
    ledger.forget([])
    assert not (tmp_path / "lab").exists()


def test_the_operation_says_what_it_does() -> None:
    assert (
        Step("pin.set", {"thing": "emulator/guest1", "cpus": "0-1"}).says()
        == "let emulator/guest1 run on CPU 0-1"
    )
    assert state.SCOPE == "board"
