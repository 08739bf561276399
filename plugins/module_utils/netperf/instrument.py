# SPDX-License-Identifier: Apache-2.0
"""netperf as the engine of measuring/ takes it."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, flag, quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import (
    Flow,
    Output,
    Result,
    Server,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.waiting import run
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.command import (
    CONTROL_PORT,
    GRACE_S,
    Asked,
    netperf_command,
    netserver_command,
    read_parameters,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.parser import parse

PROBE_LIMIT_S = 10.0


class Netperf:
    """Satisfies measuring.instrument.Instrument."""

    name = "netperf"
    port = CONTROL_PORT
    file_suffix: str | None = None

    def read_parameters(self, raw: Any) -> Asked:
        return read_parameters(raw)

    def command(self, asked: Asked, flow: Flow, file: str) -> list[str]:  # noqa: ARG002  it writes none
        return netperf_command(asked, flow)

    def servers(self, address: str, port: int) -> list[Server]:
        return [Server(netserver_command(address, port), "tcp")]

    def check_together(self, asked: Asked, flows: Sequence[Flow]) -> None:
        """A netserver has a process for each."""

    def expected_s(self, asked: Asked) -> float | None:
        return asked.duration_s

    def time_limit_s(self, asked: Asked) -> float:
        return asked.time_limit_s

    def warm_up(self, asked: Asked, seconds: float) -> Asked:
        """netperf's -l takes whole seconds."""
        whole = max(1, math.ceil(seconds))
        return dataclasses.replace(asked, duration_s=whole, transactions=None, time_limit_s=whole + GRACE_S)

    def local_cpus(self, asked: Asked) -> dict[str, int]:
        return {} if asked.local_cpu is None else {"cpu.local": asked.local_cpu}

    def why_it_hung(self, asked: Asked) -> str:
        if asked.test == "UDP_RR" and asked.transactions is not None:
            return (
                ": limited by count, UDP_RR ends only if no answer is lost (netserver counts what it sends); "
                "limit it by duration"
            )
        return ""

    def parse(self, output: Output, asked: Asked) -> Result:
        return parse(output.stdout, output.stderr, output.rc, asked)

    def asked_meanwhile(self, asked: Asked) -> Sequence[Flag]:
        if asked.duration_s is not None:
            return []
        said = (
            "limited by count, a run's end is found by asking the guest's agent now and then; a limit by "
            "duration leaves the guest alone"
        )
        return [flag("agent_asked_meanwhile", said)]

    def probe(self, place: Place) -> dict[str, Any]:
        """Its version, and whether -w and -b are compiled in.

        netperf takes its options one by one, remarks on those that it lacks, and ends at -V before it connects.
        """
        rc, stdout, stderr = run(place, ["netperf", "-w", "10ms", "-b", "1", "-V"], PROBE_LIMIT_S)
        version = re.search(r"^Netperf version (\S{1,32})$", stdout, re.MULTILINE)
        if rc != 0 or not version:
            raise MeasurementError(
                f"netperf on {place.name} does not tell its version: {quote(stdout + stderr)}"
            )
        return {"version": version[1], "can_pace": "not compiled in" not in stdout}


INSTRUMENT = Netperf()
