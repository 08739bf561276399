# SPDX-License-Identifier: Apache-2.0
"""Drift and differences, on readings recorded on the two boards of a local lab that carried topology tap."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.analysis import environment_keys as keys
from netlab.analysis.environment import Cause, changes, differences, drift, in_words, stolen, summary
from netlab.analysis.environment_places import different, flat

ROOT = Path(__file__).resolve().parents[4]
DUT, PEER = (
    json.loads((ROOT / f"tests/fixtures/environment/{name}.json").read_text(encoding="utf-8"))
    for name in ("tap-dut", "tap-peer")
)
PLACES = sorted(flat(DUT))
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
TREES = st.recursive(
    VALUES, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)
READINGS = st.dictionaries(
    st.sampled_from(["cpu", "links", "guests", "deployment", "nic", "changing", "absent"]), TREES, max_size=6
)


def boards() -> dict[str, Any]:
    return {"dut1": copy.deepcopy(DUT), "peer1": copy.deepcopy(PEER)}


def manifest(readings: dict[str, Any], **more: Any) -> dict[str, Any]:
    roles = {board: {"role": "dut" if "dut" in board else "peer"} for board in readings}
    return {"environment": {"before": readings, "after": readings}, "inventory": roles, **more}


# -- drift -------------------------------------------------------------------------------------------------


def test_nothing_changed() -> None:
    assert drift(boards(), boards()) == []


def test_what_changes_by_itself_is_no_drift() -> None:
    after = boards()
    after["dut1"]["changing"]["load_average"] = [9.0, 9.0, 9.0]
    after["dut1"]["absent"]["kernel/tracer"] = "another reason"
    assert drift(boards(), after) == []


def test_each_change_is_a_sentence_and_the_most_influential_comes_first() -> None:
    after = boards()
    dut = after["dut1"]
    dut["links"]["eth1"]["mtu"] = 1400
    dut["links"]["eth1"]["offloads"]["generic-segmentation-offload"] = False
    dut["links"]["eth1"]["qdiscs"] = {"root": "fq_codel limit 10240"}
    dut["links"]["eth1"]["receive_cpus"] = {"rx-0": "1"}
    dut["guests"]["guest1"]["vcpu_cpus"]["0"] = "1"
    dut["links"]["nltap1"] = None
    for board in after.values():
        board["virtualization"]["halt_poll_ns"] = 0
    assert drift(boards(), after) == [
        "dut1: nltap1 was there and is gone",
        "dut1, peer1: KVM's halt_poll_ns was 200000 and is 0",
        "dut1: CPUs of vCPU 0 of guest1 was 0-1 and is 1",
        "dut1: receive packet steering of eth1 was none and is rx-0 1",
        "dut1: MTU of eth1 was 1500 and is 1400",
        "dut1: offload generic-segmentation-offload of eth1 was on and is off",
        "dut1: qdisc of eth1, root was noqueue and is fq_codel limit 10240",
    ]


def test_a_board_that_was_started_anew_and_one_that_is_gone() -> None:
    after = boards()
    after["dut1"]["kernel"]["boot_id"] = "another"
    del after["peer1"]
    assert drift(boards(), after) == [
        "peer1: could not be read again after the run",
        "dut1: was started anew during the run",
    ]


def test_a_guest_that_stopped_answering_is_one_sentence() -> None:
    after = boards()
    after["dut1"]["guests"]["guest1"]["inside"] = None
    assert drift(boards(), after) == ["dut1: what guest1 says of itself was there and is gone"]


def test_another_topology_is_no_drift_but_what_else_changed_under_it_is() -> None:
    """The plan's first block began on bare boards, and its last trial was on tap."""
    before = boards()
    bare = before["dut1"]
    bare["deployment"] = {"topology": None, "state": None, "datapath": {}, "changed": {}}
    bare["guests"] = {}
    bare["links"] = {"eth1": bare["links"]["eth1"]}
    bare["links"]["eth1"] |= {"master": None, "promiscuous": False, "port_settings": {}}
    assert drift(before, boards()) == []
    after = boards()
    after["dut1"]["links"]["eth1"]["mtu"] = 1400
    after["dut1"]["cpu"]["frequency"]["governor"] = "powersave"
    assert drift(before, after) == [
        "dut1: frequency governor was none and is powersave",
        "dut1: MTU of eth1 was 1500 and is 1400",
    ]


@pytest.mark.parametrize(("before", "after"), [(None, boards()), (boards(), None), ({}, {}), (boards(), {})])
def test_a_run_that_was_not_read_twice_has_no_drift_to_tell(before: Any, after: Any) -> None:
    assert drift(before, after) == []


@given(READINGS)
def test_a_reading_does_not_differ_from_itself(reading: dict[str, Any]) -> None:
    assert drift({"b": reading}, {"b": copy.deepcopy(reading)}) == []
    assert differences(manifest({"dut": reading}), manifest({"dut": copy.deepcopy(reading)})) == []


