# SPDX-License-Identifier: Apache-2.0
"""A trial around netperf: where it runs, what is counted, and that whatever goes wrong becomes its reason."""

from __future__ import annotations

import datetime
import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.netperf import place as netperf_place
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.counters import (
    FILES,
    read_counters,
    usable_cpus,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.output import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.place import InGuest, OnBoard, TimeOver
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.trial import Ends, probe, run_trial
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "netperf"
PEER = Ends("192.0.2.2")
SPEC = {"order": 3, "block": 1, "topology": "tap", "scenario": "latency", "instrument": "netperf"}
KEYS = {
    *("board", "guest", "status", "reason", "started", "finished"),
    *("command", "pacing", "metrics", "counters", "flags", "raw"),
}

# Lines of FILES as Linux 6.1 has them, most left out, and figures that tell the columns apart.
COUNTERS = """\
Ip: Forwarding DefaultTTL InReceives
Ip: 2 64 100
Tcp: RtoAlgorithm RtoMin MaxConn ActiveOpens RetransSegs InErrs
Tcp: 1 200 -1 4 7 0
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors
Udp: 10 0 2 10 1
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors
UdpLite: 9 9 9 9 9
TcpExt: SyncookiesSent TCPTimeouts TCPSpuriousRTOs
TcpExt: 0 3 0
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
0000145a 00000001 00000006 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0000000a 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       4    0    0    0     0          0         0     100       4    0    0    0     0       0          0
  eth0:  343662    5207    1    2    0     0          0         0  365000    5211    3    4    0     0       0          0
Name:	cat
Cpus_allowed:	3
Cpus_allowed_list:	0-1,4
Mems_allowed_list:	0
"""  # noqa: E501  as the kernel prints it


def recorded(name: str) -> dict[str, Any]:
    return dict(json.loads((FIXTURES / f"debian-2.7.0-0.1.{name}.json").read_text(encoding="utf-8")))


class Desk:
    """A place where every program has ended already."""

    name = "guest desk"

    def __init__(self, ended: tuple[int, str, str] | Exception, looks: int = 0) -> None:
        self.ended, self.looks = ended, looks
        self.ran: list[list[str]] = []
        self.limits: list[float] = []

    def run(self, argv: list[str], limit_s: float, expected_s: float | None) -> tuple[int, str, str]:
        self.ran.append(argv)
        self.limits.append(limit_s)
        if isinstance(self.ended, Exception):
            raise self.ended
        return self.ended

    def read(self, files: tuple[str, ...]) -> str:
        return COUNTERS


def desk(name: str, **others: Any) -> Desk:
    run = recorded(name)
    return Desk((run["rc"], run["stdout"], run["stderr"]), **others)


def tried(place: Any, **parameters: Any) -> dict[str, Any]:
    trial = run_trial({**SPEC, "parameters": parameters}, "board1", "guest1", place, PEER)
    assert set(trial) == {*SPEC, "parameters", *KEYS}
    assert trial["parameters"] == parameters
    started, finished = (datetime.datetime.fromisoformat(trial[key]) for key in ("started", "finished"))
    assert started.utcoffset() == datetime.timedelta(0)
    assert started <= finished
    json.dumps(trial, allow_nan=False)
    return trial


def test_a_trial_that_succeeds_has_everything() -> None:
    place = desk("tcp-count")
    trial = tried(place, transactions=1000)
    assert (trial["status"], trial["reason"]) == ("ok", None)
    assert (trial["board"], trial["guest"]) == ("board1", "guest1")
    assert trial["command"] == place.ran[0] == recorded("tcp-count")["command"]
    assert trial["raw"] == recorded("tcp-count")["stdout"]
    assert trial["metrics"]["transactions"] == 1000
    for when in ("before", "after"):
        assert trial["counters"][when]["guest"]["tcp_retransmitted_segments"] == 7
        assert trial["counters"][when]["board"]["softnet_processed"] >= 0
    assert place.limits == [65.0]


@pytest.mark.parametrize(
    ("place", "parameters", "said"),
    [
        (desk("no-netserver"), {}, "no netserver answers on 192.0.2.2 port 12999"),
        (desk("tcp-count"), {"durations": 1}, "netperf has no durations"),
        (desk("tcp-count"), {"cpu": {"local": 2}}, "cannot run netperf on CPU 2; it may use 0, 1, 4"),
        (Desk(BoardError("guest guest1: its agent does not answer")), {}, "its agent does not answer"),
        (Desk(MeasurementError("netperf is not installed")), {}, "netperf is not installed"),
        (Desk(TimeOver("netperf was still running after 5 s")), {}, "still running after 5 s"),
        (
            Desk(TimeOver("netperf was still running after 5 s")),
            {"test": "UDP_RR", "transactions": 5},
            "ends only if no answer is lost",
        ),
    ],
)
def test_whatever_goes_wrong_is_the_reason(place: Desk, parameters: dict[str, Any], said: str) -> None:
    trial = tried(place, **parameters)
    assert trial["status"] == "failed"
    assert said in trial["reason"]
    assert "\n" not in trial["reason"]
    assert (trial["metrics"], trial["flags"]) == ({}, [])


def test_what_a_failed_run_printed_is_kept() -> None:
    run = recorded("udp-message-too-long")
    assert tried(desk("udp-message-too-long"))["raw"] == run["stdout"] + run["stderr"]


def test_a_bad_peer_address_is_the_reason() -> None:
    trial = run_trial({**SPEC, "parameters": {}}, "board1", None, OnBoard(), Ends("peer"))
    assert trial["reason"] == "peer_address: 'peer' is not an IP address"


@pytest.mark.parametrize(
    ("name", "parameters", "flagged"),
    [("tcp-count", {"transactions": 1000}, True), ("tcp-duration", {"duration_s": 1}, False)],
)
def test_asking_the_agent_meanwhile_is_flagged(name: str, parameters: dict[str, Any], flagged: bool) -> None:
    """Limited by time it is asked only when the time is over."""
    trial = tried(desk(name, looks=4), **parameters)
    assert any(flag["rule"] == "agent_asked_meanwhile" for flag in trial["flags"]) is flagged


# --- counters ----------------------------------------------------------------------------------------------


def test_counters_are_read_and_summed() -> None:
    counters = read_counters(COUNTERS)
    link = {"rx_packets": 5207, "rx_errors": 1, "rx_dropped": 2}
    link |= {"tx_packets": 5211, "tx_errors": 3, "tx_dropped": 4}
    assert counters == {
        "tcp_retransmitted_segments": 7,
        "tcp_timeouts": 3,
        "udp_input_errors": 2,
        "udp_receive_buffer_errors": 1,
        "softnet_processed": 0x145A + 10,
        "softnet_dropped": 1,
        "softnet_squeezed": 7,
        "interfaces": {"eth0": link},
    }


def test_only_the_interfaces_named_are_counted() -> None:
    assert set(read_counters(COUNTERS, ["lo"])["interfaces"]) == {"lo"}
    assert read_counters(COUNTERS, ["eth9"])["interfaces"] == {}


def test_a_name_of_six_letters_and_more_has_no_space_before_it() -> None:
    line = "nlmvt1000000001:" + "       1" * 16 + "\n"
    assert set(read_counters(line)["interfaces"]) == {"nlmvt1000000001"}
    assert read_counters("IcmpMsg:" + " InType3" * 16 + "\nIcmpMsg:" + " 5" * 16 + "\n")["interfaces"] == {}


def test_of_nothing_there_are_no_counters() -> None:
    assert read_counters("")["interfaces"] == {}
    assert usable_cpus("") is None


def test_cpus() -> None:
    assert usable_cpus(COUNTERS) == {0, 1, 4}


def test_this_machine_has_them_all() -> None:
    text = OnBoard().read(FILES)
    counters = read_counters(text, ["lo"])
    assert {"tcp_retransmitted_segments", "tcp_timeouts", "udp_input_errors"} <= set(counters)
    assert set(counters["interfaces"]) == {"lo"}
    assert usable_cpus(text)


# --- on the board ------------------------------------------------------------------------------------------


def test_on_the_board_a_program_runs_under_the_locale_c() -> None:
    assert OnBoard().run(["sh", "-c", "echo $LC_ALL; echo odd >&2; exit 3"], 5) == (3, "C\n", "odd\n")


def test_on_the_board_time_is_limited() -> None:
    begun = time.monotonic()
    with pytest.raises(TimeOver, match="sleep was still running after 0 s"):
        OnBoard().run(["sleep", "30"], 0.1)
    assert time.monotonic() - begun < 5


def test_on_the_board_a_missing_program_is_named() -> None:
    with pytest.raises(MeasurementError, match="no-such-program is not installed on this board"):
        OnBoard().run(["no-such-program"], 1)


# --- in a guest --------------------------------------------------------------------------------------------


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


class Agent:
    """A guest's agent whose program ends after a while; notes when it was asked."""

    def __init__(self, clock: Clock, takes_s: float) -> None:
        self.clock, self.ends = clock, clock.now + takes_s
        self.asked: list[float] = []
        self.begun = clock.now
        self.killed: list[list[str]] = []

    def start(self, argv: list[str], input: bytes | None = None) -> int:  # noqa: A002
        return 42

    def collect(self, pid: int) -> tuple[int, str, str] | None:
        assert pid == 42
        self.asked.append(self.clock.now - self.begun)
        return (0, "out", "err") if self.clock.now >= self.ends else None

    def run(self, argv: list[str], timeout: float) -> tuple[int, str, str]:
        if argv[0] == "kill":
            self.killed.append(argv)
            self.ends = self.clock.now
        return 0, " ".join(argv), ""


def in_guest(monkeypatch: pytest.MonkeyPatch, takes_s: float) -> tuple[InGuest, Agent]:
    clock = Clock()
    monkeypatch.setattr(netperf_place, "time", clock)
    agent = Agent(clock, takes_s)
    return InGuest(agent, "guest1"), agent  # type: ignore[arg-type]


def test_a_run_of_known_length_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    place, agent = in_guest(monkeypatch, 10.1)
    assert place.run(["netperf"], 25, 10) == (0, "out", "err")
    assert agent.asked[0] >= 10
    assert agent.asked[-1] < 10.15


def test_a_run_of_unknown_length_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    place, agent = in_guest(monkeypatch, 10)
    place.run(["netperf"], 25, None)
    pauses = [later - earlier for earlier, later in itertools.pairwise([0.0, *agent.asked])]
    assert pauses[0] <= 0.05
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(pauses))
    assert max(pauses) <= 0.25 + 1e-9
    assert place.looks == len(agent.asked) - 1 < 50


def test_a_run_without_end_is_killed_and_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    place, agent = in_guest(monkeypatch, 1000)
    with pytest.raises(TimeOver, match="netperf was still running after 3 s"):
        place.run(["netperf"], 3, None)
    assert agent.killed == [["kill", "-KILL", "42"]]
    assert 3 <= agent.asked[-1] < 3.5


def test_a_guests_files_are_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    place, _ = in_guest(monkeypatch, 0)
    assert place.read(FILES) == " ".join(("cat", *FILES))


# --- what it can do ----------------------------------------------------------------------------------------


def test_probe_of_a_build_that_cannot_pace() -> None:
    assert probe(desk("probe")) == {"version": "2.7.0", "can_pace": False}


def test_probe_of_a_build_that_can() -> None:
    stdout = recorded("probe")["stdout"].split("\n")[-2] + "\n"
    assert probe(Desk((0, stdout, ""))) == {"version": "2.7.0", "can_pace": True}


def test_probe_of_something_else() -> None:
    with pytest.raises(MeasurementError, match='does not tell its version: "BusyBox"'):
        probe(Desk((0, "BusyBox", "")))
