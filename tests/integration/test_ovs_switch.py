# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch with real daemons, on boards of namespaces: build, prove, break, undo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import board_facts, path_proof
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import counters as ovs_counters
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import state as ovs_state
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal
from tests.integration import ovs_lab
from tests.integration.ovs_lab import BOARD, GUEST_PORT, MAC, PEER, TAP, UPLINK, Board, bridge

pytestmark = [
    pytest.mark.root,
    pytest.mark.needs("ovs-vswitchd", "ovsdb-server", "tini", "nsenter", "ethtool", "netperf", "netserver"),
]

UDP_PORT = 5555


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Board, Board, Board]]:
    with ovs_lab.boards() as boards:
        yield boards


@pytest.fixture
def dut(lab: tuple[Board, Board, Board]) -> Iterator[Board]:
    """A board with nothing on it, before and after."""
    board = lab[0]
    before = board.call(ovs_lab.snapshot)
    yield board
    assert board.call(ovs_lab.rollback)[1] == []
    assert board.call(ovs_lab.snapshot) == before


@pytest.fixture
def switch(dut: Board) -> Board:
    dut.call(ovs_lab.deploy)
    return dut


@pytest.fixture
def peer(lab: tuple[Board, Board, Board]) -> Board:
    return lab[1]


@pytest.fixture
def guest(lab: tuple[Board, Board, Board]) -> Board:
    return lab[2]


def test_a_check_on_an_empty_board_says_all_and_does_nothing(dut: Board) -> None:
    before = dut.call(ovs_lab.snapshot)
    assert dut.call(ovs_lab.planned) == [
        "add Open vSwitch bridge nlovs0: netdev, standalone",
        *(f"set {port} promiscuous=yes" for port in (UPLINK, GUEST_PORT, TAP)),
        f"set the reverse path filter (rp_filter) of {UPLINK}=1 {GUEST_PORT}=1 {TAP}=1",
        f"add ports to Open vSwitch bridge nlovs0: ['{UPLINK}', '{GUEST_PORT}', '{TAP}']",
        f"count what {UPLINK} brings to Open vSwitch bridge nlovs0",
        "set nlovs0 up=yes",
        f"add {BOARD}/24 to nlovs0",
    ]
    assert dut.call(ovs_lab.snapshot) == before


def test_what_is_built_is_in_force_and_a_second_run_changes_nothing(switch: Board) -> None:
    running = switch.call(ovs_state.in_force)
    assert running["nlovs0"]["datapath_type"] == "netdev"
    ports = {port["name"] for port in running["nlovs0"]["ports"].values()}
    assert ports == {"nlovs0", UPLINK, GUEST_PORT, TAP}
    assert switch.call(ovs_lab.deploy) == []


def test_tcp_goes_both_ways_and_is_counted_where_it_passes(switch: Board, guest: Board) -> None:
    places = (GUEST_PORT, UPLINK, "nlovs0")
    before = {place: switch.call(ovs_counters.read_port, place) for place in places}
    guest.call(ovs_lab.transfer, PEER)
    after = {place: switch.call(ovs_counters.read_port, place) for place in places}
    assert path_proof.unmoved(before, after) == []
    # and none of it passed the tap, to which nobody spoke
    assert path_proof.unmoved({TAP: {"rx_bytes": 0}}, {TAP: switch.call(ovs_counters.read_port, TAP)})


def test_only_the_flows_of_the_bridge_tell_what_was_forwarded(switch: Board, peer: Board) -> None:
    """The uplink's own counters move with any frame on the cable."""
    switch.call(ovs_client.ofctl, "add-flow", "nlovs0", f"priority=2,in_port={UPLINK},actions=drop")
    before = {place: switch.call(ovs_counters.read_port, place) for place in (UPLINK, "nlovs0")}
    peer.call(ovs_lab.run, "ip", "neighbour", "replace", BOARD, "lladdr", MAC, "dev", "eth1")
    peer.call(ovs_lab.send_udp, BOARD, UDP_PORT, 5)
    peer.call(ovs_lab.run, "ip", "neighbour", "delete", BOARD, "dev", "eth1")
    after = {place: switch.call(ovs_counters.read_port, place) for place in (UPLINK, "nlovs0")}
    assert after[UPLINK]["rx_bytes"] > before[UPLINK]["rx_bytes"]
    assert after["nlovs0"]["rx_bytes"] == before["nlovs0"]["rx_bytes"]


