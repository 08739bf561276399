# SPDX-License-Identifier: Apache-2.0
"""What the XDP bridge has counted and learned: evidence that frames went through it. Only reads."""

from __future__ import annotations

import socket
import time
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import bpf as xdp_bpf
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import maps as xdp_maps
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import state as xdp_state


def read_counters() -> dict[str, dict[str, int]]:
    """Interface name to its counters; empty without an XDP bridge.

    ``rx_frames`` and ``rx_bytes`` (Ethernet header included, FCS not) are what came in from the wire or the
    guest; each such frame is in one of ``redirected``, ``flooded``, ``passed`` (to the board itself) and
    ``dropped``. ``tx_frames`` and ``tx_bytes`` were handed to the port's driver.
    """
    counted: dict[str, dict[str, int]] = {}
    names = dict(socket.if_nameindex())
    for object_hash in filter(xdp_state.is_complete, xdp_state.loaded_objects()):
        with xdp_bpf.Map.open(xdp_maps.pins(object_hash) / "counters") as counters:
            for key, value in counters.all_items().items():
                name = names.get(xdp_maps.unpack_u32(key))
                if name:
                    counted[name] = xdp_maps.sum_counters(value)
    return counted


def read_port(name: str) -> dict[str, int]:
    """One port's ``rx_bytes`` and ``tx_bytes``. Raises BoardError if it is no port."""
    counted = read_counters().get(name)
    if counted is None:
        raise BoardError(f"{name} is not a port of the XDP bridge (any more)")
    return {key: counted[key] for key in ("rx_bytes", "tx_bytes")}


def read_stations() -> list[dict[str, Any]]:
    """The forwarding database by MAC: ``mac``, ``port`` (interface name), ``age`` in seconds.

    What is older than the ageing time is left out: the program treats it as unknown, and drops the entry
    when a frame next asks for it.
    """
    names = dict(socket.if_nameindex())
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    stations = []
    for object_hash in filter(xdp_state.is_complete, xdp_state.loaded_objects()):
        ageing_time = xdp_state.read_settings(object_hash).ageing_time
        with xdp_bpf.Map.open(xdp_maps.pins(object_hash) / "fdb") as fdb:
            for key, value in fdb.all_items().items():
                ifindex, last_seen = xdp_maps.unpack_station(value)
                age = max(0, now - last_seen) / xdp_maps.NANOSECONDS
                if ifindex in names and age <= ageing_time:
                    stations.append(
                        {"mac": xdp_maps.unpack_mac(key), "port": names[ifindex], "age": round(age, 3)}
                    )
    return sorted(stations, key=lambda station: station["mac"])
