# SPDX-License-Identifier: Apache-2.0
"""sockperf as the engine of measuring/ takes it."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    ParameterError,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import (
    Flow,
    Output,
    Result,
    Server,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.waiting import run
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.command import (
    GRACE_S,
    PORT,
    SETTING_UP_S,
    TRANSPORTS,
    Asked,
    client_command,
    read_parameters,
    server_command,
)
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.log import COLOUR
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.parser import parse

PROBE_LIMIT_S = 10.0


class Sockperf:
    """Satisfies measuring.instrument.Instrument."""

    name = "sockperf"
    port = PORT
    file_suffix: str | None = ".log"

    def read_parameters(self, raw: Any) -> Asked:
        return read_parameters(raw)

    def command(self, asked: Asked, flow: Flow, file: str) -> list[str]:
        return client_command(asked, flow, file)

    def servers(self, address: str, port: int) -> list[Server]:
        """One for each transport, at the same number."""
        return [Server(server_command(address, port, transport), transport) for transport in TRANSPORTS]

    def check_together(self, asked: Asked, flows: Sequence[Flow]) -> None:
        """A server that blocks on one socket does not notice a second connection."""
        ends = [(flow.peer_address, flow.control_port) for flow in flows]
        if asked.transport == "tcp" and len(set(ends)) < len(ends):
            raise ParameterError(
                "transport: sockperf's server takes one TCP client at a time; several flows to one end need udp"
            )

    def expected_s(self, asked: Asked) -> float | None:
        return asked.duration_s + SETTING_UP_S

    def time_limit_s(self, asked: Asked) -> float:
        return asked.time_limit_s

    def warm_up(self, asked: Asked, seconds: float) -> Asked:
        """sockperf's -t takes whole seconds."""
        whole = max(1, math.ceil(seconds))
        return dataclasses.replace(asked, duration_s=whole, time_limit_s=whole + GRACE_S)

    def local_cpus(self, asked: Asked) -> dict[str, int]:  # noqa: ARG002  flows are pinned
        return {}

    def why_it_hung(self, asked: Asked) -> str:
        if asked.mode == "ping-pong" and asked.transport == "udp":
            return ": in ping-pong over UDP sockperf waits for a lost answer; under-load does not"
        return ""

    def parse(self, output: Output, asked: Asked) -> Result:
        return parse(output, asked)

    def asked_meanwhile(self, asked: Asked) -> Sequence[Flag]:  # noqa: ARG002  only once its time is over
        return []

    def probe(self, place: Place) -> dict[str, Any]:
        """Its version."""
        rc, stdout, stderr = run(place, ["sockperf", "--version"], PROBE_LIMIT_S)
        version = re.search(r"version (\d[\w.-]{0,31})", COLOUR.sub("", stdout))
        if rc != 0 or not version:
            raise MeasurementError(
                f"sockperf on {place.name} does not tell its version: {quote(stdout + stderr)}"
            )
        return {"version": version[1]}


INSTRUMENT = Sockperf()
