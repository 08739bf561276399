# SPDX-License-Identifier: Apache-2.0
"""What is left on a board: ours without an excuse, somebody else's explained."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils import residue

LINK = {
    "alias": "", "mac": "02:00:00:00:00:01", "mtu": 1500, "master": "", "up": True, "promiscuous": False, "xdp": False,
    "addresses": [],
}  # fmt: skip
BEFORE: dict[str, Any] = {
    "links": {"eth1": LINK}, "mounts": ["/", "/run"], "pins": [], "namespaces": [], "programs": [], "files": [],
    "devices": {}, "routes": ["unicast 203.0.113.0/24 via 192.0.2.254 dev eth1 table 101 proto boot scope global"],
}  # fmt: skip


NO_LINK = "blackhole 198.51.100.0/24 table main proto static scope global"
DAEMONS = "unicast 198.51.100.0/24 via 192.0.2.9 dev eth1 table main proto bird scope global"


def changed(**kinds: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BEFORE), **kinds}


def test_nothing_is_left_of_nothing() -> None:
    assert residue.compare(BEFORE, copy.deepcopy(BEFORE)) == []


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (changed(links={"eth1": {**LINK, "mtu": 9000}}), "mtu of link eth1 was 1500 and is 9000"),
        (
            changed(links={"eth1": {**LINK, "addresses": ["192.0.2.1/24"]}}),
            "addresses of link eth1 was none and is 192.0.2.1/24",
        ),
        (
            changed(links={"eth1": LINK, "nlbr0": {**LINK, "alias": "netlab-testbed"}}),
            "link nlbr0 is new",
        ),
        (changed(routes=[]), f"route {BEFORE['routes'][0]} is gone"),
        (
            changed(routes=[*BEFORE["routes"], "unicast default dev eth1 table main proto boot scope link"]),
            "route unicast default dev eth1 table main proto boot scope link is new",
        ),
        (changed(programs=["netserver"]), "program netserver is new"),
        (changed(files=["/run/netlab-testbed/log/x"]), "file /run/netlab-testbed/log/x is new"),
        (changed(pins=["/sys/fs/bpf/netlab-testbed/x"]), "pin /sys/fs/bpf/netlab-testbed/x is new"),
    ],
)
def test_what_is_ours_has_no_excuse(now: dict[str, Any], what: str) -> None:
    assert residue.compare(BEFORE, now) == [{"what": what, "why": ""}]


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (changed(links={"eth1": LINK, "docker0": LINK}), "link docker0 is new"),
        (changed(links={}), "link eth1 is gone"),
        (changed(routes=[*BEFORE["routes"], NO_LINK]), f"route {NO_LINK} is new"),
        (changed(routes=[*BEFORE["routes"], DAEMONS]), f"route {DAEMONS} is new"),
        (changed(mounts=["/", "/run", "/mnt"]), "mount /mnt is new"),
        (changed(pins=["/sys/fs/bpf/cilium"]), "pin /sys/fs/bpf/cilium is new"),
    ],
)
def test_what_others_did_is_told_and_explained(now: dict[str, Any], what: str) -> None:
    (left,) = residue.compare(BEFORE, now)
    assert left["what"] == what
    assert left["why"]


def test_a_route_that_went_with_its_link_is_explained() -> None:
    link, route = residue.compare(BEFORE, changed(links={}, routes=[]))
    assert (link["what"], route["what"]) == ("link eth1 is gone", f"route {BEFORE['routes'][0]} is gone")
    assert route["why"] == "its link is gone"


def test_a_route_of_somebody_elses_new_link_is_explained() -> None:
    line = "unicast 172.16.0.0/12 dev docker0 table main proto boot scope link"
    now = changed(links={"eth1": LINK, "docker0": LINK}, routes=[*BEFORE["routes"], line])
    assert all(left["why"] for left in residue.compare(BEFORE, now))


def test_a_route_that_is_on_no_link_is_removed_by_no_deploy() -> None:
    (left,) = residue.compare(changed(routes=[*BEFORE["routes"], NO_LINK]), BEFORE)
    assert left == {"what": f"route {NO_LINK} is gone", "why": "no deploy removes a route that is on no link"}


def test_a_record_of_an_earlier_version_has_no_routes() -> None:
    before = {key: value for key, value in BEFORE.items() if key != "routes"}
    assert residue.compare(before, BEFORE) == []


@pytest.mark.parametrize(
    "line",
    [
        "unicast 192.0.2.0/24 dev eth1 table main proto kernel scope link src 192.0.2.1 ",
        "broadcast 192.0.2.255 dev eth1 table local proto kernel scope link src 192.0.2.1 ",
        "local 192.0.2.7 dev lo table local proto static scope host ",
        "\tnh_info id 5 via 192.0.2.253 dev eth1 scope link proto unspec ",
        "",
    ],
)
def test_routes_that_the_kernel_makes_are_left_out(line: str) -> None:
    assert residue.route(line) == ""


@given(st.lists(st.sampled_from(sorted(residue.VOLATILE))))
def test_a_route_is_the_same_whatever_its_carrier(flags: list[str]) -> None:
    line = (
        "unicast 10.0.0.0/8 table main proto boot scope global \\\tnexthop via 192.0.2.254 dev eth1 weight 1"
    )
    assert residue.route(f"{line} {' '.join(flags)} ") == residue.route(line) == line.replace(" \\\t", " ")


def test_a_look_is_the_same_twice() -> None:
    assert set(residue.look()) == set(BEFORE)
