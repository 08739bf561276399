# SPDX-License-Identifier: Apache-2.0
"""The link planner, without a kernel."""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK, NEWBORN, plan
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, Step

Links = dict[str, dict[str, Any]]

NIC: dict[str, Any] = {
    "name": "eth1", "kind": "veth", "alias": "", "mac": "02:00:00:00:00:aa", "mtu": 1500, "master": "", "parent": None,
    "up": False, "promiscuous": False, "addresses": [], "routes": [],
    "features": {"tx-checksumming": True, "rx-gro": False}, "fixed_features": [],
}  # fmt: skip


def apply(links: Links, step: Step) -> None:
    """A kernel of a few lines: what each operation makes of the links."""
    args = step.args
    if step.op == "link.add":
        if args["name"] not in links:
            links[args["name"]] = {
                **NEWBORN,
                **copy.deepcopy(args),
                "addresses": [],
                "routes": [],
                "features": {},
            }
    elif step.op == "link.delete":
        links.pop(args["name"], None)
    elif args["name"] not in links:
        return
    elif step.op == "link.set":
        links[args["name"]].update(args["settings"])
    elif step.op == "link.features":
        links[args["name"]]["features"] = {**links[args["name"]]["features"], **args["features"]}
    elif step.op == "link.address_add":
        if args["address"] not in links[args["name"]]["addresses"]:
            links[args["name"]]["addresses"] = [*links[args["name"]]["addresses"], args["address"]]
        there = links[args["name"]]["routes"]
        links[args["name"]]["routes"] = there + [route for route in args["routes"] if route not in there]
    elif step.op == "link.address_delete":
        links[args["name"]]["addresses"] = without(links[args["name"]]["addresses"], args["address"])
        if not links[args["name"]]["addresses"]:  # with the last one go the routes of all tables
            links[args["name"]]["routes"] = []
    else:
        raise AssertionError(step.op)


def network(address: str) -> str:
    return str(ipaddress.ip_interface(address).network)


def without(addresses: list[str], gone: str) -> list[str]:
    """As the kernel deletes an address: the first of a network takes the others of that network with it."""
    if gone not in addresses:
        return addresses
    fellows = [address for address in addresses if network(address) == network(gone)]
    going = fellows if fellows[0] == gone else [gone]
    return [address for address in addresses if address not in going]


ROUTES = [
    {"dst": "203.0.113.0/24", "gateway": "192.0.2.254"},
    {"dst": "default", "gateway": "198.18.0.1", "table": 101, "flags": 4},
    {"dst": "203.0.114.0/24", "gateway": "192.0.2.254", "metrics": {"mtu": 1400}, "tos": 16},
]
ADDRESSES = ["192.0.2.1/24", "192.0.2.2/24", "198.51.100.7/30"]
nics = st.fixed_dictionaries(
    {
        "up": st.booleans(),
        "promiscuous": st.booleans(),
        "mtu": st.sampled_from([1500, 9000]),
        "addresses": st.lists(st.sampled_from(ADDRESSES), unique=True),
        "routes": st.lists(st.sampled_from(ROUTES), unique_by=str),
    }
).map(lambda nic: nic if nic["addresses"] else {**nic, "routes": []})
wishes = st.fixed_dictionaries(
    {},
    optional={
        "up": st.booleans(),
        "promiscuous": st.booleans(),
        "mtu": st.sampled_from([1500, 9000]),
        "addresses": st.lists(st.sampled_from(ADDRESSES), unique=True),
        "features": st.fixed_dictionaries(
            {}, optional={"tx-checksumming": st.booleans(), "rx-gro": st.booleans()}
        ),
    },
)
made = st.lists(st.tuples(st.sampled_from(["tap", "macvtap"]), st.booleans(), st.booleans()), max_size=4)


def wanted_links(
    nic: dict[str, Any], guests: list[tuple[str, bool, bool]], bridge: bool
) -> list[dict[str, Any]]:
    wanted: list[dict[str, Any]] = [{"name": "eth1", **nic}]
    if bridge:
        wanted.append({"name": "nlbr0", "kind": "bridge", "up": True, "addresses": ["192.0.2.9/24"]})
        wanted.append({"name": "eth1", "master": "nlbr0"})
    for number, (kind, up, in_bridge) in enumerate(guests):
        link: dict[str, Any] = {"name": f"nl{kind}{number}", "kind": kind, "up": up}
        if kind == "macvtap":
            link["parent"] = "eth1"
        elif in_bridge and bridge:
            link["master"] = "nlbr0"
        wanted.append(link)
    return wanted


