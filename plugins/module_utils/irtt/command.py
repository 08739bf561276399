# SPDX-License-Identifier: Apache-2.0
"""From a trial's parameters to irtt's argument vector. Pure.

Facts about the program are from irtt 0.9.0's source (irtt_client.go, client.go, packet.go) and from runs of
Debian's builds; docs/instruments/irtt.md tells them in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import ParameterError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.parameters import (
    choice,
    ip_address,
    number,
    port,
    told,
    truth,
    whole_number,
)

PORT = 2112  # irtt's own default
KEYS = ("duration_s", "interval_ms", "payload_bytes", "timer", "wait_ms", "one_way", "time_limit_s")
TIMERS = ("simple", "comp", "hybrid", "busy")
DEFAULTS: Mapping[str, Any] = {
    "duration_s": 2,
    "interval_ms": 10,
    "payload_bytes": 0,
    "timer": "comp",
    "one_way": False,
}

MAXIMUM_PROBES = 20_000  # irtt keeps them all, and then their JSON, in a small guest's memory
MAXIMUM_BYTES = 65_507  # the largest datagram over IPv4
GRACE_S = 20.0  # irtt tries to open the connection for 15 s before it gives up


@dataclass(frozen=True)
class Asked:
    """What a trial asks irtt for."""

    duration_s: float
    interval_ms: float
    payload_bytes: int
    timer: str
    wait_ms: int | None
    one_way: bool
    time_limit_s: float

    @property
    def probes(self) -> int:
        """How many are sent if none is missed: client.go sends while a multiple of the interval is before the end."""
        return max(1, -(-round(self.duration_s * 1e6) // round(self.interval_ms * 1e3)))


def read_parameters(raw: Mapping[str, Any]) -> Asked:
    """Check a trial's parameters and fill in what is left out. ParameterError."""
    given = {**DEFAULTS, **told("irtt", raw, KEYS)}
    duration = number("duration_s", given["duration_s"], 0.05, 86_400, "s")
    interval = number("interval_ms", given["interval_ms"], 0.1, 60_000, "ms")
    limit = given.get("time_limit_s")
    wait = given.get("wait_ms")
    asked = Asked(
        duration_s=duration,
        interval_ms=interval,
        payload_bytes=whole_number("payload_bytes", given["payload_bytes"], 0, MAXIMUM_BYTES),
        timer=choice("timer", given["timer"], TIMERS),
        wait_ms=None if wait is None else whole_number("wait_ms", wait, 0, 60_000),
        one_way=truth("one_way", given["one_way"]),
        time_limit_s=(
            float(whole_number("time_limit_s", limit, 1, 864_000))
            if limit is not None
            else duration + GRACE_S + (wait or 0) / 1000
        ),
    )
    if asked.probes > MAXIMUM_PROBES:
        raise ParameterError(
            f"duration_s, interval_ms: {asked.probes} probes are more than the {MAXIMUM_PROBES} that fit a "
            "guest's memory; shorten the run or send more rarely"
        )
    return asked


def _duration(seconds: float) -> str:
    """As Go's time.ParseDuration takes it, to the microsecond."""
    return f"{round(seconds * 1e6)}us"


def _host(name: str, value: str, at: int) -> str:
    """host:port; an IPv6 address stands in brackets."""
    address = ip_address(name, value)
    return f"[{address}]:{at}" if ":" in address else f"{address}:{at}"


def client_command(asked: Asked, flow: Flow, file: str) -> list[str]:
    """``-Q`` leaves errors alone on stderr; the result goes to a file, which Go packs itself."""
    argv = [
        "irtt",
        "client",
        "-Q",
        "-i",
        _duration(asked.interval_ms / 1e3),
        "-d",
        _duration(asked.duration_s),
    ]
    if asked.payload_bytes:
        argv += ["-l", str(asked.payload_bytes)]
    argv += [f"--timer={asked.timer}"]
    if asked.wait_ms is not None:
        argv += [f"--wait={asked.wait_ms}ms"]
    if flow.local_address:
        argv += [f"--local={_host('local_address', flow.local_address, 0)}"]
    peer = _host("peer_address", flow.peer_address, port("control_port", flow.control_port))
    return [*argv, "-o", file, peer]


def server_command(address: str, control_port: int) -> list[str]:
    """Without its limits, which are for servers that strangers reach: 10 ms and more between probes."""
    return [
        "irtt",
        "server",
        "-b",
        _host("address", address, port("port", control_port)),
        "-i",
        "0",
        "-d",
        "0",
    ]
