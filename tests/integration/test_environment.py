# SPDX-License-Identifier: Apache-2.0
"""The environment of real boards, read by the play that netlab plays; and what a test does to them shows as drift."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from netlab.analysis import environment_keys as keys
from netlab.analysis.environment import changes, drift, stolen
from netlab.analysis.environment_places import flat
from netlab.play.interrupt import Interrupt
from netlab.play.runner import Play, run
from tests.integration.module_run import run_module

pytestmark = [
    pytest.mark.root,
    pytest.mark.needs("unshare", "tini", "nsenter", "ip", "tc", "ethtool"),
    pytest.mark.timeout(180),
]

ROOT = Path(__file__).resolve().parents[2]
DUT, PEER, NIC = "envtestdut", "envtestpeer", "eth1"
INVENTORY = f"""\
all:
  hosts:
    localhost: {{ansible_connection: local, ansible_python_interpreter: /usr/bin/python3}}
  children:
    local_boards:
      hosts: {{{DUT}: , {PEER}: }}
      vars:
        ansible_connection: netlab.testbed.local_board
        ansible_python_interpreter: /usr/bin/python3
        local_board_cables: [{{{DUT}: {NIC}, {PEER}: {NIC}}}]
        board_package_host: localhost
        board_nic: {NIC}
    duts: {{hosts: {{{DUT}: {{board_address: 192.168.20.2/24}}}}}}
    peers: {{hosts: {{{PEER}: {{board_address: 192.168.20.1/24}}}}}}
