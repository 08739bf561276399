# SPDX-License-Identifier: Apache-2.0
"""The XDP bridge's maps in Python's terms, and where they are pinned.

The layouts are those of roles/datapath_xdp/files/xdp_bridge.bpf.c: change both or neither.
"""

from __future__ import annotations

import struct
from pathlib import Path

BPFFS = Path("/sys/fs/bpf")
OURS = BPFFS / "netlab-testbed"
PINS = OURS / "xdp"  # one folder per loaded object, named by the hash of its source

PROGRAM, EGRESS_PROGRAM = "xdp_bridge", "xdp_bridge_tx"
ROLES = {"uplink": 1, "guest": 2}
COUNTERS = ("rx_frames", "rx_bytes", "redirected", "flooded", "passed", "dropped", "tx_frames", "tx_bytes")
NANOSECONDS = 1_000_000_000

_STATION = "I4xQ"
LINK_PREFIX = "link_"


def pins(object_hash: str) -> Path:
    return PINS / object_hash


def link_pin(object_hash: str, name: str) -> Path:
    """Where an interface's attachment is pinned. bpffs keeps names with a dot for itself; eth0.5 has one."""
    return pins(object_hash) / (LINK_PREFIX + name.replace("%", "%25").replace(".", "%2E"))


def link_name(pin: Path) -> str:
    return pin.name.removeprefix(LINK_PREFIX).replace("%2E", ".").replace("%25", "%")


def pack_mac(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", "")) + bytes(2)


def unpack_mac(key: bytes) -> str:
    return key[:6].hex(":")


def pack_u32(value: int) -> bytes:
    return struct.pack("I", value)


def unpack_u32(data: bytes) -> int:
    (value,) = struct.unpack("I", data)
    return int(value)


def pack_ageing(seconds: int) -> bytes:
    return struct.pack("Q", seconds * NANOSECONDS)


def unpack_ageing(data: bytes) -> int:
    (nanoseconds,) = struct.unpack("Q", data)
    return int(nanoseconds) // NANOSECONDS


def pack_target(ifindex: int, egress_program: int) -> bytes:
    """struct bpf_devmap_val: where to, and the descriptor of the program that runs on the way out."""
    return struct.pack("Ii", ifindex, egress_program)


def unpack_station(data: bytes) -> tuple[int, int]:
    """(ifindex, last seen in ns of CLOCK_MONOTONIC)."""
    ifindex, last_seen = struct.unpack(_STATION, data)
    return ifindex, last_seen


def no_counters(value_size: int) -> bytes:
    return bytes(value_size)


def sum_counters(data: bytes) -> dict[str, int]:
    """One port's counters, the CPUs' values added up."""
    layout = struct.Struct(f"{len(COUNTERS)}Q")
    return dict(zip(COUNTERS, map(sum, zip(*layout.iter_unpack(data), strict=True)), strict=True))
