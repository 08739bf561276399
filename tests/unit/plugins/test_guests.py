# SPDX-License-Identifier: Apache-2.0
"""What the guests of a dut become, and what is refused."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.filter.expand_guests import FilterModule
from ansible_collections.netlab.testbed.plugins.module_utils.guests import (
    GUEST_KEYS,
    MAXIMUM_GUESTS,
    GuestError,
    check_mac,
    derived_mac,
    expand_guests,
)

BOARD = "192.0.2.1/24"


def expand(guest_list: Any = (), guest_count: int = 1, **options: Any) -> list[dict[str, Any]]:
    return expand_guests(
        guest_list, guest_count, options.pop("board_address", BOARD), dut="board1", **options
    )


def hosts(guests: list[dict[str, Any]]) -> list[int]:
    return [int(guest["address"].split("/")[0].split(".")[3]) for guest in guests]


def test_one_guest_by_default() -> None:
    assert expand() == [
        {
            "name": "guest1",
            "mac": derived_mac("board1", "guest1"),
            "address": "192.0.2.101/24",
            "vcpus": 1,
            "memory_mib": 192,
        }
    ]


def test_the_mac_of_a_pair_of_names_never_changes() -> None:
    # Written down: a change here gives every guest of every lab another MAC address.
    assert derived_mac("board1", "guest1") == "02:07:2d:e2:55:22"
    assert derived_mac("board1", "guest1") != derived_mac("board2", "guest1")
    assert derived_mac("a", "bc") != derived_mac("ab", "c")


@pytest.mark.parametrize(
    ("count", "given", "names"),
    [
        (0, [], []),
        (3, [], ["guest1", "guest2", "guest3"]),
        (1, [{"name": "a"}, {"name": "b"}], ["a", "b"]),
        (3, [{"name": "a"}], ["a", "guest2", "guest3"]),
        (3, [{"name": "guest2"}], ["guest2", "guest3", "guest4"]),
        (2, [{}, {"name": "guest1"}], ["guest2", "guest1"]),
        (1, None, ["guest1"]),
    ],
)
def test_the_longer_of_list_and_count_wins(count: int, given: Any, names: list[str]) -> None:
    assert [guest["name"] for guest in expand(given, count)] == names


def test_what_a_guest_says_itself_is_kept_and_the_rest_is_filled_in() -> None:
    own = {"name": "big", "mac": "52:54:00:AB:CD:EF", "address": "192.0.2.7", "vcpus": 4, "memory_mib": 512}
    big, other = expand([own, {"vcpus": None}], vcpus=2, memory_mib=256)
    assert big == own | {"mac": "52:54:00:ab:cd:ef", "address": "192.0.2.7/24"}
    assert (other["vcpus"], other["memory_mib"], other["address"]) == (2, 256, "192.0.2.102/24")


def test_taken_addresses_are_skipped() -> None:
    guests = expand(
        [{}, {"address": "192.0.2.104/24"}],
        4,
        board_address="192.0.2.101/24",
        reserved=["192.0.2.103/24", "", None, "192.0.2.105"],
    )
    assert hosts(guests) == [102, 104, 106, 107]


def test_two_duts_interleave() -> None:
    first = expand_guests([], 3, BOARD, dut="board1", dut_index=0, dut_count=2)
    second = expand_guests([], 3, "192.0.2.2/24", dut="board3", dut_index=1, dut_count=2)
    assert (hosts(first), hosts(second)) == ([101, 103, 105], [102, 104, 106])
    assert not {guest["mac"] for guest in first} & {guest["mac"] for guest in second}


def test_a_given_mac_that_equals_a_derived_one_gives_way() -> None:
    mac = derived_mac("board1", "guest2")
    first, second = expand([{"mac": mac}], 2)
    assert first["mac"] == mac != second["mac"]


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ([{"name": "1"}], {}, "'1' cannot name a guest; expected: a letter, then letters, digits"),
        ([{"name": "a/b"}], {}, "cannot name a guest"),
        ([{"name": "a" * 64}], {}, "cannot name a guest"),
        ([{"name": 1}], {}, "cannot name a guest"),
        ([{"name": "a\n"}], {}, "cannot name a guest"),
        ([{"name": "a"}, {"name": "a"}], {}, "a is the name of guests 1 and 2 of guest_list"),
        ([{"mac": "01:00:00:00:00:01"}], {}, "group .* such as 02:00:00:00:00:01"),
        ([{"mac": "00:00:00:00:00:00"}], {}, "empty MAC"),
        ([{"mac": 82}], {}, "in quotes"),
        ([{"mac": "fe:00:00:00:00:01"}], {}, "libvirt keeps .* such as 02:00:00:00:00:01"),
        ([{"mac": "02:00:00:00:00:01"}] * 2, {}, "02:00:00:00:00:01 is the MAC address of guests 1 and 2"),
        ([{"address": "198.51.100.1"}], {}, "outside the measured network 192.0.2.0/24"),
        ([{"address": "192.0.2.9/25"}], {}, "prefix length .*; expected: 192.0.2.9/24"),
        ([{"address": "192.0.2.255"}], {}, "broadcast address"),
        ([{"address": "192.0.2.0"}], {}, "network address"),
        ([{"address": "192.0.2.1"}], {}, "192.0.2.1 is the address of a board"),
        ([{"address": "192.0.2.2"}], {"reserved": ["192.0.2.2/24"]}, "192.0.2.2 is the address of a board"),
        ([{"address": "::1"}], {}, "not an IPv4 address"),
        ([{"address": 5}], {}, "not an IPv4 address"),
        ([{"vcpus": True}], {}, "not a number of vcpus"),
        ([{"memory_mib": 1}], {}, "64 or more"),
        ([{"ram": 1}], {}, "a guest has no 'ram'; expected: one of name, mac"),
        (["guest1"], {}, "'guest1' is not a guest"),
        ("guest1", {}, "guest_list is not a list"),
        ({"name": "guest1"}, {}, "guest_list is not a list"),
        ([], {"guest_count": -1}, "guest_count"),
        ([], {"guest_count": MAXIMUM_GUESTS + 1, "board_address": "10.0.0.1/8"}, "1001 guests"),
        ([], {"board_address": "192.0.2.1/28"}, r"192.0.2.0/28 is too small: no address is left for guest1"),
        ([], {"guest_count": 155}, "too small: no address is left for guest155"),
        ([], {"board_address": "192.0.2.1"}, "prefix length"),
        ([], {"board_address": "192.0.2.1/31"}, "no room"),
        ([], {"board_address": "192.0.2.255/24"}, "broadcast address of 192.0.2.0/24"),
        ([], {"board_address": "::1/64"}, "not an IPv4 address"),
        ([], {"dut_index": 1}, "dut_index 1 is not below dut_count 1"),
        ([], {"reserved": ["board2"]}, "reserved holds what is no IPv4 address"),
    ],
)
def test_what_cannot_be_says_why(given: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(GuestError, match=message):
        expand(given, **options)


def test_an_error_knows_the_guest_and_the_key() -> None:
    with pytest.raises(GuestError) as caught:
        expand([{}, {"mac": "nonsense"}])
    assert (caught.value.guest, caught.value.key) == (1, "mac")


guest_entries = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.from_regex(r"\A[a-c][0-9a-z]?\Z"),
            "mac": st.integers(0, 255).map(lambda number: f"02:00:00:00:00:{number:02x}"),
            "address": st.integers(3, 254).map(lambda host: f"192.0.2.{host}"),
            "vcpus": st.integers(1, 8),
        },
    ),
    max_size=8,
    unique_by=(
        lambda guest: guest.get("name", id(guest)),
        lambda guest: guest.get("mac", id(guest)),
        lambda guest: guest.get("address", id(guest)),
    ),
)


@settings(max_examples=60, deadline=None)
@given(lists=st.lists(guest_entries, min_size=1, max_size=3), count=st.integers(0, 12))
def test_guests_are_complete_distinct_and_stable(lists: list[list[dict[str, Any]]], count: int) -> None:
    for index, given_list in enumerate(lists):
        options = {
            "dut": f"board{index}",
            "dut_index": index,
            "dut_count": len(lists),
            "reserved": ["192.0.2.2/24"],
        }
        guests = expand_guests(given_list, count, BOARD, **options)
        assert guests == expand_guests(guests, 0, BOARD, **options), "its own answer is a fixed point"
        assert len(guests) == max(count, len(given_list))
        for entry, guest in zip(given_list, guests, strict=False):
            assert {
                key: guest[key].split("/")[0] if key == "address" else guest[key] for key in entry
            } == entry
        for guest in guests:
            assert tuple(guest) == tuple(key for key in GUEST_KEYS if key != "pci_device")
            assert check_mac(guest["mac"]) == guest["mac"]
            assert ipaddress.ip_interface(guest["address"]).network == ipaddress.ip_network("192.0.2.0/24")
        for key in ("name", "mac", "address"):
            assert len({guest[key] for guest in guests}) == len(guests)
        assert not {"192.0.2.1/24", "192.0.2.2/24"} & {guest["address"] for guest in guests}


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(0, 20), min_size=1, max_size=5))
def test_duts_never_share_an_address(counts: list[int]) -> None:
    addresses = [
        guest["address"]
        for index, count in enumerate(counts)
        for guest in expand_guests([], count, BOARD, dut=f"b{index}", dut_index=index, dut_count=len(counts))
    ]
    assert len(set(addresses)) == len(addresses)


def test_the_filter_says_which_guest_and_why() -> None:
    expand_filter = FilterModule().filters()["expand_guests"]
    assert expand_filter([], 1, BOARD, dut="board1") == expand()
    with pytest.raises(AnsibleFilterError, match="guest 2: 'x y' cannot name a guest"):
        expand_filter([{}, {"name": "x y"}], 1, BOARD, dut="board1")


def test_a_device_is_kept_as_sysfs_writes_its_address() -> None:
    given_list = [{"pci_device": "0000:0A:1F.7"}, {}]
    first, second = expand_guests(given_list, 0, BOARD, dut="board1")
    assert first["pci_device"] == "0000:0a:1f.7"
    assert "pci_device" not in second


@pytest.mark.parametrize("device", [70.0, "01:10.0", "0000:01:20.0", "0000:01:10.8", "0000:01:10.0\n"])
def test_what_is_no_pci_address_is_told(device: object) -> None:
    with pytest.raises(GuestError, match="is not the address of a PCI device"):
        expand_guests([{"pci_device": device}], 0, BOARD, dut="board1")


def test_a_device_is_one_guests() -> None:
    given_list = [{"pci_device": "0000:01:00.0"}, {"pci_device": "0000:01:00.0"}]
    with pytest.raises(GuestError, match="is the PCI device of guests 1 and 2"):
        expand_guests(given_list, 0, BOARD, dut="board1")