"""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("environment") / "hosts.yml"
    path.write_text(INVENTORY, encoding="utf-8")
    return path


@pytest.fixture
def wired() -> Iterator[None]:
    """Two boards and a cable; nothing else."""
    for name in (DUT, PEER):
        local_board.stop(name)
    for name in (DUT, PEER):
        local_board.start(name)
    local_board.wire(DUT, NIC, PEER, NIC)
    yield
    for name in (DUT, PEER):
        local_board.stop(name)


def reports(inventory: Path, **variables: Any) -> dict[str, Any]:
    with Interrupt() as interrupt:
        outcome = run(Play("environment", str(inventory), variables), [], interrupt)
    assert outcome.error() is None, outcome.log_text
    return dict(outcome.reports)


def environments(inventory: Path) -> dict[str, Any]:
    return {board: report["environment"] for board, report in reports(inventory).items()}


def on(board: str, *argv: str) -> str:
    return local_board.run_in_board(board, list(argv))


def module(board: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    pid = local_board.board_pid(board)
    return run_module(name, arguments, within=["nsenter", "-t", str(pid), "-a", "--"])


def test_boards_that_are_not_up_tell_nothing_and_are_no_error(inventory: Path) -> None:
    for name in (DUT, PEER):
        local_board.stop(name)
    assert reports(inventory, testbed_quiet=True) == {}


def test_it_is_what_other_programs_see(wired: None, inventory: Path) -> None:
    told = reports(inventory)
    assert set(told) == {DUT, PEER}
    assert "quiet" not in told[DUT], "it was not asked for"
    seen = told[DUT]["environment"]
    nic = seen["links"][NIC]
    (link,) = json.loads(on(DUT, "ip", "-json", "-details", "link", "show", "dev", NIC))
    assert (nic["mtu"], nic["transmit_queue_packets"]) == (link["mtu"], link["txqlen"])
    assert nic["qdiscs"]["root"] == link["qdisc"]
    assert nic["driver"] == "veth"
    assert seen["kernel"]["release"] == os.uname().release
    assert seen["cpu"]["count"] == os.cpu_count()
    assert (
        seen["sysctl"]["net.ipv4.tcp_congestion_control"]
        == on(DUT, "sysctl", "-n", "net.ipv4.tcp_congestion_control").strip()
    )
    assert seen["deployment"]["topology"] is None
    assert seen["guests"] == {}
    (features,) = json.loads(on(DUT, "ethtool", "--json", "-k", NIC))
    by_ethtool = {
        name: state["active"]
        for name, state in features.items()
        if name != "ifname" and (state["active"] or not state["fixed"]) and name in nic["offloads"]
    }
    assert len(by_ethtool) > 15
    assert {name: nic["offloads"][name] for name in by_ethtool} == by_ethtool
    # what ethtool 6.1 does not show by itself are sums of others
    groups = {"tx-checksumming", "scatter-gather", "tcp-segmentation-offload"}
    changeable = {name for name, state in features.items() if name != "ifname" and not state["fixed"]}
    assert changeable - groups - set(nic["offloads"]) == set()


def test_every_value_has_words_and_every_gap_a_reason(wired: None, inventory: Path) -> None:
    for seen in environments(inventory).values():
        assert [place for place in flat(seen) if keys.known(place) is None] == []

        def gaps(value: Any, place: tuple[str, ...]) -> Iterator[str]:
            if isinstance(value, dict):
                for key, item in value.items():
                    yield from gaps(item, (*place, key))
            elif value is None:
                yield "/".join(place)

        configuration = {key: value for key, value in seen.items() if key not in ("absent", "changing")}
        unexplained = set(gaps(configuration, ())) - set(seen["absent"])
        assert {place for place in unexplained if "/xdp/" not in place} == set()


def test_an_untouched_lab_does_not_drift(wired: None, inventory: Path) -> None:
    before, after = environments(inventory), environments(inventory)
    assert drift(before, after) == []
    assert all(0 <= share <= 1 for share in stolen(before, after).values())
    assert set(stolen(before, after)) == {DUT, PEER}


def test_what_somebody_changes_during_a_run_is_drift(wired: None, inventory: Path) -> None:
    before = environments(inventory)
    on(DUT, "ip", "link", "set", NIC, "mtu", "1400", "txqueuelen", "77")
    on(DUT, "ethtool", "-K", NIC, "gro", "on")
    on(DUT, "tc", "qdisc", "replace", "dev", NIC, "root", "pfifo", "limit", "50")
    on(DUT, "sysctl", "-qw", "net.ipv4.tcp_timestamps=0")
    on(PEER, "sh", "-c", f"echo 1 > /sys/class/net/{NIC}/queues/rx-0/rps_cpus")
    told = drift(before, environments(inventory))
    assert f"{DUT}: MTU of {NIC} was 1500 and is 1400" in told
    assert f"{DUT}: transmit queue length of {NIC} was 1000 and is 77" in told
    assert f"{DUT}: offload generic-receive-offload of {NIC} was off and is on" in told
    assert f"{DUT}: qdisc of {NIC}, root was noqueue and is pfifo limit 50" in told
    assert f"{DUT}: sysctl net.ipv4.tcp_timestamps was 1 and is 0" in told
    assert f"{PEER}: receive packet steering of {NIC} was none and is rx-0 0" in told
    assert {sentence.partition(":")[0] for sentence in told} == {DUT, PEER}


PROGRAM = """
__attribute__((section("xdp"), used)) int passes(void *context) { return 2; }
char text[] __attribute__((section("license"), used)) = "GPL";
"""


@pytest.mark.needs("clang")
def test_an_xdp_program_and_its_mode_are_drift(wired: None, inventory: Path, tmp_path: Path) -> None:
    source, binary = tmp_path / "passes.c", tmp_path / "passes.o"
    source.write_text(PROGRAM, encoding="ascii")
    argv = ["clang", "-O2", "-g", "-target", "bpf", "-c", str(source), "-o", str(binary)]
    subprocess.run(argv, check=True, timeout=60)
    before = environments(inventory)
    on(PEER, "ip", "link", "set", "dev", NIC, "xdpgeneric", "obj", str(binary), "sec", "xdp")
    meanwhile = environments(inventory)
    assert any(
        f"the XDP program on {NIC} was none and is mode generic, name passes" in said
        for said in drift(before, meanwhile)
    )
    on(PEER, "ip", "link", "set", "dev", NIC, "xdpgeneric", "off")
    on(PEER, "ip", "link", "set", "dev", NIC, "xdpdrv", "obj", str(binary), "sec", "xdp")
    after = environments(inventory)
    assert f"{PEER}: mode of the XDP program on {NIC} was generic and is native" in drift(meanwhile, after)
    assert not any("tag" in said for said in drift(meanwhile, after)), "it is the same program"


def test_a_nic_that_is_not_there_is_a_gap_with_a_reason(wired: None) -> None:
    seen = module(DUT, "environment", {"nic": "eth9"})["environment"]
    assert seen["links"] == {}
    assert seen["absent"]["links/eth9"] == "this board has no interface eth9"


def test_reading_takes_no_time_to_speak_of(wired: None) -> None:
    """On a quiet machine 0.07 s; the least of three, since others may be at work here."""
    script = (
        "import time; began = time.monotonic();"
        "from ansible_collections.netlab.testbed.plugins.module_utils.environment.gather import gather;"
        f"gather({NIC!r}); print(time.monotonic() - began)"
    )
    argv = ["env", f"PYTHONPATH={ROOT / '.collections'}", "/usr/bin/python3", "-c", script]
    assert min(float(on(DUT, *argv)) for _ in range(3)) < 0.3


@pytest.fixture
def busy() -> Iterator[None]:
    """A loop for each CPU of this machine."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


