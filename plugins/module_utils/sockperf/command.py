# SPDX-License-Identifier: Apache-2.0
"""From a trial's parameters to sockperf's argument vector. Pure.

Facts about the program are from sockperf's source (src/client.cpp, src/packet.cpp, src/defs.h) and from runs of
Debian's 3.6 and 3.7; docs/instruments/sockperf.md tells them in full.
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
    port,
    told,
    whole_number,
)

PORT = 11_111  # sockperf's own default
MODES = ("ping-pong", "under-load")
TRANSPORTS = ("udp", "tcp")
KEYS = ("mode", "transport", "duration_s", "messages_per_second", "message_bytes", "time_limit_s")
# In ping-pong a bound that slower paths never reach; without one sockperf makes room for 600 000 a second.
MESSAGES_PER_SECOND = {"ping-pong": 100_000, "under-load": 100}
DEFAULTS: Mapping[str, Any] = {"mode": "ping-pong", "transport": "udp", "duration_s": 2, "message_bytes": 14}

LEAST_BYTES, MOST_BYTES = 14, 65_507
# sockperf makes room for two stamps of 8 bytes for each message that could be sent, before it starts.
MAXIMUM_MESSAGES = 4_000_000
# It sleeps 2 s between its first message and the measurement, and waits 0.1 s for the last answers.
SETTING_UP_S = 2.2
GRACE_S = 20.0


@dataclass(frozen=True)
class Asked:
    """What a trial asks sockperf for."""

    mode: str
    transport: str
    duration_s: int
    messages_per_second: int
    message_bytes: int
    time_limit_s: float


def read_parameters(raw: Mapping[str, Any]) -> Asked:
    """Check a trial's parameters and fill in what is left out. ParameterError."""
    given = {**DEFAULTS, **told("sockperf", raw, KEYS)}
    mode = choice("mode", given["mode"], MODES)
    duration = whole_number("duration_s", given["duration_s"], 1, 86_400)
    rate = given.get("messages_per_second", MESSAGES_PER_SECOND[mode])
    limit = given.get("time_limit_s")
    asked = Asked(
        mode=mode,
        transport=choice("transport", given["transport"], TRANSPORTS),
        duration_s=duration,
        messages_per_second=whole_number("messages_per_second", rate, 1, 600_000),
        message_bytes=whole_number("message_bytes", given["message_bytes"], LEAST_BYTES, MOST_BYTES),
        time_limit_s=(
            float(whole_number("time_limit_s", limit, 1, 864_000))
            if limit is not None
            else duration + GRACE_S
        ),
    )
    if duration * asked.messages_per_second > MAXIMUM_MESSAGES:
        raise ParameterError(
            f"duration_s, messages_per_second: {duration * asked.messages_per_second} messages are more than the "
            f"{MAXIMUM_MESSAGES} that sockperf has room for in a guest; shorten the run or lower the bound"
        )
    return asked


def client_command(asked: Asked, flow: Flow, file: str) -> list[str]:
    """``--full-rtt``: without it every figure is half of a round trip."""
    argv = ["sockperf", asked.mode, "-i", ip_address("peer_address", flow.peer_address)]
    argv += ["-p", str(port("control_port", flow.control_port))]
    argv += ["--tcp"] if asked.transport == "tcp" else []
    argv += [
        "-t",
        str(asked.duration_s),
        "-m",
        str(asked.message_bytes),
        "--mps",
        str(asked.messages_per_second),
    ]
    argv += ["--reply-every", "1"] if asked.mode == "under-load" else []
    argv += ["--client_ip", ip_address("local_address", flow.local_address)] if flow.local_address else []
    return [*argv, "--full-rtt", "--full-log", file]


def server_command(address: str, control_port: int, transport: str) -> list[str]:
    """It answers on one transport only."""
    argv = ["sockperf", "server", *(["--tcp"] if transport == "tcp" else [])]
    return [*argv, "-i", ip_address("address", address), "-p", str(port("port", control_port))]