def test_stations_are_learned_behind_their_ports(switch: Board, guest: Board) -> None:
    guest.call(ovs_lab.transfer, PEER)
    learned = {station["port"] for station in switch.call(ovs_counters.read_stations, "nlovs0")}
    assert {UPLINK, GUEST_PORT} <= learned


def test_the_board_takes_each_frame_once(switch: Board, peer: Board) -> None:
    """A packet socket only listens in: without the reverse path filter the kernel takes each frame too."""
    switch.call(ovs_lab.open_udp, BOARD, UDP_PORT)
    peer.call(ovs_lab.send_udp, BOARD, UDP_PORT, 5)
    assert switch.call(ovs_lab.receive_udp, 4, 0.2) == [0, 1, 2, 3, 4]

    switch.call(ovs_lab.write, str(ovs_state.rp_filter(UPLINK)), "0")
    switch.call(ovs_lab.open_udp, BOARD, UDP_PORT)
    peer.call(ovs_lab.send_udp, BOARD, UDP_PORT, 5)
    assert sorted(switch.call(ovs_lab.receive_udp, 4, 0.2)) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert switch.call(ovs_lab.planned) == [f"set the reverse path filter (rp_filter) of {UPLINK}=1"]


def test_tcp_needs_checksums_that_the_sender_made(switch: Board, guest: Board) -> None:
    """Why the role turns transmit checksum offload off."""
    assert guest.call(ovs_lab.connects, PEER, 5.0)
    guest.call(ovs_lab.run, "ethtool", "-K", "eth1", "tx-checksum-ip-generic", "on")
    try:
        assert not guest.call(ovs_lab.connects, PEER, 0.5)
    finally:
        guest.call(ovs_lab.run, "ethtool", "-K", "eth1", "tx-checksum-ip-generic", "off")
    assert guest.call(ovs_lab.connects, PEER, 5.0)


def test_the_board_keeps_its_address_on_the_bridge(switch: Board, guest: Board) -> None:
    links = switch.call(ovs_lab.snapshot)["links"]
    assert links["nlovs0"]["addresses"] == [f"{BOARD}/24"]
    assert links["nlovs0"]["mac"] == MAC
    assert links[UPLINK]["addresses"] == []
    switch.call(ovs_lab.transfer, PEER)


def test_ports_come_and_go(switch: Board) -> None:
    fewer = bridge(ports=[UPLINK, TAP])
    out = f"take ports out of Open vSwitch bridge nlovs0: ['{GUEST_PORT}']"
    back = f"add ports to Open vSwitch bridge nlovs0: ['{GUEST_PORT}']"
    assert switch.call(ovs_lab.bridges, [fewer]) == [out]
    assert switch.call(ovs_lab.planned, fewer) == []
    assert back in switch.call(ovs_lab.bridges, [bridge()])


def test_bridges_come_and_go(switch: Board) -> None:
    other = bridge(name="nlovs1", ports=[], uplink=None, addresses=[], mac=None)
    switch.call(ovs_lab.bridges, [bridge(), other])
    assert switch.call(ovs_lab.planned, bridge(), other) == []
    assert switch.call(ovs_lab.bridges, [bridge()]) == ["delete Open vSwitch bridge nlovs1"]


