# SPDX-License-Identifier: Apache-2.0
"""A trial of one flow or of several: what is run and counted, and that whatever goes wrong becomes its reason."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    TimeOver,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.places import Places
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.setup import Setup
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.trial import run_trial
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.instrument import INSTRUMENT
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from tests.unit.plugins.desk import Desk

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "netperf"
FLOW = Flow("192.0.2.2", 12865, guest="guest1")
SPEC = {"order": 3, "block": 1, "topology": "tap", "scenario": "latency", "instrument": "netperf"}
KEYS = {
    *(
        "board",
        "guest",
        "status",
        "reason",
        "started",
        "finished",
        "command",
        "pacing",
        "metrics",
        "counters",
    ),
    *("flags", "raw", "flows", "loads", "pins", "samples"),
}


class Board(Places):
    """A board whose guests are desks."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        super().__init__()
        self._known |= desks


def recorded(name: str) -> dict[str, Any]:
    return dict(json.loads((FIXTURES / f"debian-2.7.0-0.1.{name}.json").read_text(encoding="utf-8")))


def desk(name: str, **others: Any) -> Desk:
    run = recorded(name)
    return Desk((run["rc"], run["stdout"], run["stderr"]), **others)


def tried(desks: Desk | Mapping[str, Desk], setup: Mapping[str, Any] | None = None, **parameters: Any) -> Any:
    known = {"guest1": desks} if isinstance(desks, Desk) else desks
    told = {"flows": [dataclasses.replace(FLOW, guest=name) for name in known]} | dict(setup or {})
    trial = run_trial(INSTRUMENT, Setup({**SPEC, "parameters": parameters}, "board1", **told), Board(known))
    assert set(trial) == {*SPEC, "parameters", *KEYS}
    assert trial["parameters"] == parameters
    started, finished = (datetime.datetime.fromisoformat(trial[key]) for key in ("started", "finished"))
    assert started.utcoffset() == datetime.timedelta(0)
    assert started <= finished
    json.dumps(trial, allow_nan=False)
    return trial


def rules(trial: Mapping[str, Any]) -> set[str]:
    names = [flag["rule"] for flag in trial["flags"]]
    assert len(names) == len(set(names)), "a rule speaks once"
    return set(names)


