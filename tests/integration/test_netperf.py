# SPDX-License-Identifier: Apache-2.0
"""The installed netperf, measured with: between two network namespaces, and in a real guest."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cable import FAR, ROOT, Cable, ip, result

pytestmark = [pytest.mark.root, pytest.mark.needs("netperf", "netserver", "ip", "ss")]

PORT = 12865


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    made = Cable("netperf", [["netserver", "-4", "-D", "-L", FAR, "-p", str(PORT)]], [f"tcp:{PORT}"])
    try:
        made.up()
        yield made
    finally:
        made.down()


def begin(cable: Cable, folder: Path, parameters: dict[str, Any], **options: Any) -> subprocess.Popen[str]:
    trial = {"order": 1, "block": 1, "topology": "host", "scenario": "latency", "instrument": "netperf"}
    return cable.module(folder, peer_address=FAR, trial=trial | {"parameters": parameters}, **options)


def measured(cable: Cable, folder: Path, parameters: dict[str, Any], **options: Any) -> dict[str, Any]:
    said = result(begin(cable, folder, parameters, **options))
    assert said["changed"] is False
    return dict(said["measured"])


def rules(trial: dict[str, Any]) -> set[str]:
    return {flag["rule"] for flag in trial["flags"]}


def plausible(metrics: dict[str, Any]) -> None:
    order = [metrics[f"{name}_us"] for name in ("min", "p50", "p90", "p99", "max")]
    assert None not in order
    assert order == sorted(order)
    assert 0 < metrics["min_us"] <= metrics["mean_us"] <= metrics["max_us"]
    assert metrics["transactions"] == pytest.approx(
        metrics["transaction_rate"] * metrics["elapsed_s"], rel=0.01
    )


@pytest.mark.parametrize("test", ["TCP_RR", "UDP_RR"])
def test_limited_by_count(cable: Cable, tmp_path: Path, test: str) -> None:
    trial = measured(cable, tmp_path, {"test": test, "transactions": 1000})
    assert (trial["status"], trial["reason"], trial["guest"]) == ("ok", None, None)
    plausible(trial["metrics"])
    assert trial["metrics"]["transactions"] == 1000
    assert ("first_sample_contains_connect" in rules(trial)) is (test == "TCP_RR")
    assert "agent_asked_meanwhile" not in rules(trial)


def test_limited_by_time(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"duration_s": 1})
    plausible(trial["metrics"])
    assert trial["metrics"]["elapsed_s"] == pytest.approx(1, abs=0.2)


def test_packets_are_counted_on_the_cable(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"test": "UDP_RR", "transactions": 5000}, interfaces=["nlnear"])
    counters = trial["counters"]
    assert set(counters["before"]) == set(counters["after"]) == {"board"}
    before, after = (counters[when]["board"]["interfaces"] for when in ("before", "after"))
    assert set(before) == {"nlnear"}
    for way in ("rx_packets", "tx_packets"):
        assert 5000 <= after["nlnear"][way] - before["nlnear"][way] < 5200


def test_the_command_of_2022(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"preset": "stratos-2022"})
    plausible(trial["metrics"])
    assert trial["metrics"]["transactions"] == 1000
    can_pace = result(cable.module(tmp_path))["netperf"]["can_pace"]
    assert ("unpaced_although_asked" in rules(trial)) is (not can_pace)
    assert ("not compiled in" in trial["raw"]) is (not can_pace)


def test_what_netperf_can_do(cable: Cable, tmp_path: Path) -> None:
    netperf = result(cable.module(tmp_path))["netperf"]
    assert netperf["version"].startswith("2.")
    assert isinstance(netperf["can_pace"], bool)


def test_a_lost_answer_of_tcp_is_a_timeout_of_200_ms(cable: Cable, tmp_path: Path) -> None:
    running = begin(cable, tmp_path, {"duration_s": 2})
    cable.wait_for_traffic()
    cable.lose_answers(0.05)
    trial = result(running)["measured"]
    assert trial["status"] == "ok"
    assert trial["metrics"]["max_us"] >= 200_000
    assert {"retransmission_timeout_suspected", "tcp_retransmissions"} <= rules(trial)
    counters = trial["counters"]
    retransmitted = [counters[when]["board"]["tcp_retransmitted_segments"] for when in ("before", "after")]
    assert retransmitted[1] > retransmitted[0]


def test_a_lost_answer_of_udp_is_counted(cable: Cable, tmp_path: Path) -> None:
    running = begin(cable, tmp_path, {"test": "UDP_RR", "duration_s": 3})
    cable.wait_for_traffic()
    cable.lose_answers(0.05)
    trial = result(running)["measured"]
    assert trial["status"] == "ok"
    assert trial["metrics"]["requests_lost"] == 1
    assert "udp_timeouts" in rules(trial)


def test_a_lost_answer_ends_no_run_of_udp_that_is_limited_by_count(cable: Cable, tmp_path: Path) -> None:
    begun = time.monotonic()
    running = begin(cable, tmp_path, {"test": "UDP_RR", "transactions": 200_000, "time_limit_s": 8})
    cable.wait_for_traffic()
    cable.lose_answers(0.05)
    trial = result(running)["measured"]
    assert trial["status"] == "failed"
    assert "UDP_RR ends only if no answer is lost" in trial["reason"]
    assert time.monotonic() - begun < 15
    assert trial["counters"]["after"]
    assert ip("netns", "pids", cable.near) == "", "netperf was not ended"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"control_port": 12999}, f"no netserver answers on {FAR} port 12999"),
        ({"peer_address": "198.51.100.1"}, "no netserver answers on 198.51.100.1 port 12865"),
        ({"flows": [{"local_address": "192.0.2.98"}]}, f"no netserver answers on {FAR} port 12865"),
        ({"guest": "no-such-guest"}, "no-such-guest"),
    ],
)
def test_a_measurement_that_fails_is_a_trial_with_a_reason(
    cable: Cable, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    trial = {"order": 1, "parameters": {"duration_s": 1}}
    made = result(cable.module(tmp_path, **({"peer_address": FAR, "trial": trial} | options)))["measured"]
    assert made["status"] == "failed"
    assert said in made["reason"] or (options.get("guest") and "libvirt" in made["reason"])
    assert made["metrics"] == {}


def test_a_cpu_that_is_not_there_is_refused(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"transactions": 1, "cpu": {"local": 999}})
    assert trial["status"] == "failed"
    assert "cannot run netperf on CPU 999" in trial["reason"]


def test_check_mode_sends_nothing(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"duration_s": 30}, _ansible_check_mode=True)
    assert (trial["status"], trial["reason"], trial["raw"]) == ("skipped", "check mode", "")


def test_a_trial_needs_a_peer(cable: Cable, tmp_path: Path) -> None:
    trial = result(cable.module(tmp_path, trial={"order": 1}))["measured"]
    assert (trial["status"], trial["reason"]) == ("failed", "peer_address: '' is not an IP address")


# --- in a guest --------------------------------------------------------------------------------------------

PLAN = """\
name: netperf-in-a-guest
topologies: [tap]
instruments:
  - {name: netperf, parameters: {duration_s: 1}}
  - {name: netperf, parameters: {test: UDP_RR, duration_s: 1}}
  - {name: netperf, parameters: {preset: stratos-2022}}
  - {name: netperf, parameters: {transactions: 2000000, time_limit_s: 2}}
  - {name: netperf, parameters: {duration_s: 1, cpu: {local: 500}}}