def test_settings_are_changed_and_restored(switch: Board) -> None:
    changed = bridge(fail_mode="secure", mac="02:00:00:00:00:99")
    switch.call(ovs_lab.bridges, [changed])
    assert switch.call(ovs_lab.planned, changed) == []
    assert switch.call(ovs_lab.snapshot)["links"]["nlovs0"]["mac"] == "02:00:00:00:00:99"
    (undo,) = switch.call(ovs_lab.steps_of, "ovs.bridge_set")
    assert undo.args["settings"] == {"fail_mode": "standalone", "mac": MAC}


@pytest.mark.parametrize("dead", [("ovs-vswitchd",), ("ovsdb-server",), ("ovs-vswitchd", "ovsdb-server")])
def test_what_killed_daemons_leave_in_the_kernel_is_undone(switch: Board, dead: tuple[str, ...]) -> None:
    """ovs-vswitchd's taps are persistent: they outlive it. The fixture compares after the rollback."""
    switch.call(ovs_lab.kill, *dead)
    assert "nlovs0" in switch.call(ovs_lab.snapshot)["links"]


def test_a_killed_switch_is_mended_by_the_next_run(switch: Board, guest: Board) -> None:
    switch.call(ovs_lab.kill, "ovs-vswitchd")
    steps = switch.call(ovs_lab.deploy)
    assert steps[0] == "start ovs-vswitchd: ovs-vswitchd"
    assert f"count what {UPLINK} brings to Open vSwitch bridge nlovs0" in steps
    assert switch.call(ovs_lab.deploy) == []
    guest.call(ovs_lab.transfer, PEER)


def test_a_port_that_is_not_there_is_an_error_in_the_words_of_ovs(switch: Board) -> None:
    with pytest.raises(BoardError, match="nlnone0: could not open network device"):
        switch.call(ovs_lab.bridges, [bridge(ports=[UPLINK, "nlnone0"])])


def test_the_kernel_datapath_where_there_is_none_is_an_error(dut: Board) -> None:
    if board_facts.gather(None, {})["features"]["openvswitch"]["available"]:
        pytest.skip("this kernel has the module openvswitch")
    dut.call(ovs_lab.start)
    dut.call(ovs_lab.links)
    with pytest.raises(BoardError, match="Open vSwitch cannot set up bridge nlovs0"):
        dut.call(ovs_lab.bridges, [bridge(datapath_type="system")])


@pytest.mark.parametrize("device", ["ovs-netdev", "nlovs0"])
def test_somebody_elses_interface_is_left_as_it_is(dut: Board, device: str) -> None:
    dut.call(ovs_lab.run, "ip", "tuntap", "add", device, "mode", "tap")
    dut.call(ovs_lab.start)
    with pytest.raises(Refusal, match=device):
        dut.call(ovs_lab.bridges, [bridge()])
    dut.call(ovs_lab.rollback)
    assert device in dut.call(ovs_lab.snapshot)["links"]
    dut.call(ovs_lab.run, "ip", "link", "delete", device)


def test_somebody_elses_bridge_and_port_are_refused(switch: Board) -> None:
    switch.call(ovs_client.vsctl, "clear", "Port", TAP, "external_ids")
    with pytest.raises(Refusal, match=f"did not add, {TAP}: take it out first"):
        switch.call(ovs_lab.planned, bridge(ports=[UPLINK]))
    switch.call(ovs_client.vsctl, "clear", "Bridge", "nlovs0", "external_ids")
    with pytest.raises(Refusal, match="bridge nlovs0 is not this testbed's"):
        switch.call(ovs_lab.planned)
    _done, failed = switch.call(ovs_lab.rollback)
    assert any("bridge nlovs0 is not this testbed's: left as it is" in complaint for complaint in failed)
    # for the fixture's rollback, which then undoes all of it: what is refused stays in the ledger
    switch.call(ovs_lab.start)


def test_what_drifts_is_seen(switch: Board) -> None:
    before = switch.call(ovs_state.read)
    switch.call(ovs_lab.write, str(ovs_state.rp_filter(UPLINK)), "0")
    assert switch.call(ovs_state.read) != before
    switch.call(ovs_lab.kill, "ovs-vswitchd")
    assert switch.call(ovs_state.read) == {}