@given(nics, wishes, made, st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_plan(
    now: dict[str, Any], nic: dict[str, Any], guests: list[tuple[str, bool, bool]], bridge: bool
) -> None:
    links: Links = {"eth1": {**copy.deepcopy(NIC), **now}}
    wanted = wanted_links(nic, guests, bridge)
    for step in plan(links, wanted):
        apply(links, step)
    assert plan(links, wanted) == []


@given(nics, wishes, made, st.booleans())
def test_its_undo_restores_what_was_there(
    now: dict[str, Any], nic: dict[str, Any], guests: list[tuple[str, bool, bool]], bridge: bool
) -> None:
    links: Links = {"eth1": {**copy.deepcopy(NIC), **now}}
    before = copy.deepcopy(links)
    done = plan(links, wanted_links(nic, guests, bridge))
    for step in done:
        apply(links, step)
    for step in reversed(done):
        if step.undo:
            apply(links, step.undo)
    for link in (*links.values(), *before.values()):
        link["addresses"] = sorted(link["addresses"], key=network)
    assert links == before


@given(nics, made, st.integers(min_value=0, max_value=20))
def test_cut_off_anywhere_the_undo_of_what_was_begun_restores_it(
    now: dict[str, Any], guests: list[tuple[str, bool, bool]], cut: int
) -> None:
    links: Links = {"eth1": {**copy.deepcopy(NIC), **now}}
    before = copy.deepcopy(links)
    begun = plan(links, wanted_links({"addresses": []}, guests, bridge=True))[: cut + 1]
    for step in begun[:-1]:  # the last one is in the ledger, and was not done
        apply(links, step)
    for step in reversed(begun):
        if step.undo:
            apply(links, step.undo)
    for link in (*links.values(), *before.values()):
        link["addresses"] = sorted(link["addresses"], key=network)
    assert links == before


def test_somebody_elses_bridge_is_refused() -> None:
    links = {"eth1": NIC, "nlbr0": {**NEWBORN, "name": "nlbr0", "kind": "bridge", "alias": "somebody's"}}
    with pytest.raises(Refusal, match="nlbr0 is there already and is not this testbed's"):
        plan(links, [{"name": "nlbr0", "kind": "bridge"}])


def test_a_nic_in_somebody_elses_bridge_is_refused() -> None:
    links = {
        "eth1": {**NIC, "master": "br0"},
        "br0": {**NEWBORN, "name": "br0", "kind": "bridge", "alias": ""},
    }
    with pytest.raises(Refusal, match="eth1 is a port of br0"):
        plan(links, [{"name": "nlbr0", "kind": "bridge"}, {"name": "eth1", "master": "nlbr0"}])


def test_a_missing_nic_names_those_that_are_there() -> None:
    with pytest.raises(BoardError, match="no interface eth7; it has: eth1"):
        plan({"lo": NIC, "eth1": NIC}, [{"name": "eth7", "up": True}])


def test_a_link_of_ours_of_another_make_is_made_anew() -> None:
    ours = {**NEWBORN, "name": "nlx", "kind": "bridge", "alias": MARK}
    steps = plan({"eth1": NIC, "nlx": ours}, [{"name": "nlx", "kind": "tap"}])
    assert [step.op for step in steps] == ["link.delete", "link.add"]


def test_surplus_links_of_ours_go_and_nobody_elses() -> None:
    ours = {**NEWBORN, "kind": "tap", "alias": MARK}
    links = {"nltap1": ours, "nltap2": ours, "nltap3": {**ours, "alias": ""}, "nlbr0": ours}
    steps = plan(links, [{"name": "nltap1", "kind": "tap"}], surplus="nltap*")
    assert [step.args["name"] for step in steps] == ["nltap2"]


def test_an_offload_that_the_driver_has_fixed_is_an_error() -> None:
    nic = {**NIC, "fixed_features": ["rx-gro"]}
    with pytest.raises(BoardError, match="does not let rx-gro be changed"):
        plan({"eth1": nic}, [{"name": "eth1", "features": {"rx-gro": True}}])


def test_an_address_that_would_go_with_another_is_there_in_the_end() -> None:
    links: Links = {"eth1": {**copy.deepcopy(NIC), "addresses": ["192.0.2.7/24", "192.0.2.1/24"]}}
    for step in plan(links, [{"name": "eth1", "addresses": ["192.0.2.1/24"]}]):
        apply(links, step)
    assert links["eth1"]["addresses"] == ["192.0.2.1/24"]


def test_routes_come_back_when_all_addresses_are_back() -> None:
    route = {"dst": "203.0.113.0/24", "gateway": "192.0.2.254", "prefsrc": "198.51.100.7"}
    nic = {**NIC, "addresses": ["192.0.2.1/24", "198.51.100.7/30"], "routes": [route]}
    undos = [step.undo.args for step in plan({"eth1": nic}, [{"name": "eth1", "addresses": []}]) if step.undo]
    assert [(undo["address"], undo["routes"]) for undo in reversed(undos)] == [
        ("192.0.2.1/24", []),
        ("198.51.100.7/30", [route]),
    ]


def test_routes_come_back_with_their_address() -> None:
    route = {"dst": "203.0.113.0/24", "gateway": "192.0.2.254"}
    nic = {**NIC, "addresses": ["192.0.2.1/24"], "routes": [route]}
    (step,) = plan({"eth1": nic}, [{"name": "eth1", "addresses": []}])
    assert step.undo is not None
    assert step.undo.args == {"name": "eth1", "address": "192.0.2.1/24", "routes": [route]}


def test_an_address_stays_whose_loss_would_tear_a_route_of_several_ways() -> None:
    nic = {**NIC, "addresses": ["192.0.2.1/24"], "multipath": ["10.0.0.0/8 (table main)"]}
    told = (
        r"eth1 is one of several ways of the route 10\.0\.0\.0/8 \(table main\), which would be torn or lost"
    )
    with pytest.raises(Refusal, match=told):
        plan({"eth1": nic}, [{"name": "eth1", "addresses": []}])


@given(st.lists(st.sampled_from(ADDRESSES), unique=True))
def test_a_route_of_several_ways_hinders_no_change_that_leaves_the_addresses(addresses: list[str]) -> None:
    nic = {**NIC, "addresses": addresses, "multipath": ["10.0.0.0/8 (table main)"]}
    for wanted in ({"mtu": 9000}, {"addresses": [*addresses, "203.0.113.9/24"]}):
        if len({network(address) for address in addresses}) == len(addresses):
            assert plan({"eth1": nic}, [{"name": "eth1", **wanted}])
