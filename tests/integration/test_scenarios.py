# SPDX-License-Identifier: Apache-2.0
"""Every scenario once, on host and on tap, on boards and guests that are real; then nothing is left."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.local_board import board_pid, recorded_boards
from tests.integration.scenario_lab import Lab, results, trials

pytestmark = [
    pytest.mark.root, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(400),
    pytest.mark.needs("netperf", "stress-ng"),
]  # fmt: skip

ON_HOST = [
    ("latency", ""),
    *(("interference", condition) for condition in ("alone", "different-cpus", "same-cpu")),
    ("scaling", "2"),
    *(("pressure", condition) for condition in ("none", "cpu", "memory", "interrupts")),
]
ON_TAP = [*ON_HOST, ("guest-to-guest", ""), ("scaling", "3")]
Trials = dict[tuple[str, str], dict[str, Any]]


def measured(lab: Lab, topology: str, wanted: list[tuple[str, str]], **variables: Any) -> Trials:
    """The results by scenario and condition: as many as were asked for, in their order."""
    asked = trials(topology, wanted)
    found = list(results(lab.play("bench", testbed_topology=topology, testbed_trials=asked, **variables)))
    assert [trial["order"] for trial in found] == [trial["order"] for trial in asked]
    return {(trial["scenario"], trial["condition"]): trial for trial in found}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("scenarios"), "scene")
    yield made
    made.play("destroy")


@pytest.fixture(scope="module")
def host(lab: Lab) -> Trials:
    return measured(lab, "host", ON_HOST)


@pytest.fixture(scope="module")
def tap(lab: Lab) -> Trials:
    found = measured(lab, "tap", ON_TAP, guest_count=2)
    assert lab.pins_in_ledger() == []
    return found


@pytest.fixture(params=["host", "tap"])
def both(request: pytest.FixtureRequest) -> Trials:
    return dict(request.getfixturevalue(request.param))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def one_cpu(both: Trials) -> bool:
    reason = both["interference", "different-cpus"]["reason"]
    return reason is not None and "no CPU 1" in reason


def test_every_trial_is_measured_or_says_why_not(both: Trials) -> None:
    for key, trial in both.items():
        if key == ("scaling", "3"):
            assert trial["status"] == "skipped"
            assert "set guest_count" in trial["reason"]
        elif key[0] == "interference" and one_cpu(both):
            assert trial["status"] == "skipped"
        else:
            assert (trial["status"], trial["reason"]) == ("ok", None), key
            assert trial["metrics"]["min_us"] > 0


def test_counters_of_both_ends_are_there(both: Trials) -> None:
    for trial in both.values():
        if trial["status"] == "ok":
            for reading in (trial["counters"]["before"], trial["counters"]["after"]):
                assert {"board", "peer"} <= set(reading)
                assert list(reading["peer"]["interfaces"]) == ["eth1"]


def test_the_peers_reading_after_one_trial_is_the_one_before_the_next(both: Trials) -> None:
    measured_ones = [trial["counters"] for trial in both.values() if trial["status"] == "ok"]
    for earlier, later in itertools.pairwise(measured_ones):
        assert earlier["after"]["peer"] == later["before"]["peer"]


def test_a_load_runs_before_the_measurement_and_outlives_it(both: Trials) -> None:
    loaded = [trial for trial in both.values() if trial["loads"]]
    assert len(loaded) == (3 if one_cpu(both) else 5)
    for trial in loaded:
        (load,) = trial["loads"]
        assert moment(load["started"]) < moment(load["running"]) <= moment(trial["started"])
        assert moment(trial["finished"]) <= moment(load["finished"])
        assert load["reason"] is None
        assert load["achieved"]
        assert all(figure > 0 for figure in load["achieved"].values())


def test_alone_has_no_load(both: Trials) -> None:
    assert both["pressure", "none"]["loads"] == []
    assert both["interference", "alone"]["loads"] == []


def test_on_the_board_both_programs_are_bound(host: Trials) -> None:
    if one_cpu(host):
        pytest.skip("needs two CPUs")
    for condition, b_cpu in (("different-cpus", 1), ("same-cpu", 0)):
        trial = host["interference", condition]
        assert trial["guest"] is None
        assert trial["flows"][0]["cpu"] == 0
        assert (trial["loads"][0]["guest"], trial["loads"][0]["cpu"]) == (None, b_cpu)
        assert trial["pins"]["programs"] == {"A": 0, "B": b_cpu}
        assert trial["pins"]["absent"] == {"interrupts/eth1": "eth1 has no interrupts of its own"}


def test_with_guests_all_threads_of_each_are_pinned_and_read_back(tap: Trials) -> None:
    if one_cpu(tap):
        pytest.skip("needs two CPUs")
    first = {"vcpu/guest1/0": "0", "emulator/guest1": "0"}
    for condition, others in (
        ("alone", {}),
        ("different-cpus", {"vcpu/guest2/0": "1", "emulator/guest2": "1"}),
        ("same-cpu", {"vcpu/guest2/0": "0", "emulator/guest2": "0"}),
    ):
        trial = tap["interference", condition]
        assert trial["guest"] == "guest1"
        assert [load["guest"] for load in trial["loads"]] == (["guest2"] if others else [])
        pinned = {
            thing: cpus for thing, cpus in trial["pins"]["set"].items() if not thing.startswith("vhost/")
        }
        assert pinned == first | others


def test_several_guests_measure_at_once(tap: Trials) -> None:
    trial = tap["scaling", "2"]
    assert [flow["guest"] for flow in trial["flows"]] == ["guest1", "guest2"]
    first, second = trial["flows"]
    assert moment(first["started"]) < moment(second["finished"])
    assert moment(second["started"]) < moment(first["finished"])
    rates = [flow["metrics"]["transaction_rate"] for flow in trial["flows"]]
    assert trial["metrics"]["transaction_rate"] == pytest.approx(sum(rates), rel=0.2)


def test_guest_to_guest_does_not_take_the_cable(tap: Trials) -> None:
    trial = tap["guest-to-guest", ""]
    (flow,) = trial["flows"]
    assert flow["guest"] == "guest1"
    assert flow["peer_address"] == "192.168.20.102"
    moved = [
        trial["counters"][when]["board"]["interfaces"]["eth1"]["rx_packets"] for when in ("before", "after")
    ]
    assert moved[1] - moved[0] < trial["metrics"]["transactions"] / 10


def test_guests_that_cannot_reach_each_other_are_a_reason(lab: Lab, tap: Trials) -> None:
    found = measured(lab, "user", [("guest-to-guest", "")], guest_count=2)
    trial = found["guest-to-guest", ""]
    assert trial["status"] == "skipped"
    assert "cannot reach" in trial["reason"]


def inside(namespaces: set[str]) -> list[str]:
    """Processes that are in one of these pid namespaces."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if str((process / "ns/pid").readlink()) in namespaces:
                    found.append(f"{process.name} {(process / 'comm').read_text(encoding='utf-8').strip()}")
    return found


def test_destroy_leaves_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "scenz")
    namespaces: set[str] = set()
    try:
        measured(lab, "tap", [("interference", "same-cpu"), ("pressure", "cpu")], guest_count=2)
        inits = [board_pid(name) for name in (lab.dut, lab.peer)]
        namespaces = {str(Path(f"/proc/{init}/ns/pid").readlink()) for init in inits}
        assert inside(namespaces)
        assert not [process for process in inside(namespaces) if "stress-ng" in process]
    finally:
        lab.play("destroy")
    assert inside(namespaces) == []
    assert not {lab.dut, lab.peer} & recorded_boards()
