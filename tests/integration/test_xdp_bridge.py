# SPDX-License-Identifier: Apache-2.0
"""The XDP bridge with real interfaces, the real compiler and the kernel's verifier."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, Step, run_steps
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import bpf as xdp_bpf
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import compile as xdp_compile
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import counters as xdp_counters
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import features as xdp_features
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import maps as xdp_maps
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import state as xdp_state
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.features import Features
from ansible_collections.netlab.testbed.plugins.modules import xdp_program
from tests.integration.xdp_lab import (
    ADDRESSES,
    BROADCAST,
    TAP_PORT,
    UPLINK,
    VETH_PORT,
    Lab,
    Station,
    heard,
    ip_json,
    lab,
    listen,
    mac_of,
    prepare_end,
    run,
    send_frame,
)

pytestmark = [pytest.mark.root, pytest.mark.needs("clang", "bpftool", "ip", "ethtool")]

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "roles/datapath_xdp/files/xdp_bridge.bpf.c").read_text(encoding="utf-8")
PORTS = (UPLINK, VETH_PORT, TAP_PORT)
ARRIVES_S, SILENT_S = 2.0, 0.05
STRANGER, NOBODY = "02:00:00:00:00:aa", "02:00:00:00:00:bb"

_tokens = itertools.count()


def token() -> bytes:
    """A content that no other frame has."""
    return f"netlab-xdp-test-{os.getpid()}-{next(_tokens)}".encode()


def parameters(**changes: Any) -> dict[str, Any]:
    roles = {name: "uplink" if name == UPLINK else "guest" for name in PORTS}
    ports = [{"name": name, "role": role} for name, role in roles.items()]
    return {
        "state": "present", "source": SOURCE, "mode": "native", "ageing_time": 300, "ports": ports,
        "board_addresses": None, **changes,
    }  # fmt: skip


def apply(params: dict[str, Any], ledger: Path) -> list[str]:
    """What the module does, in its own words."""
    steps = xdp_program.steps_for(params)
    run_steps(steps, Ledger("topology", ledger))
    return [step.says() for step in steps]


def planned(params: dict[str, Any]) -> list[str]:
    return [step.says() for step in xdp_program.steps_for(params)]


def rollback(ledger: Path) -> tuple[list[str], list[str]]:
    return Ledger("topology", ledger).rollback()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Compiled once for all tests, away from the machine's own cache."""
    if not Path("/sys/kernel/btf/vmlinux").exists():
        pytest.skip("this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)")
    folder = tmp_path_factory.mktemp("xdp-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xdp_compile, "CACHE", folder)
        yield folder


@pytest.fixture
def bare(cache: Path) -> Iterator[Lab]:
    """The lab without an XDP bridge."""
    with lab() as built:
        yield built


@pytest.fixture
def bridged(bare: Lab, tmp_path: Path) -> Lab:
    """The lab with the board's three interfaces on an XDP bridge."""
    bare.board.call(apply, parameters(), tmp_path)
    return bare


def counters(board: Station) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = board.call(xdp_counters.read_counters)
    return counted


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def where(board: Station, mac: str) -> str | None:
    return {entry["mac"]: entry["port"] for entry in board.call(xdp_counters.read_stations)}.get(mac)


# -- traffic ---------------------------------------------------------------------------------------------


def test_tcp_goes_both_ways_between_all_stations_in_native_mode(bridged: Lab) -> None:
    """And every frame of it through the program: the kernel has no other path between these ports."""
    result = bridged.board.call(xdp_program.result_of, parameters())
    assert result["mode"] == "native"
    assert {port["name"]: port["mode"] for port in result["ports"]} == dict.fromkeys(PORTS, "native")

    peer, guest1, guest2 = bridged.peer, bridged.guest1, bridged.guest2
    assert bridged.tcp(peer, guest1, ADDRESSES["guest1"])
    assert bridged.tcp(guest1, peer, ADDRESSES["peer"])
    assert bridged.tcp(peer, guest2, ADDRESSES["guest2"])
    assert bridged.tcp(guest2, peer, ADDRESSES["peer"])
    assert bridged.tcp(guest1, guest2, ADDRESSES["guest2"])

    counted = counters(bridged.board)
    for name in PORTS:
        port = counted[name]
        assert port["rx_frames"] == sum(port[key] for key in ("redirected", "flooded", "passed", "dropped"))
        assert port["redirected"] > 100
        assert port["dropped"] == 0
        assert port["tx_bytes"] > 3 * 300_000
        assert bridged.board.call(xdp_counters.read_port, name)["tx_bytes"] >= port["tx_bytes"]
    assert [where(bridged.board, mac) for mac in bridged.macs] == list(PORTS)


def test_the_board_keeps_its_own_address_on_the_uplink(bridged: Lab) -> None:
    """ARP for it and TCP to it pass up; its guests' traffic does not."""
    assert bridged.tcp(bridged.peer, bridged.board, ADDRESSES["board"])
    assert bridged.tcp(bridged.board, bridged.peer, ADDRESSES["peer"])
    port = counters(bridged.board)[UPLINK]
    assert port["passed"] == port["rx_frames"] > 10
    assert bridged.tcp(bridged.peer, bridged.guest1, ADDRESSES["guest1"])
    assert counters(bridged.board)[UPLINK]["redirected"] > 10


def test_tcp_in_generic_mode(bare: Lab, tmp_path: Path) -> None:
    params = parameters(mode="generic")
    bare.board.call(apply, params, tmp_path)
    assert bare.board.call(xdp_program.result_of, params)["mode"] == "generic"
    assert bare.tcp(bare.peer, bare.guest1, ADDRESSES["guest1"])
    assert bare.tcp(bare.guest2, bare.peer, ADDRESSES["peer"])
    assert counters(bare.board)[VETH_PORT]["tx_frames"] > 10

    steps = bare.board.call(apply, parameters(), tmp_path)
    assert len(steps) == 2 * len(PORTS)  # another mode: each port is detached and attached
    assert bare.board.call(xdp_program.result_of, parameters())["mode"] == "native"


# -- forwarding ------------------------------------------------------------------------------------------


def test_unknown_unicast_is_flooded_to_all_but_its_own_port_and_known_unicast_is_not(bridged: Lab) -> None:
    peer, guest1, guest2 = bridged.peer, bridged.guest1, bridged.guest2
    for station in (peer, guest1, guest2):
        station.call(listen, "eth0")
    before = counters(bridged.board)

    unknown = token()
    peer.call(send_frame, "eth0", NOBODY, STRANGER, unknown)
    assert guest1.call(heard, "eth0", unknown, ARRIVES_S)
    assert guest2.call(heard, "eth0", unknown, ARRIVES_S)
    assert not peer.call(heard, "eth0", unknown, SILENT_S)
    assert where(bridged.board, STRANGER) == UPLINK

    known = token()
    guest1.call(send_frame, "eth0", STRANGER, NOBODY, known)
    assert peer.call(heard, "eth0", known, ARRIVES_S)
    assert not guest2.call(heard, "eth0", known, SILENT_S)

    after = counters(bridged.board)
    frame = 60
    assert difference(before[UPLINK], after[UPLINK]) == {
        "rx_frames": 1, "rx_bytes": frame, "flooded": 1, "tx_frames": 1, "tx_bytes": frame,
    }  # fmt: skip
    assert difference(before[VETH_PORT], after[VETH_PORT]) == {
        "rx_frames": 1, "rx_bytes": frame, "redirected": 1, "tx_frames": 1, "tx_bytes": frame,
    }  # fmt: skip
    assert difference(before[TAP_PORT], after[TAP_PORT]) == {"tx_frames": 1, "tx_bytes": frame}


@pytest.mark.parametrize("group", [BROADCAST, "33:33:00:00:00:01", "01:00:5e:00:00:fb"])
def test_group_frames_are_flooded(bridged: Lab, group: str) -> None:
    for station in (bridged.peer, bridged.guest2):
        station.call(listen, "eth0")
    content = token()
    bridged.guest1.call(send_frame, "eth0", group, STRANGER, content)
    assert bridged.peer.call(heard, "eth0", content, ARRIVES_S)
    assert bridged.guest2.call(heard, "eth0", content, ARRIVES_S)


def test_a_station_that_moves_is_found_at_its_new_port(bridged: Lab) -> None:
    bridged.peer.call(listen, "eth0")
    for station, port in ((bridged.guest1, VETH_PORT), (bridged.guest2, TAP_PORT)):
        content = token()
        station.call(send_frame, "eth0", BROADCAST, STRANGER, content)
        assert bridged.peer.call(heard, "eth0", content, ARRIVES_S)
        assert where(bridged.board, STRANGER) == port


def _age(mac: str, seconds: float) -> None:
    """Make the bridge believe that it heard the station last so long ago."""
    (name,) = xdp_state.loaded_objects()
    with xdp_bpf.Map.open(xdp_maps.pins(name) / "fdb") as fdb:
        station = bytearray(fdb.get(xdp_maps.pack_mac(mac)) or b"")
        then = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - int(seconds * xdp_maps.NANOSECONDS)
        station[8:] = then.to_bytes(8, "little")
        fdb.put(xdp_maps.pack_mac(mac), bytes(station))


def test_a_silent_station_is_forgotten_after_the_ageing_time_and_not_before(
    bridged: Lab, tmp_path: Path
) -> None:
    assert bridged.board.call(apply, parameters(ageing_time=10), tmp_path) != []
    bridged.guest1.call(listen, "eth0")
    bridged.guest2.call(listen, "eth0")
    bridged.guest1.call(send_frame, "eth0", NOBODY, STRANGER, token())
    for silent_s, floods in ((9.0, False), (11.0, True)):
        bridged.board.call(_age, STRANGER, silent_s)
        assert (where(bridged.board, STRANGER) is None) == floods
        content = token()
        bridged.peer.call(send_frame, "eth0", STRANGER, NOBODY, content)
        assert bridged.guest1.call(heard, "eth0", content, ARRIVES_S)
        assert bridged.guest2.call(heard, "eth0", content, ARRIVES_S if floods else SILENT_S) == floods


@pytest.mark.parametrize(
    ("destination", "source"),
    [
        pytest.param(BROADCAST, "03:00:00:00:00:01", id="group source"),
        pytest.param(BROADCAST, "00:00:00:00:00:00", id="empty source"),
        pytest.param("01:80:c2:00:00:0e", STRANGER, id="link-local control from a guest"),
        pytest.param(STRANGER, STRANGER, id="hairpin"),
    ],
)
def test_dropped(bridged: Lab, destination: str, source: str) -> None:
    bridged.peer.call(listen, "eth0")
    before = counters(bridged.board)[VETH_PORT]
    bad, good = token(), token()
    bridged.guest1.call(send_frame, "eth0", destination, source, bad)
    bridged.guest1.call(send_frame, "eth0", BROADCAST, NOBODY, good)
    assert bridged.peer.call(heard, "eth0", good, ARRIVES_S)  # frames keep their order: the bad one is over
    bridged.peer.call(listen, "eth0")
    change = difference(before, counters(bridged.board)[VETH_PORT])
    assert (change["dropped"], change["flooded"], change["rx_frames"]) == (1, 1, 2)
    assert where(bridged.board, "03:00:00:00:00:01") is None


def test_what_the_uplink_gives_to_the_board_alone(bare: Lab, tmp_path: Path) -> None:
    board, guest1 = bare.board, bare.guest1
    board.call(run, "sysctl", "-qw", f"net.ipv6.conf.{UPLINK}.disable_ipv6=0")
    board.call(run, "ip", "address", "add", "2001:db8::1:2345/64", "dev", UPLINK, "nodad")
    board.call(apply, parameters(), tmp_path)
    guest1.call(listen, "eth0")
    for destination in (board.call(mac_of, UPLINK), "33:33:ff:01:23:45", "01:80:c2:00:00:0e"):
        before = counters(board)[UPLINK]
        own, other = token(), token()
        bare.peer.call(send_frame, "eth0", destination, STRANGER, own)
        bare.peer.call(send_frame, "eth0", "33:33:ff:00:00:99", STRANGER, other)
        assert guest1.call(heard, "eth0", other, ARRIVES_S)
        change = difference(before, counters(board)[UPLINK])
        assert (change["passed"], change["flooded"]) == (1, 1), destination
    assert planned_on(bare) == []


# -- state -----------------------------------------------------------------------------------------------


def planned_on(built: Lab, **changes: Any) -> list[str]:
    steps: list[str] = built.board.call(planned, parameters(**changes))
    return steps


def test_a_second_run_changes_nothing_and_the_object_is_compiled_once(
    bare: Lab, cache: Path, tmp_path: Path
) -> None:
    assert any(step.startswith("mount") for step in bare.board.call(apply, parameters(), tmp_path))
    assert planned_on(bare) == []
    assert [path.suffix for path in sorted(cache.iterdir())] == [".c", ".o"]
    with lab() as another:
        assert not any(step.startswith("compile") for step in planned_on(another))


def test_planning_changes_nothing(bare: Lab) -> None:
    """Also with ports that are still to be made, as in check mode on an empty lab."""
    ports = [{"name": UPLINK, "role": "uplink"}, {"name": "nltap9", "role": "guest"}]
    steps = planned_on(bare, ports=ports)
    assert steps[-1] == "make nltap9 a port of the XDP bridge: guest, native mode"
    assert bare.board.call(_pins) == []


def test_a_port_leaves_joins_and_is_made_anew(bridged: Lab, tmp_path: Path) -> None:
    board = bridged.board
    bridged.guest1.call(send_frame, "eth0", BROADCAST, STRANGER, token())
    fewer = parameters(ports=[port for port in parameters()["ports"] if port["name"] != VETH_PORT])
    assert board.call(apply, fewer, tmp_path) == [f"take {VETH_PORT} out of the XDP bridge"]
    assert board.call(planned, fewer) == []
    assert where(board, STRANGER) is None
    assert VETH_PORT not in counters(board)
    with pytest.raises(BoardError, match="not a port"):
        board.call(xdp_counters.read_port, VETH_PORT)
    assert "xdp" not in board.call(ip_json, "link", "show", "dev", VETH_PORT)[0]
    assert board.call(apply, parameters(), tmp_path) != []
    assert bridged.tcp(bridged.peer, bridged.guest1, ADDRESSES["guest1"])

    board.call(run, "ip", "link", "delete", VETH_PORT)
    board.call(
        run, "ip", "link", "add", VETH_PORT, "up", "type", "veth", "peer", "name", "eth0", "netns",
        str(bridged.guest1.pid),
    )  # fmt: skip
    assert planned_on(bridged) == [f"make {VETH_PORT} a port of the XDP bridge: guest, native mode"]
    bridged.guest1.call(prepare_end, "eth0", ADDRESSES["guest1"])
    board.call(apply, parameters(), tmp_path)
    assert planned_on(bridged) == []
    assert sorted(counters(board)) == sorted(PORTS)
    bridged.peer.call(run, "ip", "neighbour", "flush", "dev", "eth0")  # the guest has a new MAC
    assert bridged.tcp(bridged.peer, bridged.guest1, ADDRESSES["guest1"])


def test_another_source_takes_the_place_of_the_first(bridged: Lab, tmp_path: Path) -> None:
    changed = parameters(source=SOURCE + "\n/* another */\n")
    assert bridged.board.call(apply, changed, tmp_path) != []
    assert bridged.board.call(planned, changed) == []
    assert len(bridged.board.call(xdp_state.loaded_objects)) == 1
    assert bridged.tcp(bridged.peer, bridged.guest1, ADDRESSES["guest1"])


def _pins() -> list[str]:
    """What is at the top of the BPF file system, but for the two files that the kernel puts there itself."""
    return sorted({path.name for path in xdp_maps.BPFFS.iterdir()} - {"maps.debug", "progs.debug"})


def _xdp_on_links() -> list[str]:
    return [link["ifname"] for link in ip_json("link", "show") if link and "xdp" in link]


@pytest.mark.parametrize("way", ["ledger", "absent"])
def test_nothing_is_left(bridged: Lab, tmp_path: Path, way: str) -> None:
    board = bridged.board
    assert board.call(_xdp_on_links) != []
    if way == "absent":
        board.call(apply, parameters(state="absent"), tmp_path)
        assert board.call(planned, parameters(state="absent")) == []
    undone, failed = board.call(rollback, tmp_path)
    assert failed == []
    assert undone
    assert board.call(_xdp_on_links) == []
    assert board.call(_pins) == []
    assert not board.call(xdp_bpf.is_bpffs, xdp_maps.BPFFS)


def test_every_undo_may_run_although_nothing_was_done(bare: Lab) -> None:
    steps = bare.board.call(xdp_program.steps_for, parameters())
    for step in reversed(steps):
        if step.undo:
            bare.board.call(Step.run, step.undo)
    assert bare.board.call(_pins) == []


def _cut_a_load_off() -> None:
    name = xdp_compile.object_hash(SOURCE)
    partial = xdp_maps.PINS / f"{name}_partial"
    run("mount", "-t", "bpf", "bpf", str(xdp_maps.BPFFS))
    partial.parent.mkdir(parents=True)
    xdp_compile.compile_source(SOURCE, name)
    run("bpftool", "prog", "loadall", str(xdp_compile.object_path(name)), str(partial))


def test_a_load_that_was_cut_off_is_cleared(bare: Lab, tmp_path: Path) -> None:
    bare.board.call(_cut_a_load_off)
    bare.board.call(apply, parameters(), tmp_path)
    assert planned_on(bare) == []
    bare.board.call(rollback, tmp_path)
    assert bare.board.call(_pins) == []


# -- what is refused -------------------------------------------------------------------------------------


def _attach_foreign(name: str) -> None:
    foreign = xdp_maps.BPFFS / "foreign"
    run("mount", "-t", "bpf", "bpf", str(xdp_maps.BPFFS))
    xdp_compile.compile_source(SOURCE, "foreign")
    run("bpftool", "prog", "loadall", str(xdp_compile.object_path("foreign")), str(foreign))
    run("ip", "link", "set", "dev", name, "xdpdrv", "pinned", str(foreign / "xdp_bridge"))


def _xdp_of(name: str) -> Any:
    return ip_json("link", "show", "dev", name)[0].get("xdp")


def test_somebody_elses_program_is_never_replaced(bare: Lab, tmp_path: Path) -> None:
    bare.board.call(_attach_foreign, VETH_PORT)
    foreign = bare.board.call(_xdp_of, VETH_PORT)
    assert foreign["mode"] == 1
    with pytest.raises(Refusal, match=f"{VETH_PORT} has an XDP program already"):
        bare.board.call(planned, parameters())
    assert bare.board.call(_pins) == ["foreign"]

    # Nor when it came between the plan and the deed.
    bare.board.call(apply, parameters(ports=[{"name": UPLINK, "role": "uplink"}]), tmp_path)
    loaded = {"object_hash": xdp_compile.object_hash(SOURCE)}
    for mode in ("native", "generic"):
        step = Step("xdp.attach", {**loaded, "name": VETH_PORT, "role": "guest", "mode": mode})
        with pytest.raises(Refusal, match="another XDP program"):
            bare.board.call(step.run)
    assert bare.board.call(_xdp_of, VETH_PORT) == foreign
    assert sorted(counters(bare.board)) == [UPLINK]

    # What others have pinned keeps its file system.
    bare.board.call(rollback, tmp_path)
    assert bare.board.call(_pins) == ["foreign"]


def test_nobody_can_replace_ours(bridged: Lab) -> None:
    with pytest.raises(AssertionError, match=r"(?i)busy|can't replace"):
        bridged.board.call(run, "ip", "-force", "link", "set", "dev", UPLINK, "xdpdrv", "off")


def _read_features(name: str) -> Features | None:
    return xdp_features.read_features(socket.if_nametoindex(name))


def features_of(built: Lab, name: str) -> Features:
    found: Features | None = built.board.call(_read_features, name)
    if found is None:
        pytest.skip("this kernel does not tell a driver's XDP features (before 6.3)")
    return found


def test_features_are_the_drivers(bare: Lab) -> None:
    assert features_of(bare, "lo") == Features(native=False, takes_redirects=False)
    assert features_of(bare, TAP_PORT) == Features(native=True, takes_redirects=True)


def test_a_driver_without_native_mode_is_refused_and_not_replaced_by_generic(
    bare: Lab, tmp_path: Path
) -> None:
    params = parameters(ports=[{"name": "lo", "role": "guest"}])
    with pytest.raises(Refusal, match=r"lo cannot be a port .* no native XDP.*datapath_xdp_mode: generic"):
        bare.board.call(apply, params, tmp_path)
    assert bare.board.call(_xdp_of, "lo") is None
    assert counters(bare.board) == {}


def test_a_port_that_takes_no_redirected_frames_is_refused(bare: Lab, tmp_path: Path) -> None:
    """Where it were not, that guest would send and never receive."""
    assert features_of(bare, VETH_PORT) == Features(native=True, takes_redirects=True)
    bare.guest1.call(run, "ethtool", "-K", "eth0", "gro", "off")
    with pytest.raises(Refusal, match=f"{VETH_PORT} cannot be a port .* GRO"):
        bare.board.call(apply, parameters(), tmp_path)
    assert sorted(counters(bare.board)) == [UPLINK]


def test_an_mtu_that_native_mode_cannot_carry_is_refused_with_the_reason(bare: Lab, tmp_path: Path) -> None:
    bare.peer.call(run, "ip", "link", "set", "eth0", "mtu", "9000")
    with pytest.raises(Refusal, match="MTU"):
        bare.board.call(apply, parameters(), tmp_path)


def test_an_interface_that_is_not_there_is_an_error(bare: Lab, tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="there is no interface nltap9"):
        bare.board.call(apply, parameters(ports=[{"name": "nltap9", "role": "guest"}]), tmp_path)


def test_the_boards_addresses_may_be_told_before_the_uplink_has_them(bare: Lab) -> None:
    """As in check mode on an empty lab."""
    given = planned_on(bare, board_addresses=["198.51.100.7/24"])
    assert any("ARP for ['198.51.100.7']" in step for step in given)
    assert any(f"ARP for ['{ADDRESSES['board']}']" in step for step in planned_on(bare))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ageing_time": 0}, "ageing_time: 0"),
        ({"ports": [{"name": UPLINK, "role": "uplink"}, {"name": UPLINK, "role": "guest"}]}, "named twice"),
    ],
)
def test_bad_parameters(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BoardError, match=message):
        xdp_program.steps_for(parameters(**changes))


def test_a_source_that_does_not_compile_says_where(bare: Lab, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"clang cannot compile .*error: .*nonsense"):
        bare.board.call(apply, parameters(source="nonsense"), tmp_path)
    assert not list(cache.glob("partial-*"))


def test_a_program_that_the_verifier_refuses_is_an_error_and_leaves_nothing(
    bare: Lab, tmp_path: Path
) -> None:
    unchecked = SOURCE.replace("if ((const void *)(eth + 1) > end)", "if (0)")
    assert unchecked != SOURCE
    with pytest.raises(BoardError, match="bpftool prog loadall"):
        bare.board.call(apply, parameters(source=unchecked), tmp_path)
    bare.board.call(rollback, tmp_path)
    assert bare.board.call(_pins) == []
