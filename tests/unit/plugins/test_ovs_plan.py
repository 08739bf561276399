# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch bridges: the plan leads there, touches nothing of others, and each change has an undo."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils import link_plan
from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import ops as ovs_ops
from ansible_collections.netlab.testbed.plugins.module_utils.ovs.plan import plan
from ansible_collections.netlab.testbed.plugins.module_utils.steps import OPERATIONS, Refusal, Step

NAMES = ("nlovs0", "nlovs1")
INTERFACES = ("eth1", "eth2", "nltap1", "nltap2")
ADDRESSES = ("192.0.2.2/24", "198.51.100.2/24")
Parts = tuple[dict[str, Any], dict[str, Any]]  # bridges and links
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


def link(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy({**link_plan.NEWBORN, "alias": "", "up": True, "rp_filter": 0, **changes})


def bridge(**changes: Any) -> dict[str, Any]:
    """A bridge as it is."""
    return {
        "ours": True, "datapath_type": "netdev", "fail_mode": "standalone", "mac": "", "ports": {},
        "counted": None, **changes,
    }  # fmt: skip


def want(name: str = "nlovs0", **changes: Any) -> dict[str, Any]:
    return {
        "name": name, "datapath_type": "netdev", "fail_mode": "standalone", "mac": None, "ports": [],
        "uplink": None, "addresses": None, "up": None, **changes,
    }  # fmt: skip


class Model:
    """A board in words: what Open vSwitch and the kernel make of each operation."""

    def __init__(self, bridges: Mapping[str, Any], links: Mapping[str, Any]) -> None:
        self.bridges: dict[str, Any] = copy.deepcopy(dict(bridges))
        self.links: dict[str, Any] = copy.deepcopy(dict(links))

    def apply(self, steps: Sequence[Step]) -> None:
        for step in steps:
            getattr(self, step.op.replace(".", "_"))(**step.args)

    def _local(self, name: str, mac: str | None) -> None:
        """The bridge's own interface is made anew; unmarked, were it not for mark_links."""
        self.links[name] = link(alias=MARK, up=False, mac=mac or "02:00:00:00:00:ff")

    def ovs_bridge_add(self, name: str, datapath_type: str, fail_mode: str, mac: str | None) -> None:
        assert name not in self.bridges
        self.bridges[name] = bridge(datapath_type=datapath_type, fail_mode=fail_mode, mac=mac or "")
        self._local(name, mac)
        self.ovs_mark_links(name)  # as ops.add_bridge does

    def ovs_bridge_set(self, name: str, settings: dict[str, str]) -> None:
        now = self.bridges[name]
        if "datapath_type" in settings:
            self._local(name, now["mac"])
        if {"datapath_type", "fail_mode"} & set(settings):
            now["counted"] = None
        now.update(settings)

    def ovs_bridge_delete(self, name: str) -> None:
        assert self.bridges.pop(name)["ours"]
        del self.links[name]

    def ovs_ports_add(self, bridge: str, ports: list[str]) -> None:
        for port in ports:
            assert not any(port in other["ports"] for other in self.bridges.values())
            self.bridges[bridge]["ports"][port] = True

    def ovs_ports_delete(self, bridge: str, ports: list[str]) -> None:
        for port in ports:
            assert self.bridges[bridge]["ports"].pop(port)
            if self.bridges[bridge]["counted"] == port:
                self.bridges[bridge]["counted"] = None

    def ovs_count(self, bridge: str, uplink: str) -> None:
        assert uplink in self.bridges[bridge]["ports"]
        self.bridges[bridge]["counted"] = uplink

    def ovs_mark_links(self, name: str) -> None:
        for device in {name, "ovs-netdev"} & set(self.links):
            self.links[device]["alias"] = MARK

    def ovs_reverse_path_filter(self, values: dict[str, int]) -> None:
        for name, value in values.items():
            self.links[name]["rp_filter"] = value

    def link_set(self, name: str, settings: dict[str, Any]) -> None:
        self.links[name].update(settings)

    def link_address_add(self, name: str, address: str, routes: list[Any]) -> None:
        self.links[name]["addresses"].append(address)

    def link_address_delete(self, name: str, address: str) -> None:
        self.links[name]["addresses"].remove(address)


@st.composite
def boards(draw: st.DrawFn) -> Parts:
    """Bridges that a deploy of ours may have left, and the board's links."""
    links = {name: link(rp_filter=draw(st.integers(0, 2))) for name in INTERFACES}
    bridges: dict[str, Any] = {}
    free = list(INTERFACES)
    for name in draw(st.sets(st.sampled_from(NAMES))):
        ports = draw(st.sets(st.sampled_from(free))) if free else set()
        free = [port for port in free if port not in ports]
        bridges[name] = bridge(
            datapath_type=draw(st.sampled_from(("netdev", "system"))),
            fail_mode=draw(st.sampled_from(("", "standalone", "secure"))),
            mac=draw(st.sampled_from(("", *MACS))),
            ports=dict.fromkeys(ports, True),
            counted=draw(st.sampled_from((None, *sorted(ports)))),
        )
        links[name] = link(
            alias=draw(st.sampled_from(("", MARK))),
            up=draw(st.booleans()),
            addresses=draw(st.lists(st.sampled_from(ADDRESSES), unique=True)),
        )
    if bridges and draw(st.booleans()):
        links["ovs-netdev"] = link(alias=draw(st.sampled_from(("", MARK))), up=False)
    return bridges, links


@st.composite
def wishes(draw: st.DrawFn) -> list[dict[str, Any]]:
    wanted = []
    free = list(INTERFACES)
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        ports = draw(st.lists(st.sampled_from(free), unique=True)) if free else []
        free = [port for port in free if port not in ports]
        wanted.append(want(
            name,
            datapath_type=draw(st.sampled_from(("netdev", "system"))),
            fail_mode=draw(st.sampled_from(("standalone", "secure"))),
            mac=draw(st.sampled_from((None, *MACS))),
            ports=ports,
            uplink=draw(st.sampled_from((None, *ports))),
            addresses=draw(st.none() | st.lists(st.sampled_from(ADDRESSES), unique=True)),
            up=draw(st.none() | st.booleans()),
        ))  # fmt: skip
    return wanted


@given(boards(), wishes())
def test_the_plan_leads_there(board: Parts, wanted: list[dict[str, Any]]) -> None:
    model = Model(*board)
    model.apply(plan(model.bridges, model.links, wanted))
    assert plan(model.bridges, model.links, wanted) == []
    assert set(model.bridges) == {one["name"] for one in wanted}
    for one in wanted:
        made = model.bridges[one["name"]]
        assert set(made["ports"]) == set(one["ports"])
        assert (made["datapath_type"], made["fail_mode"]) == (one["datapath_type"], one["fail_mode"])
        if one["addresses"] is not None:
            assert set(model.links[one["name"]]["addresses"]) == set(one["addresses"])


@given(wishes())
def test_undone_backwards_an_empty_board_is_as_it_was(wanted: list[dict[str, Any]]) -> None:
    links = {name: link(rp_filter=2) for name in INTERFACES}
    model = Model({}, links)
    steps = plan({}, links, wanted)
    model.apply(steps)
    model.apply([step.undo for step in reversed(steps) if step.undo])
    assert model.bridges == {}
    assert model.links == links


@given(boards(), wishes())
def test_planning_changes_nothing(board: Parts, wanted: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(board)
    plan(*board, wanted)
    assert board == before


def test_every_operation_is_registered_and_says_what_it_does() -> None:
    links = {name: link() for name in INTERFACES}
    wanted = want(ports=["eth1"], uplink="eth1", mac=MACS[0], addresses=[ADDRESSES[0]], up=True)
    steps = plan({}, links, [wanted])
    assert {step.op for step in steps} <= set(OPERATIONS)
    assert [step.says() for step in steps] == [
        "add Open vSwitch bridge nlovs0: netdev, standalone",
        "set eth1 promiscuous=yes",
        "set the reverse path filter (rp_filter) of eth1=1",
        "add ports to Open vSwitch bridge nlovs0: ['eth1']",
        "count what eth1 brings to Open vSwitch bridge nlovs0",
        "set nlovs0 up=yes",
        "add 192.0.2.2/24 to nlovs0",
    ]


def test_the_kernels_datapath_needs_nothing_of_its_ports() -> None:
    steps = plan({}, {"eth1": link()}, [want(datapath_type="system", ports=["eth1"])])
    assert [step.op for step in steps] == ["ovs.bridge_add", "ovs.ports_add"]


def test_ports_that_are_yet_to_be_made_are_planned_for() -> None:
    """Check mode on an empty board: the taps would be there by then."""
    says = [step.says() for step in plan({}, {}, [want(ports=["nltap1"])])]
    assert "add ports to Open vSwitch bridge nlovs0: ['nltap1']" in says


def test_another_datapath_gives_the_bridge_a_new_interface() -> None:
    links = {"nlovs0": link(alias=MARK, addresses=[ADDRESSES[0]])}
    wanted = want(datapath_type="system", addresses=[ADDRESSES[0]], up=True)
    assert [step.says() for step in plan({"nlovs0": bridge()}, links, [wanted])] == [
        "set Open vSwitch bridge nlovs0 datapath_type=system",
        "set nlovs0 up=yes",
        f"add {ADDRESSES[0]} to nlovs0",
    ]


@pytest.mark.parametrize(
    ("current", "links", "changes", "message"),
    [
        ({}, {"nlovs0": link()}, {}, "interface nlovs0 is there already and not this testbed's"),
        ({}, {"ovs-netdev": link()}, {}, "another Open vSwitch on this board has a userspace datapath"),
        ({"nlovs0": bridge(ours=False)}, {}, {}, "nlovs0 is not this testbed's: it lacks external_ids"),
        (
            {"nlovs0": bridge(ports={"eth9": False})}, {}, {},
            r"port that this testbed did not add, eth9: take it out first \(ovs-vsctl del-port nlovs0 eth9\)",
        ),
        (
            {}, {"eth1": link(master="br0"), "br0": link()}, {"ports": ["eth1"]},
            "interface eth1 is a port of br0, which is not this testbed's",
        ),
    ],
)  # fmt: skip
def test_what_is_somebody_elses_is_refused(
    current: dict[str, Any], links: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refusal, match=message):
        plan(current, links, [want(**changes)])


def test_somebody_elses_bridge_is_not_removed() -> None:
    assert plan({"br-lan": bridge(ours=False)}, {}, []) == []


def test_a_userspace_device_of_others_does_not_stop_the_kernels_datapath() -> None:
    assert plan({}, {"ovs-netdev": link()}, [want(datapath_type="system")])


def test_a_port_of_a_bridge_of_ours_may_move() -> None:
    """Check mode over another topology: its bridge would be gone by then."""
    links = {"eth1": link(master="nlbr0"), "nlbr0": link(alias=MARK)}
    assert plan({}, links, [want(ports=["eth1"])])


def test_a_kernel_datapath_without_its_daemon_loses_our_ports_then_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No machine here has the kernel module: what is asked of ovs-dpctl, against its recorded answer."""
    asked: list[list[str]] = []
    ports = ["ovs-system", "nlovs0", "eth1"]

    def answer(argv: list[str]) -> str:
        asked.append(argv[1:])
        if argv[1] == "del-if":
            ports.remove(argv[3])
        return "system@ovs-system:\n" + "".join(f"  port {n}: {port}\n" for n, port in enumerate(ports))

    monkeypatch.setattr(ovs_client, "run", answer)
    monkeypatch.setattr(ovs_ops, "_has_kernel_datapath", lambda: True)
    ovs_ops._forget(["eth1", "nltap1"])
    assert asked == [["show", "-s", "ovs-system"], ["del-if", "ovs-system", "eth1"]]
    asked.clear()
    ovs_ops._forget(["nlovs0"])
    assert asked[1:] == [["del-if", "ovs-system", "nlovs0"], ["del-dp", "ovs-system"]]
    asked.clear()
    ports.append("vnet0")
    ovs_ops._forget(["nlovs0"])
    assert asked == [["show", "-s", "ovs-system"]]