@given(READINGS, READINGS)
def test_two_readings_differ_as_much_either_way(a: dict[str, Any], b: dict[str, Any]) -> None:
    there = {(place, repr(x), repr(y)) for place, x, y in different(a, b)}
    back = {(place, repr(x), repr(y)) for place, y, x in different(b, a)}
    assert there == back
    assert bool(there) == (flat(a) != flat(b))


@given(st.sampled_from(PLACES))
def test_any_value_that_changes_is_found(place: tuple[str, ...]) -> None:
    after = boards()
    inside = after["dut1"]
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = "something else"
    if place[0] == "deployment":  # a change of deployment is the testbed's own
        assert all("deployment" not in said for said in drift(boards(), after))
        return
    (cause,) = changes(boards(), after)
    assert cause.place == place
    assert len(drift(boards(), after)) == 1


def test_stolen_time() -> None:
    after = boards()
    ticks = after["dut1"]["changing"]["cpu_ticks"]
    ticks["idle"] += 90
    ticks["steal"] += 10
    assert stolen(boards(), after) == {"dut1": 0.1}
    ticks["idle"] = 0  # started anew
    assert stolen(boards(), after) == {}
    assert stolen(None, after) == {}


# -- differences -------------------------------------------------------------------------------------------


def test_runs_in_one_environment_say_so() -> None:
    assert differences(manifest(boards()), manifest(boards())) == []
    assert summary(manifest(boards()), manifest(boards())) == ["the environments do not differ"]


def test_causes_come_in_the_order_of_their_influence() -> None:
    """FACTS: coalescing, C-states, sleep and wake-up of vCPUs, pinning, governor, kernel, offloads, the bridge."""
    other = boards()
    dut = other["dut1"]
    dut["links"]["nlbr0"]["settings"]["mcast_snooping"] = 0
    dut["links"]["eth1"]["offloads"]["rx-checksumming"] = False
    dut["kernel"]["release"] = "6.1.0"
    dut["cpu"]["frequency"]["governor"] = "powersave"
    dut["guests"]["guest1"]["vcpu_cpus"]["0"] = "1"
    dut["virtualization"]["halt_poll_ns"] = 0
    dut["cpu"]["idle"]["states"] = {"POLL": "on"}
    dut["links"]["eth1"]["coalescing"] = {"rx-usecs": 50}
    dut["guests"]["guest1"]["accelerator"] = "kvm"
    dut["versions"]["netperf"] = "2.7.1"
    found = differences(manifest(boards()), manifest(other))
    assert [cause.key for cause in found] == [
        "accelerator of guest1",
        "coalescing of the measured NIC",
        "C-state haltpoll idle",
        "KVM's halt_poll_ns",
        "CPUs of vCPU 0 of guest1",
        "frequency governor",
        "kernel release",
        "offload rx-checksumming of the measured NIC",
        "setting mcast_snooping of nlbr0",
        "version of netperf",
    ]
    assert found[0] == Cause(
        "dut1", "accelerator of guest1", "tcg", "kvm", 2, ("guests", "guest1", "accelerator")
    )
    assert str(found[1]) == "dut1: coalescing of the measured NIC: none against rx-usecs 50"
    assert [cause.rank for cause in found] == sorted(cause.rank for cause in found)
    assert found[0].as_dict()["place"] == "guests/guest1/accelerator"


def test_boards_with_other_names_answer_to_each_other_by_role_and_their_nics_too() -> None:
    named = boards()
    other = {"dut-a": named["dut1"], "peer-a": named["peer1"]}
    for board in other.values():
        board["nic"] = "enp3s0"
        board["links"]["enp3s0"] = board["links"].pop("eth1")
        board["kernel"]["boot_id"] = "another machine"
    assert differences(manifest(boards()), manifest(other)) == []
    other["dut-a"]["links"]["enp3s0"]["mtu"] = 9000
    (cause,) = differences(manifest(boards()), manifest(other))
    assert (cause.board, cause.key) == ("dut1 / dut-a", "MTU of the measured NIC")


def test_another_topology_at_the_end_is_no_cause() -> None:
    """The order of trials is random: the last one's topology is what the reading after the run was taken under."""
    a, b = manifest(boards()), manifest(boards())
    b["environment"]["after"] = boards()
    b["environment"]["after"]["dut1"]["deployment"]["topology"] = "macvtap"
    b["environment"]["after"]["dut1"]["guests"]["guest1"]["nics"]["1"]["backend"] = "vdpa"
    assert differences(a, b) == []


def test_what_only_the_reading_after_the_run_has_seen_counts() -> None:
    a, b = manifest(boards()), manifest(boards())
    b["environment"]["after"] = boards()
    b["environment"]["after"]["dut1"]["guests"]["guest1"]["vhost_cpus"] = {"0": "1"}
    assert [cause.key for cause in differences(a, b)] == ["CPUs of the vhost workers of guest1"]