blocks: 1
aa_pair: false
retries: 0
quiet: {wait_s: 0}
"""


def netlab(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "netlab", *words, "-i", str(ROOT / "tests" / "inventory")]
    return subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """One run in a guest behind a tap; its lines in the order of the plan's instruments."""
    folder = tmp_path_factory.mktemp("run")
    plan = folder / "netperf-in-a-guest.yml"
    plan.write_text(PLAN, encoding="utf-8")
    netlab("destroy")
    try:
        done = netlab("bench", str(plan), "--results", str(folder / "results"))
        files = list((folder / "results").glob("*/trials.jsonl"))
        assert files, done.stderr + done.stdout
        lines = [json.loads(line) for line in files[0].read_text(encoding="utf-8").splitlines()]
        yield lines
    finally:
        netlab("destroy")


def of(trials: list[dict[str, Any]], **parameters: Any) -> dict[str, Any]:
    (found,) = [trial for trial in trials if trial["parameters"] == parameters]
    assert (found["board"], found["guest"]) == ("testdut", "guest1")
    return found


@pytest.mark.guest
@pytest.mark.slow
@pytest.mark.timeout(300)
class TestInAGuest:
    @pytest.mark.parametrize("parameters", [{"duration_s": 1}, {"test": "UDP_RR", "duration_s": 1}])
    def test_limited_by_time_the_guest_is_left_alone(
        self, trials: list[dict[str, Any]], parameters: dict[str, Any]
    ) -> None:
        trial = of(trials, **parameters)
        assert (trial["status"], trial["reason"]) == ("ok", None)
        plausible(trial["metrics"])
        assert "agent_asked_meanwhile" not in rules(trial)

    def test_the_guests_own_counters_moved(self, trials: list[dict[str, Any]]) -> None:
        trial = of(trials, duration_s=1)
        counters, count = trial["counters"], trial["metrics"]["transactions"]
        for where in ("guest", "board"):
            before, after = (counters[when][where]["interfaces"] for when in ("before", "after"))
            (link,) = before
            assert after[link]["rx_packets"] - before[link]["rx_packets"] >= count

    def test_the_command_of_2022(self, trials: list[dict[str, Any]]) -> None:
        trial = of(trials, preset="stratos-2022")
        assert trial["status"] == "ok"
        assert trial["metrics"]["transactions"] == 1000
        assert "first_sample_contains_connect" in rules(trial)

    def test_a_run_without_end_is_ended(self, trials: list[dict[str, Any]]) -> None:
        trial = of(trials, transactions=2_000_000, time_limit_s=2)
        assert (trial["status"], trial["reason"]) == ("failed", "netperf was still running after 2 s")

    def test_a_cpu_that_the_guest_has_not_is_refused(self, trials: list[dict[str, Any]]) -> None:
        trial = of(trials, duration_s=1, cpu={"local": 500})
        assert trial["status"] == "failed"
        assert "guest guest1 cannot run netperf on CPU 500" in trial["reason"]