def test_a_busy_machine_is_told_and_is_no_failure(wired: None, busy: None, inventory: Path) -> None:
    told = reports(inventory, testbed_quiet=True, board_quiet_wait_s=0.6)
    quiet = told[DUT]["quiet"]
    assert quiet["quiet"] is False
    assert 0.6 <= quiet["waited_s"] < 20
    assert quiet["idle"] < 0.9
    assert quiet["running"] > 1
    assert "not quiet after" in quiet["said"]
    assert "busiest: not seen from this board" in quiet["said"], (
        "the loops are the machine's, not the board's"
    )
    assert told[PEER]["quiet"] == quiet, "one machine is watched once"


def test_the_busiest_programs_of_a_board_are_named(wired: None) -> None:
    loop = "exec -a spinner sh -c 'while :; do :; done'"
    pid = str(local_board.board_pid(DUT))
    spinner = subprocess.Popen(["nsenter", "-t", pid, "-a", "--", "bash", "-c", loop], start_new_session=True)
    try:
        told = module(DUT, "quiet", {"wait_s": 0, "idle_at_least": 1})["quiet"]
    finally:
        local_board.stop(DUT)  # and what runs in it
        spinner.wait(timeout=10)
    assert told["quiet"] is False
    assert any(one["name"] == "sh" and one["share"] > 0.2 / (os.cpu_count() or 1) for one in told["busiest"])


def test_limits_that_every_machine_keeps_are_kept_at_once(wired: None) -> None:
    limits = {"idle_at_least": 0, "steal_at_most": 1, "running_at_most": 100000, "wait_s": 60}
    began = time.monotonic()
    told = module(DUT, "quiet", limits)["quiet"]
    assert told["quiet"] is True
    assert told["waited_s"] < 5
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("wrong", [{"idle_at_least": 90}, {"steal_at_most": -1}, {"window_s": 0}])
def test_limits_that_cannot_be_are_refused(wired: None, wrong: dict[str, float]) -> None:
    failed = module(DUT, "quiet", wrong)
    assert "quiet" not in failed
    assert next(iter(wrong)) in failed["msg"]


def netlab(*words: str) -> None:
    argv = [sys.executable, "-m", "netlab", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=150, check=False, cwd=ROOT)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.guest
@pytest.mark.slow
def test_a_guest_and_a_deployment(inventory: Path) -> None:
    """Bare, then with a guest that tells of itself; then somebody pins its vCPU."""
    try:
        netlab("deploy", "-t", "host", "-i", str(inventory))
        bare = environments(inventory)
        netlab("deploy", "-t", "tap", "-i", str(inventory))
        before = environments(inventory)
        dut = before[DUT]
        guest = dut["guests"]["guest1"]
        assert guest["accelerator"] in ("tcg", "kvm")
        assert guest["memory_mib"] == 192
        assert guest["nics"]["1"]["backend"] == "tap"
        assert guest["inside"]["kernel"]
        assert "version_1" in guest["inside"]["nics"]["1"]["negotiated"]
        assert dut["links"]["nltap1"]["master"] == dut["links"][NIC]["master"] == "nlbr0"
        assert dut["deployment"]["topology"] == "tap"
        assert drift(bare, before) == [], "what the testbed has made of the boards is no drift"
        _pin_vcpu(dut["guests"]["guest1"]["vcpu_cpus"]["0"])
        (cause,) = changes(before, environments(inventory))
        assert cause.place == ("guests", "guest1", "vcpu_cpus", "0")
    finally:
        netlab("destroy", "-i", str(inventory))


def _pin_vcpu(allowed: str) -> None:
    if allowed == "0":
        pytest.skip("this machine has one CPU: there is nowhere else to pin a vCPU to")
    script = 'for t in /proc/[0-9]*/task/*; do case $(cat $t/comm) in "CPU 0/"*) taskset -pc 0 ${t##*/};; esac; done'
    assert "new affinity" in on(DUT, "sh", "-c", script)