def test_a_trial_that_succeeds_has_everything() -> None:
    place = desk("tcp-count")
    trial = tried(place, {"pins": {"guest1": [0]}}, transactions=1000)
    assert (trial["status"], trial["reason"]) == ("ok", None)
    assert (trial["board"], trial["guest"], trial["pins"]) == ("board1", "guest1", {"guest1": [0]})
    assert trial["command"] == place.ran[0] == recorded("tcp-count")["command"]
    assert trial["raw"] == recorded("tcp-count")["stdout"]
    assert trial["metrics"]["transactions"] == 1000
    assert (trial["samples"], trial["loads"]) == (None, [])
    for when in ("before", "after"):
        assert trial["counters"][when]["guest"]["tcp_retransmitted_segments"] == 7
        assert trial["counters"][when]["board"]["softnet_processed"] >= 0
    (flow,) = trial["flows"]
    assert (flow["guest"], flow["peer_address"], flow["metrics"]) == ("guest1", "192.0.2.2", trial["metrics"])
    assert trial["started"] <= flow["started"] <= flow["finished"] <= trial["finished"]


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
def test_whatever_goes_wrong_is_the_reason(
    place: Desk, parameters: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(INSTRUMENT.__class__, "expected_s", lambda self, asked: None)
    trial = tried(place, **parameters)
    assert trial["status"] == "failed"
    assert said in trial["reason"]
    assert "\n" not in trial["reason"]
    assert (trial["metrics"], trial["flags"]) == ({}, [])
    assert all(program.killed for program in place.programs)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has ended already is not waited for."""
    monkeypatch.setattr(INSTRUMENT.__class__, "expected_s", lambda self, asked: None)


@pytest.mark.usefixtures("at_once")
def test_what_a_failed_run_printed_is_kept() -> None:
    run = recorded("udp-message-too-long")
    assert tried(desk("udp-message-too-long"))["raw"] == run["stdout"] + run["stderr"]


@pytest.mark.usefixtures("at_once")
def test_a_figure_that_no_figure_can_be_fails_the_trial_by_the_rules_name() -> None:
    run = recorded("tcp-duration")
    nan = "\n".join("MEAN_LATENCY=nan" if "MEAN" in line else line for line in run["stdout"].split("\n"))
    trial = tried(Desk((0, nan, "")), duration_s=1)
    assert (trial["status"], trial["metrics"]) == ("failed", {})
    assert [(flag["rule"], flag["severity"]) for flag in trial["flags"]] == [("not_a_number", "broken")]


def test_a_bad_peer_address_is_the_reason() -> None:
    trial = tried({}, {"flows": [Flow("peer", 12865)]})
    assert trial["reason"] == "peer_address: 'peer' is not an IP address"


def test_without_a_flow_nothing_is_measured() -> None:
    assert "there is none" in tried({}, {"flows": []})["reason"]


def test_a_guest_that_is_not_there_is_the_reason() -> None:
    trial = tried({}, {"flows": [Flow("192.0.2.2", 12865, guest="no-such-guest")]})
    assert trial["status"] == "failed"
    assert "no-such-guest" in trial["reason"] or "libvirt" in trial["reason"]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("name", "parameters", "flagged"),
    [("tcp-count", {"transactions": 1000}, True), ("tcp-duration", {"duration_s": 1}, False)],
)
def test_asking_the_agent_meanwhile_is_flagged(name: str, parameters: dict[str, Any], flagged: bool) -> None:
    """Limited by time it is asked only when the time is over."""
    trial = tried(desk(name, looks=4), **parameters)
    assert ("agent_asked_meanwhile" in rules(trial)) is flagged


# --- warm-up, pause, pinning -------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_the_warm_up_is_run_first_and_thrown_away() -> None:
    warm, measured = recorded("tcp-duration"), recorded("tcp-count")
    place = Desk((0, warm["stdout"], ""), (0, measured["stdout"], ""))
    trial = tried(place, {"warm_up_s": 0.5}, transactions=1000)
    assert trial["status"] == "ok", trial["reason"]
    assert [argv[argv.index("-l") + 1] for argv in place.ran] == ["1", "-1000"]
    assert trial["raw"] == measured["stdout"]


@pytest.mark.usefixtures("at_once")
def test_a_warm_up_that_fails_is_the_reason() -> None:
    trial = tried(desk("no-netserver"), {"warm_up_s": 1.0})
    assert trial["reason"].startswith("warm-up: no netserver answers")
    assert trial["counters"]["before"] == {}


def test_the_pause_is_kept() -> None:
    begun = time.monotonic()
    tried(desk("tcp-count"), {"pause_s": 0.2}, transactions=1000)
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize("told", [{"warm_up_s": -1.0}, {"pause_s": float("nan")}, {"pause_s": 1e9}])
def test_a_wait_that_cannot_be_is_the_reason(told: dict[str, float]) -> None:
    (name,) = told
    assert tried(desk("tcp-count"), told)["reason"].startswith(f"{name}: ")


def test_a_flow_is_pinned_by_taskset() -> None:
    place = desk("tcp-count")
    trial = tried(place, {"flows": [dataclasses.replace(FLOW, cpu=4)]}, transactions=1000)
    assert place.ran[0] == trial["command"] == ["taskset", "-c", "4", *recorded("tcp-count")["command"]]
    assert trial["flows"][0]["cpu"] == 4


def test_a_flow_is_pinned_to_a_cpu_that_is_there() -> None:
    trial = tried(desk("tcp-count"), {"flows": [dataclasses.replace(FLOW, cpu=3)]}, transactions=1000)
    assert trial["reason"] == "cpu: guest desk cannot run netperf on CPU 3; it may use 0, 1, 4"


def test_a_flow_is_not_pinned_twice() -> None:
    flows = [dataclasses.replace(FLOW, cpu=1)]
    trial = tried(desk("tcp-count"), {"flows": flows}, transactions=1000, cpu={"local": 0})
    assert trial["reason"] == "cpu.local: this flow is pinned to CPU 1 already"


# --- several flows -----------------------------------------------------------------------------------------


def test_several_flows_are_one_trial() -> None:
    desks = {name: desk("tcp-count", called=name) for name in ("guest1", "guest2", "guest3")}
    trial = tried(desks, transactions=1000)
    assert trial["status"] == "ok", trial["reason"]
    assert [flow["guest"] for flow in trial["flows"]] == list(desks)
    assert trial["metrics"]["transactions"] == 3000
    assert trial["metrics"]["flows"] == 3
    one = trial["flows"][0]["metrics"]
    assert trial["metrics"]["transaction_rate"] == pytest.approx(3 * one["transaction_rate"])
    assert (trial["metrics"]["min_us"], trial["metrics"]["max_us"]) == (one["min_us"], one["max_us"])
    assert trial["metrics"]["p99_us"] is None
    assert trial["metrics"]["p99_bounds_us"] == one["p99_bounds_us"]
    assert "percentiles_not_merged" in rules(trial)
    assert set(trial["counters"]["before"]) == {"board", "guest", "guests"}
    assert set(trial["counters"]["after"]["guests"]) == set(desks)
    assert trial["raw"].count("[flow ") == 3


def test_the_same_guest_may_measure_twice() -> None:
    trial = tried({"guest1": desk("tcp-count")}, {"flows": [FLOW, FLOW]}, transactions=1000)
    assert trial["metrics"]["transactions"] == 2000
    assert "guests" not in trial["counters"]["before"]


def test_a_flow_that_fails_fails_the_trial_and_is_named() -> None:
    desks = {"guest1": desk("tcp-count", called="guest1"), "guest2": desk("no-netserver", called="guest2")}
    trial = tried(desks, transactions=1000)
    assert trial["status"] == "failed"
    assert trial["reason"].startswith("flow 1 (guest guest2): no netserver answers")
    assert trial["flows"][0]["metrics"]["transactions"] == 1000
    assert trial["flows"][1]["reason"].startswith("no netserver")
    assert trial["metrics"] == {}


def test_a_flow_that_cannot_start_leaves_none_running() -> None:
    class Broken(Desk):
        def start(self, argv: Any) -> Any:
            raise MeasurementError("netperf is not installed there")

    fine = desk("tcp-count")
    trial = tried({"guest1": fine, "guest2": Broken((0, "", ""))}, transactions=1000)
    assert trial["reason"] == "netperf is not installed there"
    assert all(program.killed for program in fine.programs)


# --- rules that need counters ------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_a_retransmission_timeout_that_tcp_counted_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    place = desk("tcp-requests-lost")
    assert "retransmission_timeout_counted" not in rules(tried(place, duration_s=2))
    texts = iter([place.read(()), place.read(()).replace("TcpExt: 0 3 0", "TcpExt: 0 4 0")])
    monkeypatch.setattr(place, "read", lambda files: next(texts))
    assert "retransmission_timeout_counted" in rules(tried(place, duration_s=2))


# --- loads -------------------------------------------------------------------------------------------------


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Loads that only note when they are there; ``reason`` is what their records say at the end."""
    from ansible_collections.netlab.testbed.plugins.module_utils.load import running

    told: dict[str, Any] = {"reason": None, "there": False}

    @contextlib.contextmanager
    def pretend(wanted: Any, place_of: Any) -> Any:
        told["wanted"], told["there"] = list(wanted), True
        with place_of("guest1") as place:
            assert place.name == "guest desk"
        records: list[dict[str, Any]] = [{"name": load["name"], "reason": None} for load in wanted]
        yield records
        told["there"] = False
        for record in records:
            record["reason"] = told["reason"]

    monkeypatch.setattr(running, "running", pretend)
    return told


class Watched(Desk):
    """Notes whether the loads were there when something was started or fetched."""

    def __init__(self, loads: dict[str, Any], *ended: Any) -> None:
        super().__init__(*ended)
        self.loads = loads
        self.under: list[bool] = []

    def start(self, argv: Any) -> Any:
        self.under.append(self.loads["there"])
        return super().start(argv)


@pytest.mark.usefixtures("at_once")
def test_loads_are_there_from_before_the_warm_up_until_after_the_last_end(loads: dict[str, Any]) -> None:
    warm, run = recorded("tcp-duration"), recorded("tcp-count")
    place = Watched(loads, (0, warm["stdout"], ""), (0, run["stdout"], ""))
    trial = tried(place, {"loads": [{"name": "B"}], "warm_up_s": 1.0}, transactions=1000)
    assert (trial["status"], trial["loads"]) == ("ok", [{"name": "B", "reason": None}])
    assert place.under == [True, True]
    assert not loads["there"]
    assert loads["wanted"][0]["limit_s"] >= 65 + 16, "as long as warm-up and measurement may take at most"


def test_what_a_load_says_of_its_length_stands(loads: dict[str, Any]) -> None:
    tried(desk("tcp-count"), {"loads": [{"name": "B", "limit_s": 7}]}, transactions=1000)
    assert loads["wanted"] == [{"name": "B", "limit_s": 7}]


def test_a_load_that_ended_early_fails_the_trial(loads: dict[str, Any]) -> None:
    loads["reason"] = "ended before the measurement did: not all of it was under load"
    trial = tried(desk("tcp-count"), {"loads": [{"name": "B"}]}, transactions=1000)
    assert trial["status"] == "failed"
    assert trial["reason"] == f"load B: {loads['reason']}"
    assert (trial["metrics"], trial["loads"][0]["reason"]) == ({}, loads["reason"])
    assert trial["raw"] == recorded("tcp-count")["stdout"], "what was printed is kept"
