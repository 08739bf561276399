# SPDX-License-Identifier: Apache-2.0
"""The planner of PCI devices, against a board of a few lines."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.sriov.plan import NEWBORN, plan
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, Step

PF, WHOLE = "0000:01:00.0", "0000:02:00.0"
State = dict[str, Any]
DEFAULTS = {"spoof_check": True, "trust": False, "link_state": "auto"}


def device(address: str, **changes: Any) -> State:
    return {
        "address": address, "network": True, "driver": "igb", "override": "", "interfaces": ["enp2s0"],
        "mac": "02:00:00:00:00:aa", "address_set": "02:00:00:00:00:ab", "up": True, "mtu": 9000,
        "virtual": 0, "group": "4",
        "others": [], "physical": None, "physical_interface": None, "vf": None, "settings": {}, **changes,
    }  # fmt: skip


def virtual(index: int, **changes: Any) -> State:
    return device(
        f"0000:01:10.{index}", driver="", interfaces=[], mac="", physical=PF, physical_interface="enp1s0", vf=index,
        settings=dict(NEWBORN), **changes,
    )  # fmt: skip


def board(count: int = 0, total: int = 7, ours: bool = True, autoprobe: bool = True, **changes: Any) -> State:
    functions = [virtual(index) for index in range(count)]
    return {
        "nic": {
            "address": PF, "interface": "enp1s0", "driver": "igb", "total": total, "autoprobe": autoprobe,
            "virtual": [function["address"] for function in functions],
        },
        "devices": {function["address"]: function for function in functions} | {WHOLE: device(WHOLE)},
        "vfio": False, "unsafe_interrupts": None, "ours": ours and count > 0, "guests": ["guest1"] if count else [],
        "busy": {"enp0s0": "it carries the default route"}, "addresses": {"enp0s0": ["203.0.113.7/24"]}, **changes,
    }  # fmt: skip


def wanted(*guests: State, unsafe: bool = False, **settings: Any) -> State:
    return {
        "interface": "enp1s0", "guests": list(guests), "settings": {**DEFAULTS, **settings},
        "unsafe_interrupts": unsafe,
    }  # fmt: skip


def guest(number: int, device: str | None = None) -> State:
    return {"name": f"guest{number}", "mac": f"02:00:00:00:00:{number:02x}", "device": device}


def apply(state: State, step: Step) -> None:
    """A board of a few lines: what each operation makes of it."""
    args = step.args
    if step.op in ("vfio.load", "vfio.unload"):
        state["vfio"] = step.op == "vfio.load"
    elif step.op == "vfio.unsafe_interrupts":
        state["unsafe_interrupts"] = args["allowed"]
    elif step.op == "domain.remove":
        state["guests"] = [name for name in state["guests"] if name != args["name"]]
    elif step.op == "sriov.autoprobe":
        state["nic"]["autoprobe"] = args["on"]
    elif step.op == "sriov.count":
        there = state["nic"]["virtual"]
        assert not (there and args["count"]), "the kernel changes a number only by way of 0"
        assert not (there and state["guests"]), "a guest holds one"
        for address in there:
            del state["devices"][address]
        made = [virtual(index) for index in range(args["count"])]
        assert not (made and state["nic"]["autoprobe"]), "their own driver takes them"
        state["nic"]["virtual"] = [function["address"] for function in made]
        state["devices"].update({function["address"]: function for function in made})
        state["ours"] = bool(made)
    elif step.op == "sriov.bind":
        state["devices"][state["nic"]["virtual"][args["vf"]]].update(driver="vfio-pci", override="vfio-pci")
    elif step.op in ("pci.bind", "pci.release"):
        interfaces = [args["was"]["interface"]] if args.get("driver", "") not in ("", "vfio-pci") else []
        state["devices"][args["device"]].update(
            driver=args.get("driver", ""),
            override=args["override"],
            interfaces=[name for name in interfaces if name],
        )
    elif step.op == "sriov.set":
        (found,) = (
            one
            for one in state["devices"].values()
            if one["vf"] == args["vf"] and one["physical_interface"] == args["interface"]
        )
        found["settings"] = {**found["settings"], **args["settings"]}
    else:
        raise AssertionError(step.op)


def carry_out(state: State, want: State) -> list[Step]:
    steps = plan(copy.deepcopy(state), want)
    for step in steps:
        apply(state, step)
    return steps


def undo(state: State, steps: list[Step]) -> None:
    for step in reversed(steps):
        if step.undo:
            apply(state, step.undo)


def words(steps: list[Step]) -> list[str]:
    return [step.op for step in steps]


def test_a_virtual_function_for_a_guest() -> None:
    state = board()
    steps = carry_out(state, wanted(guest(1)))
    assert words(steps) == [
        "vfio.load", "sriov.autoprobe", "sriov.count", "sriov.autoprobe", "sriov.bind", "sriov.set",
    ]  # fmt: skip
    made = state["devices"]["0000:01:10.0"]
    assert made["driver"] == "vfio-pci"
    assert made["settings"] == {**NEWBORN, "mac": "02:00:00:00:00:01"}
    assert state["nic"]["autoprobe"]


def test_only_what_differs_is_set() -> None:
    """A driver that knows no link state (igb) is not asked for the one that it has."""
    state = board()
    (setting,) = (step for step in carry_out(state, wanted(guest(1), trust=True)) if step.op == "sriov.set")
    assert setting.args["settings"] == {"mac": "02:00:00:00:00:01", "trust": True}


def test_another_number_of_guests_lets_go_of_the_old_ones_first() -> None:
    state = board(count=1)
    steps = carry_out(state, wanted(guest(1), guest(2)))
    assert words(steps)[:3] == ["vfio.load", "domain.remove", "sriov.count"]
    assert len(state["nic"]["virtual"]) == 2


def test_without_guests_of_their_own_none_of_ours_are_left() -> None:
    state = board(count=2)
    assert words(carry_out(state, wanted())) == ["domain.remove", "sriov.count"]
    state = board(count=2, ours=False)
    assert plan(state, wanted()) == []


def test_a_whole_nic_is_given_and_given_back() -> None:
    state = board()
    before = copy.deepcopy(state)
    steps = carry_out(state, wanted(guest(1, WHOLE)))
    assert words(steps) == ["vfio.load", "pci.bind"]
    assert steps[1].args["was"] == {
        "interface": "enp2s0", "mac": "02:00:00:00:00:aa", "address_set": "02:00:00:00:00:ab", "up": True, "mtu": 9000,
    }  # fmt: skip
    undo(state, steps)
    assert state == before


def test_a_device_without_a_driver_is_left_without() -> None:
    state = board()
    state["devices"][WHOLE].update(driver="", interfaces=[], override="igb")
    before = copy.deepcopy(state)
    steps = carry_out(state, wanted(guest(1, WHOLE)))
    assert steps[1].undo is not None
    assert steps[1].undo.op == "pci.release"
    undo(state, steps)
    assert state == before


def test_one_that_is_bound_already_is_passed_as_it_is() -> None:
    state = board(vfio=True)
    state["devices"][WHOLE].update(driver="vfio-pci", interfaces=[])
    assert plan(state, wanted(guest(1, WHOLE))) == []


def test_somebody_elses_virtual_function_gets_its_address_back() -> None:
    state = board(count=2, ours=False)
    state["devices"]["0000:01:10.1"]["settings"]["mac"] = "02:00:00:00:00:77"
    before = copy.deepcopy(state)
    steps = carry_out(state, wanted(guest(1, "0000:01:10.1")))
    assert state["devices"]["0000:01:10.1"]["settings"]["mac"] == "02:00:00:00:00:01"
    assert "sriov.count" not in words(steps)
    undo(state, steps)
    assert state == before


def test_a_nic_whose_virtual_functions_are_ours_is_given_once_they_are_gone() -> None:
    state = board(count=2)
    state["devices"][PF] = device(PF, virtual=2, interfaces=["enp1s0"])
    assert words(plan(state, wanted(guest(1, PF)))) == [
        "vfio.load",
        "domain.remove",
        "sriov.count",
        "pci.bind",
    ]
    with pytest.raises(Refusal, match="has virtual functions, which would go with it"):
        plan(state, wanted(guest(1), guest(2), guest(3, PF)))


def test_unsafe_interrupts_are_allowed_only_when_asked_for() -> None:
    assert "vfio.unsafe_interrupts" not in words(plan(board(), wanted(guest(1))))
    state = board()
    steps = carry_out(state, wanted(guest(1), unsafe=True))
    assert state["unsafe_interrupts"] is True
    undo(state, steps)
    assert state["unsafe_interrupts"] is False


OTHERS = [
    {"address": "0000:00:01.0", "driver": "pcieport", "bridge": True},
    {"address": "0000:02:00.1", "driver": "", "bridge": False},
]
ELSEWHERE = "0000:09:00.0"


def with_whole(**changes: Any) -> State:
    state = board()
    state["devices"][WHOLE].update(changes)
    return state


@pytest.mark.parametrize(
    ("state", "want", "said"),
    [
        (
            board(count=1, ours=False),
            wanted(guest(1)),
            "has 1 virtual function that this testbed did not make",
        ),
        (
            board(count=2, ours=False),
            wanted(guest(1)),
            "has 2 virtual functions that this testbed did not make",
        ),
        (
            board(busy={"enp1s0": "it carries the default route"}),
            wanted(guest(1)),
            "not free: it carries the default",
        ),
        (with_whole(network=False), wanted(guest(1, WHOLE)), "is not a network controller"),
        (
            board(addresses={"enp2s0": ["10.9.0.5/24", "2001:db8::5/64"]}),
            wanted(guest(1, WHOLE)),
            "is enp2s0, which has 10.9.0.5/24, 2001:db8::5/64: that would go with it, take it off first",
        ),
        (board(count=1), wanted(guest(1, "0000:01:10.0")), "is a virtual function of this testbed's making"),
        (
            with_whole(interfaces=["enp0s0"]),
            wanted(guest(1, WHOLE)),
            "enp0s0, which is not free: it carries the default",
        ),
        (with_whole(virtual=2), wanted(guest(1, WHOLE)), "has virtual functions, which would go with it"),
        (with_whole(others=OTHERS), wanted(guest(1, WHOLE)), "IOMMU group 4 with 0000:02:00.1 (no driver)"),
        (board(count=1), wanted(guest(1, "0000:01:10.0")), "of this testbed's making"),
    ],
)
def test_what_is_not_ours_is_refused(state: State, want: State, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        plan(state, want)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("state", "want", "said"),
    [
        (board(nic=None), wanted(guest(1)), "enp1s0 is not a PCI device"),
        (board(total=0), wanted(guest(1)), "has no SR-IOV capability"),
        (
            board(total=1),
            wanted(guest(1), guest(2)),
            "can have 1 virtual functions, and 2 guests want one each",
        ),
        (board(), wanted(guest(1, ELSEWHERE)), "this board has no PCI device 0000:09:00.0"),
        (with_whole(group=None), wanted(guest(1, WHOLE)), "in no IOMMU group"),
        (board(), wanted(guest(1, WHOLE), guest(2, WHOLE)), "is the pci_device of guest1 and of guest2"),
    ],
)
def test_what_cannot_be_is_told(state: State, want: State, said: str) -> None:
    with pytest.raises(BoardError) as caught:
        plan(state, want)
    assert said in str(caught.value)
    assert not isinstance(caught.value, Refusal)


def test_a_bridge_in_the_group_is_no_hindrance() -> None:
    assert plan(with_whole(others=OTHERS[:1]), wanted(guest(1, WHOLE)))


states = st.builds(
    board,
    count=st.integers(0, 4),
    autoprobe=st.booleans(),
    vfio=st.booleans(),
    unsafe_interrupts=st.sampled_from([None, False, True]),
)
wishes = st.builds(
    lambda own, whole, unsafe, settings: wanted(
        *(guest(number) for number in range(1, own + 1)), *([guest(9, WHOLE)] if whole else []),
        unsafe=unsafe, **settings,
    ),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.fixed_dictionaries(
        {"spoof_check": st.sampled_from([None, True, False]), "trust": st.sampled_from([None, True, False]),
         "link_state": st.sampled_from([None, "auto", "enable"])}
    ),
)  # fmt: skip


@given(states, wishes)
def test_what_is_carried_out_leaves_nothing_to_do(state: State, want: State) -> None:
    carry_out(state, want)
    assert plan(state, want) == []
    own = [one for one in want["guests"] if not one["device"]]
    assert len(state["nic"]["virtual"]) == len(own)
    for one, address in zip(own, state["nic"]["virtual"], strict=True):
        assert state["devices"][address]["settings"]["mac"] == one["mac"]
        assert state["devices"][address]["driver"] == "vfio-pci"


@given(states, wishes, wishes)
def test_undone_it_is_as_it_was_before_the_first_of_all_changes(
    state: State, first: State, second: State
) -> None:
    state = board(
        autoprobe=state["nic"]["autoprobe"], vfio=state["vfio"], unsafe_interrupts=state["unsafe_interrupts"]
    )
    before = copy.deepcopy(state)
    done = carry_out(state, first)
    state["guests"] = []
    done += carry_out(state, second)
    undo(state, done)
    assert {**state, "unsafe_interrupts": bool(state["unsafe_interrupts"])} == {
        **before, "unsafe_interrupts": bool(before["unsafe_interrupts"]),
    }  # fmt: skip
