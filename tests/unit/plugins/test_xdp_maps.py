# SPDX-License-Identifier: Apache-2.0
"""Bytes of the XDP bridge's maps, its C source's layouts, and what is read of interfaces."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.xdp import bpf as xdp_bpf
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import compile as xdp_compile
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import links as xdp_links
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import maps as xdp_maps

C_SOURCE = Path(__file__).resolve().parents[3] / "roles/datapath_xdp/files/xdp_bridge.bpf.c"


def test_the_counters_are_those_of_the_program_in_its_order() -> None:
    body = re.search(r"struct counters \{(.*?)\};", C_SOURCE.read_text(encoding="utf-8"), re.DOTALL)
    assert body
    assert tuple(re.findall(r"__u64 (\w+);", body[1])) == xdp_maps.COUNTERS


def test_the_roles_are_those_of_the_program() -> None:
    found = re.findall(r"ROLE_(\w+) = (\d)", C_SOURCE.read_text(encoding="utf-8"))
    assert {name.lower(): int(number) for name, number in found} == xdp_maps.ROLES


@given(st.lists(st.lists(st.integers(0, 2**60), min_size=8, max_size=8), min_size=1, max_size=4))
def test_counters_are_summed_over_the_cpus(cpus: list[list[int]]) -> None:
    data = b"".join(struct.pack("8Q", *values) for values in cpus)
    assert list(xdp_maps.sum_counters(data).values()) == [sum(column) for column in zip(*cpus, strict=True)]


@given(st.binary(min_size=6, max_size=6))
def test_a_mac_survives(raw: bytes) -> None:
    assert xdp_maps.unpack_mac(xdp_maps.pack_mac(raw.hex(":"))) == raw.hex(":")
    assert len(xdp_maps.pack_mac(raw.hex(":"))) == 8


@given(st.text(st.characters(codec="ascii", exclude_characters="/: \0"), min_size=1, max_size=15))
def test_any_interface_has_a_pin_of_its_own_without_a_dot(name: str) -> None:
    """bpffs refuses names with a dot."""
    pin = xdp_maps.link_pin("aaaa", name)
    assert "." not in pin.name
    assert xdp_maps.link_name(pin) == name


@pytest.mark.parametrize(("text", "count"), [("0", 1), ("0-1", 2), ("0-3,8", 5), ("0-3,8-9", 6)])
def test_possible_cpus(monkeypatch: pytest.MonkeyPatch, text: str, count: int) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _self, encoding: text + "\n")
    assert xdp_bpf.possible_cpus() == count


def test_an_object_is_named_by_all_it_was_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    name = xdp_compile.object_hash("int x;")
    assert re.fullmatch(r"[0-9a-f]{16}", name)
    assert xdp_compile.object_hash("int x;") == name
    assert xdp_compile.object_hash("int y;") != name
    monkeypatch.setattr(xdp_compile, "FLAGS", (*xdp_compile.FLAGS, "-DNDEBUG"))
    assert xdp_compile.object_hash("int x;") != name


# As iproute2 6.1 prints it, shortened.
LINK: dict[str, Any] = {
    "ifindex": 3,
    "ifname": "eth1",
    "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
    "xdp": {"mode": 1, "prog": {"id": 117, "name": "xdp_bridge"}},
    "address": "56:f9:f1:5f:77:1b",
    "addr_info": [
        {"family": "inet", "local": "192.0.2.1", "prefixlen": 24},
        {"family": "inet6", "local": "2001:db8::1:2345", "prefixlen": 64},
        {"family": "inet6", "local": "2001:db8::dead:beef", "prefixlen": 64, "temporary": True},
    ],
}


def test_a_link_as_ip_prints_it() -> None:
    link = xdp_links.parse_link(LINK)
    assert (link.ifindex, link.carrier, link.xdp_mode, link.program_id) == (3, True, "native", 117)
    assert (link.ipv4, link.ipv6) == (("192.0.2.1",), ("2001:db8::1:2345",))
    assert xdp_links.board_macs(link) == ("33:33:ff:01:23:45", "56:f9:f1:5f:77:1b")


def test_a_link_without_a_program() -> None:
    link = xdp_links.parse_link({key: LINK[key] for key in ("ifindex", "ifname")} | {"flags": ["UP"]})
    assert (link.carrier, link.xdp_mode, link.program_id, link.ipv4) == (False, None, None, ())
