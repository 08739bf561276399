# SPDX-License-Identifier: Apache-2.0
"""irtt as the engine of measuring/ takes it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.irtt.command import (
    GRACE_S,
    PORT,
    Asked,
    client_command,
    read_parameters,
    server_command,
)
from ansible_collections.netlab.testbed.plugins.module_utils.irtt.parser import parse
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import (
    Flow,
    Output,
    Result,
    Server,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.waiting import run

PROBE_LIMIT_S = 10.0
SETTING_UP_S = 0.2  # to start Go's runtime and open the connection, in an emulated guest


class Irtt:
    """Satisfies measuring.instrument.Instrument."""

    name = "irtt"
    port = PORT
    file_suffix: str | None = ".json.gz"

    def read_parameters(self, raw: Any) -> Asked:
        return read_parameters(raw)

    def command(self, asked: Asked, flow: Flow, file: str) -> list[str]:
        return client_command(asked, flow, file)

    def servers(self, address: str, port: int) -> list[Server]:
        return [Server(server_command(address, port), "udp")]

    def check_together(self, asked: Asked, flows: Sequence[Flow]) -> None:
        """Its server tells clients apart by a token."""

    def expected_s(self, asked: Asked) -> float | None:
        return asked.duration_s + SETTING_UP_S

    def time_limit_s(self, asked: Asked) -> float:
        return asked.time_limit_s

    def warm_up(self, asked: Asked, seconds: float) -> Asked:
        """At least two probes."""
        long_enough = max(seconds, 2 * asked.interval_ms / 1e3)
        return dataclasses.replace(
            asked, duration_s=round(long_enough, 6), time_limit_s=long_enough + GRACE_S
        )

    def local_cpus(self, asked: Asked) -> dict[str, int]:  # noqa: ARG002  flows are pinned
        return {}

    def why_it_hung(self, asked: Asked) -> str:  # noqa: ARG002  it has no reason to
        return ""

    def parse(self, output: Output, asked: Asked) -> Result:
        return parse(output, asked)

    def asked_meanwhile(self, asked: Asked) -> Sequence[Flag]:  # noqa: ARG002  only once its time is over
        return []

    def probe(self, place: Place) -> dict[str, Any]:
        """Its version."""
        rc, stdout, stderr = run(place, ["irtt", "version"], PROBE_LIMIT_S)
        version = re.search(r"^irtt version: (\S{1,32})$", stdout, re.MULTILINE)
        if rc != 0 or not version:
            raise MeasurementError(
                f"irtt on {place.name} does not tell its version: {quote(stdout + stderr)}"
            )
        return {"version": version[1]}


INSTRUMENT = Irtt()
