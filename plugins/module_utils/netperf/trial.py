# SPDX-License-Identifier: Apache-2.0
"""One trial of netperf: counters, the run, counters, and what of it can be believed.

Between the two readings of the counters nothing of ours runs on the board or in the guest, but for the
agent's own work in a guest (place.py). Whatever goes wrong is the trial's reason, not an exception.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.netperf.command import (
    CONTROL_PORT,
    Asked,
    ParameterError,
    netperf_command,
    read_parameters,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.counters import (
    FILES,
    read_counters,
    usable_cpus,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.output import (
    MAXIMUM_OUTPUT,
    Flag,
    MeasurementError,
    flag,
    quote,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.parser import parse
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.place import OnBoard, Place, TimeOver
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

PROBE_LIMIT_S = 10.0


@dataclass(frozen=True)
class Ends:
    """The two ends of the measured connection; ``interfaces`` are the board's that are counted."""

    peer_address: str
    control_port: int = CONTROL_PORT
    local_address: str | None = None
    interfaces: Sequence[str] = ()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


def blank_trial(trial: Mapping[str, Any], board: str, guest: str | None) -> dict[str, Any]:
    """The trial's own keys, and those of its result, not yet filled in."""
    now = _now()
    return {
        **trial,
        "board": board,
        "guest": guest,
        "status": "failed",
        "reason": None,
        "started": now,
        "finished": now,
        "command": [],
        "pacing": None,
        "metrics": {},
        "counters": {"before": {}, "after": {}},
        "flags": [],
        "raw": "",
    }


def run_trial(
    trial: Mapping[str, Any], board: str, guest: str | None, place: Place, ends: Ends
) -> dict[str, Any]:
    """The trial with its result. ``place`` is the guest where there is one, else the board."""
    result = blank_trial(trial, board, guest)
    try:
        asked = read_parameters(trial.get("parameters") or {})
        result["command"] = netperf_command(asked, ends.peer_address, ends.control_port, ends.local_address)
        _measure(result, asked, place, ends)
    except (ParameterError, MeasurementError, BoardError) as error:
        result["reason"] = str(error)
    else:
        result["status"] = "ok"
    return result


def _measure(result: dict[str, Any], asked: Asked, place: Place, ends: Ends) -> None:
    """Fill the result in as far as it comes; what is known of a failed run is kept too."""
    counters = result["counters"]
    counters["before"], text = _counters(place, ends)
    _check_cpu(asked, text, place)
    result["started"] = _now()
    try:
        rc, stdout, stderr = place.run(result["command"], asked.time_limit_s, asked.duration_s)
    except TimeOver as error:
        raise MeasurementError(f"{error}{_why_it_hung(asked)}") from error
    finally:
        result["finished"] = _now()
        counters["after"], _ = _counters(place, ends)
    result["raw"] = (stdout + stderr)[:MAXIMUM_OUTPUT]
    parsed = parse(stdout, stderr, rc, asked)
    result["metrics"] = parsed.metrics
    result["pacing"] = parsed.pacing
    result["flags"] = parsed.flags + _disturbed(place, asked)


def _counters(place: Place, ends: Ends) -> tuple[dict[str, Any], str]:
    """Counters of the board and of the guest, and the text of the place where netperf runs."""
    here = OnBoard().read(FILES)
    counters = {"board": read_counters(here, ends.interfaces)}
    if isinstance(place, OnBoard):
        return counters, here
    there = place.read(FILES)
    return counters | {"guest": read_counters(there)}, there


def _check_cpu(asked: Asked, text: str, place: Place) -> None:
    """netperf passes a CPU over, without a word, that it cannot be bound to."""
    cpus = usable_cpus(text)
    if asked.local_cpu is not None and cpus is not None and asked.local_cpu not in cpus:
        raise MeasurementError(
            f"cpu.local: {place.name} cannot run netperf on CPU {asked.local_cpu}; it may use "
            f"{', '.join(map(str, sorted(cpus)))}"
        )


def _why_it_hung(asked: Asked) -> str:
    if asked.test == "UDP_RR" and asked.transactions is not None:
        return (
            ": limited by count, UDP_RR ends only if no answer is lost (netserver counts what it sends); "
            "limit it by duration"
        )
    return ""


def _disturbed(place: Place, asked: Asked) -> list[Flag]:
    if not place.looks or asked.duration_s is not None:
        return []
    said = (
        "limited by count, a run's end is found by asking the guest's agent now and then; a limit by duration"
    )
    return [flag("agent_asked_meanwhile", f"{said} leaves the guest alone")]


def probe(place: Place) -> dict[str, Any]:
    """What this netperf can do: its version, and whether -w and -b are compiled in. Raises MeasurementError.

    netperf takes its options one by one, remarks on those that it lacks, and ends at -V before it connects.
    """
    rc, stdout, stderr = place.run(["netperf", "-w", "10ms", "-b", "1", "-V"], PROBE_LIMIT_S, None)
    version = re.search(r"^Netperf version (\S{1,32})$", stdout, re.MULTILINE)
    if rc != 0 or not version:
        raise MeasurementError(f"netperf on {place.name} does not tell its version: {quote(stdout + stderr)}")
    return {"version": version[1], "can_pace": "not compiled in" not in stdout}
