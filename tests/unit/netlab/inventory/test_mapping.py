# SPDX-License-Identifier: Apache-2.0
"""Who stands for whom, and what of somebody else's settings ours take over."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.errors import InvalidInput
from netlab.inventory.mapping import Described, as_variables, asked, check_settings, mapped

GUEST = {"name": "g1", "mac": "02:00:00:00:00:01", "address": "192.0.2.9/24", "vcpus": 1, "memory_mib": 192}


def dut(name: str, *guests: dict[str, Any], **variables: Any) -> Described:
    return Described(name, "dut", {"board_nic": "eth1", **variables}, guests)


def peer(name: str, **variables: Any) -> Described:
    return Described(name, "peer", variables)


def test_duts_stand_for_duts_and_peers_for_peers_in_order() -> None:
    found = mapped([dut("a"), dut("b"), peer("p")], [peer("y"), dut("x2"), dut("x1")])
    assert found.boards == {"a": "x2", "b": "x1", "p": "y"}


def test_a_map_comes_first_and_the_rest_follows() -> None:
    found = mapped([dut("a"), dut("b"), peer("p")], [dut("x"), dut("y"), peer("q")], {"b": "x"})
    assert found.boards == {"a": "y", "b": "x", "p": "q"}


def test_names_mean_nothing_by_themselves() -> None:
    """Two labs may call different boards board1."""
    found = mapped([dut("board1"), peer("board2")], [peer("board1"), dut("board2")])
    assert found.boards == {"board1": "board2", "board2": "board1"}


@pytest.mark.parametrize(
    ("theirs", "mine", "wanted", "expected"),
    [
        ([dut("a"), dut("b"), peer("p")], [dut("x"), peer("y")], {}, "2 in the group duts (a, b), yours 1 (x)"),
        ([dut("a"), peer("p")], [dut("x")], {}, "theirs have 1 in the group peers (p), yours 0 (none)"),
        ([dut("a"), peer("p")], [dut("x"), dut("z"), peer("y")], {}, "z would be measured too"),
        ([dut("a"), peer("p")], [dut("x"), peer("y")], {"a": "y"}, "a is a dut, y a peer"),
        ([dut("a"), peer("p")], [dut("x"), peer("y")], {"c": "y"}, "no board of theirs is called 'c'"),
        ([dut("a"), peer("p")], [dut("x"), peer("y")], {"a": "w"}, "no board of yours is called 'w'"),
        ([dut("a"), dut("b"), peer("p")], [dut("x"), dut("z"), peer("y")], {"a": "x", "b": "x"}, "for a and for b"),
    ],
)  # fmt: skip
def test_what_cannot_be_matched_is_told(theirs: Any, mine: Any, wanted: Any, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        mapped(theirs, mine, wanted)
    assert expected in str(caught.value)


def test_a_peer_more_harms_nobody() -> None:
    assert mapped([dut("a"), peer("p")], [dut("x"), peer("y"), peer("z")]).boards == {"a": "x", "p": "y"}


def test_the_option_is_read() -> None:
    assert asked(["a=b", "c = d"]) == {"a": "b", "c": "d"}
    for wrong in (["a"], ["=b"], ["a="], ["a=b", "a=c"]):
        with pytest.raises(InvalidInput, match="--map"):
            asked(wrong)


def test_guests_and_paths_are_taken_over_and_hardware_is_not() -> None:
    theirs = [
        dut(
            "a", GUEST, {**GUEST, "name": "g2"},
            datapath_xdp_mode="generic", board_address="192.0.2.2/24", guest_arch="aarch64",
            guest_first_host=33, guest_boot_limit_s=7, instrument_ruler_peer_address="192.0.2.1",
        ),
        peer("p", board_nic="eth9"),
    ]  # fmt: skip
    found = mapped(theirs, [dut("x"), peer("y")])
    assert found.settings == {
        "x": {
            "guest_count": 2,
            "guest_vcpus": 1,
            "guest_memory_mib": 192,
            "guest_list": [],
            "guest_arch": "aarch64",
            "datapath_xdp_mode": "generic",
        }
    }
    assert as_variables(found.settings) == found.settings["x"]


def test_guests_of_different_sizes_keep_them() -> None:
    found = mapped([dut("a", GUEST, {**GUEST, "memory_mib": 256}), peer("p")], [dut("x"), peer("y")])
    assert found.settings["x"] == {
        "guest_count": 2,
        "guest_list": [{"vcpus": 1, "memory_mib": 192}, {"vcpus": 1, "memory_mib": 256}],
    }


def test_what_cannot_be_taken_over_is_said() -> None:
    theirs = [
        dut("a", guest_disk="/their/disk.qcow2", datapath_xdp_mode="generic"),
        dut("b", datapath_xdp_mode="native"),
        peer("p"),
    ]
    found = mapped(theirs, [dut("x"), dut("z"), peer("y")])
    assert "datapath_xdp_mode is not the same on all boards of theirs" in found.notes[1]
    assert "a boots its guests from a disk" in found.notes[0]
    assert found.settings == {}


def test_boards_that_differ_are_told_apart_by_name() -> None:
    variables = as_variables({"x": {"guest_vcpus": 2}, "z": {"guest_vcpus": 1}})
    assert variables["testbed_settings"] == {"x": {"guest_vcpus": 2}, "z": {"guest_vcpus": 1}}
    assert variables["guest_vcpus"] == (
        "{{ (testbed_settings[inventory_hostname] | default({})).guest_vcpus | default(testbed_default_guest_vcpus) }}"
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"x": {"ansible_python_interpreter": "/tmp/evil"}}, "settings.ansible_python_interpreter: this is taken"),
        ({"x": {"guest_disk": "/etc/shadow"}}, "settings.guest_disk"),
        ({"x": {"board_nic": "eth0"}}, "settings.board_nic"),
        ({"x": {"instrument_ruler_peer_address": "192.0.2.1"}}, "settings.instrument_ruler_peer_address"),
        ({"x": {"datapath_xdp_mode": "{{ lookup('pipe', 'id') }}"}}, "settings.datapath_xdp_mode: a template"),
        ({"x": {"datapath_xdp_mode": "#jinja2: variable_start_string:'[%'\n[% x"}}, "a template stands here"),
        ({"x": {"guest_list": [{"{{ x }}": 1}]}}, "settings.guest_list[0]: a template stands here"),
        ({"ghost": {"guest_count": 1}}, "settings.ghost: these are settings of no board"),
        ({"x": ["guest_count"]}, "settings.x: these are settings of no board"),
    ],
)  # fmt: skip
def test_settings_of_a_stored_run_are_only_what_can_have_been_taken_over(
    settings: Any, expected: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_settings(settings, ["x"])
    assert expected in str(caught.value)