def test_the_plan_the_inventory_and_the_controller_count() -> None:
    def told(seconds: int, memory: int, python: str, **more: Any) -> dict[str, Any]:
        made = manifest(
            boards(),
            plan={
                "instruments": [{"name": "netperf", "parameters": {"duration_s": seconds}}],
                "seed": seconds,
                **more,
            },
            versions={"python": python},
            accelerator={"dut1": {"accelerator": "tcg"}},
        )
        made["inventory"]["dut1"]["variables"] = {
            "guest_memory_mib": memory,
            "board_address": f"192.0.2.{seconds}/24",
        }
        return made

    found = differences(told(1, 192, "3.11"), told(2, 256, "3.13", warm_up_s=1))
    assert [(cause.board, cause.key, cause.a, cause.b) for cause in found] == [
        ("", "parameter duration_s of instrument netperf", 1, 2),
        ("dut1", "inventory variable guest_memory_mib", 192, 256),
        ("", "version of python on the controller", "3.11", "3.13"),
    ]
    assert str(found[0]) == "parameter duration_s of instrument netperf: 1 against 2"


def old(kernel: str, accelerator: str) -> dict[str, Any]:
    """As the first netlab wrote a manifest."""
    facts = {
        "arch": "x86_64", "kernel": kernel, "kernel_command_line": "quiet mitigations=auto",
        "cpus": 2, "memory_mib": 24105,
        "nic": {"name": "eth1", "driver": "veth", "mtu": 1500},
    }  # fmt: skip
    return {
        "facts": {"before": {"dut1": facts}, "after": None},
        "accelerator": {"dut1": {"accelerator": accelerator, "reason": ""}},
        "inventory": {"dut1": {"role": "dut"}},
        "versions": {"python": "3.11"},
    }


def test_manifests_without_environment_are_compared_by_what_they_have() -> None:
    found = differences(old("6.1.0", "tcg"), old("6.18.44", "kvm"))
    assert [(cause.key, cause.a, cause.b) for cause in found] == [
        ("accelerator of its guests", "tcg", "kvm"),
        ("kernel release", "6.1.0", "6.18.44"),
    ]
    assert summary(old("6.1.0", "tcg"), old("6.1.0", "tcg")) == [
        "neither run has a reading of its environment: only what both know is compared",
        "the environments do not differ, as far as both are known",
    ]


def test_an_old_manifest_and_a_new_one_share_some_keys() -> None:
    new = manifest(boards(), accelerator={"dut1": {"accelerator": "tcg"}})
    found = differences(old("6.1.0", "tcg"), new)
    assert [(cause.key, cause.a, cause.b) for cause in found] == [("kernel release", "6.1.0", "6.18.44")]
    assert summary(new, old("6.18.44", "tcg"))[0] == (
        "the second run has no reading of its environment: only what both know is compared"
    )


@pytest.mark.parametrize(
    "damaged", [{}, {"environment": None}, {"environment": {"before": {"d": None}}}, {"plan": []}]
)
def test_a_manifest_that_lacks_everything_is_no_error(damaged: dict[str, Any]) -> None:
    assert differences(damaged, manifest(boards())) == []
    assert summary(damaged, damaged)[-1].startswith("the environments do not differ")


# -- keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", [DUT, PEER], ids=["dut", "peer"])
def test_every_key_that_was_read_has_words_and_a_rank(reading: dict[str, Any]) -> None:
    assert [place for place in flat(reading) if keys.known(place) is None] == []
    absent = [tuple(place.split("/")) for place in reading["absent"]]
    assert [place for place in absent if keys.known(place) is None] == []


def test_of_two_patterns_the_one_that_says_more_wins() -> None:
    assert keys.words(("links", "eth1", "offloads", "highdma")) == "offload highdma of eth1"
    assert keys.words(("sysctl", "net.ipv4.tcp_rmem")) == "sysctl net.ipv4.tcp_rmem"
    assert keys.words(("sysctl", "net.ipv4.ip_forward")) == "sysctl net.ipv4.ip_forward"
    assert keys.rank(("cpu", "frequency", "governor")) < keys.rank(("kernel", "release"))


def test_a_key_of_a_later_version_comes_last_and_by_its_name() -> None:
    assert keys.words(("cpu", "new_thing")) == "cpu new thing"
    assert keys.rank(("cpu", "new_thing")) == len(keys.causes()) + 1


def test_the_page_has_every_key_in_this_order() -> None:
    lines = []
    for number, cause in enumerate(keys.causes(), 1):
        lines += ["", f"### {number}. {cause.name}", "", cause.why, "", "| Key | Called |", "|---|---|"]
        lines += [f"| `{key.pattern}` | {key.words.format('X', 'Y', 'Z')} |" for key in cause.keys]
    page = (ROOT / "docs/environment.md").read_text(encoding="utf-8")
    assert page.endswith("\n".join([*lines, ""]))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "none"),
        (True, "on"),
        ([], "none"),
        (["a", 1], "a 1"),
        ({"b": 1, "a": False}, "a off, b 1"),
        ("", "none"),
    ],
)
def test_values_in_words(value: Any, said: str) -> None:
    assert in_words(value) == said
