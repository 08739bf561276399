# SPDX-License-Identifier: Apache-2.0
"""One trial of any instrument: pause, loads, warm-up, counters, the flows, counters, and what can be believed.

Between the two readings of the counters nothing of ours runs on the board or in a guest, but for the agent's
own work in a guest (waiting.py) and the loads that the trial asks for. Whatever goes wrong is the trial's
reason, not an exception.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.counters import (
    FILES,
    read_counters,
    usable_cpus,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    ParameterError,
    TimeOver,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import broken, each_rule_once
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flows import (
    Command,
    Run,
    at_once,
    now,
    run_together,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import (
    Flow,
    Instrument,
    Output,
    Result,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.merge import merged
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.places import Places
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.rules import retransmission
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import encode
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

KEPT = 64 * 1024  # characters of a flow's output that are kept verbatim; samples hold the rest
MAXIMUM_WAIT_S = 3600.0


@dataclass(frozen=True)
class Setup:
    """What is measured, and around it. ``interfaces`` are the board's that are counted."""

    trial: Mapping[str, Any]
    board: str
    flows: Sequence[Flow]
    loads: Sequence[Mapping[str, Any]] = ()
    interfaces: Sequence[str] = ()
    warm_up_s: float = 0.0
    pause_s: float = 0.0
    pins: Any = None


@dataclass
class _Prepared:
    """A flow that can start."""

    flow: Flow
    place: Place
    files: list[str] = field(default_factory=list)


def blank_trial(setup: Setup) -> dict[str, Any]:
    """The trial's own keys, and those of its result, not yet filled in."""
    moment = now()
    return {
        **setup.trial,
        "board": setup.board,
        "guest": setup.flows[0].guest if setup.flows else None,
        "status": "failed",
        "reason": None,
        "started": moment,
        "finished": moment,
        "command": [],
        "pacing": None,
        "metrics": {},
        "counters": {"before": {}, "after": {}},
        "flags": [],
        "raw": "",
        "flows": [],
        "loads": [],
        "pins": setup.pins,
        "samples": None,
    }


def run_trial(instrument: Instrument[Any], setup: Setup, places: Places) -> dict[str, Any]:
    """The trial with its result."""
    result = blank_trial(setup)
    try:
        _measure(instrument, setup, places, result)
    except (MeasurementError, BoardError) as error:
        result["reason"] = str(error)
        if isinstance(error, MeasurementError) and error.rule:
            result["flags"] = each_rule_once([*result["flags"], broken(error.rule, str(error))])
        result["metrics"], result["samples"] = {}, None
    else:
        result["status"] = "ok"
    return result


def _measure(instrument: Instrument[Any], setup: Setup, places: Places, result: dict[str, Any]) -> None:
    """Fill the result in as far as it comes; what is known of a failed run is kept too."""
    if not setup.flows:
        raise ParameterError("flows: there is none, so nothing is measured")
    for name, seconds in (("warm_up_s", setup.warm_up_s), ("pause_s", setup.pause_s)):
        if not 0 <= seconds <= MAXIMUM_WAIT_S:
            raise ParameterError(f"{name}: {seconds:g} is not from 0 to {MAXIMUM_WAIT_S:g} seconds")
    asked = instrument.read_parameters(setup.trial.get("parameters") or {})
    flows = [_Prepared(flow, places.at(flow.guest)) for flow in setup.flows]
    warm_up = instrument.warm_up(asked, setup.warm_up_s) if setup.warm_up_s else None
    result["command"] = _command(instrument, asked, flows[0].flow, "FILE")
    time.sleep(setup.pause_s)
    with _loads(setup) as loads:
        result["loads"] = loads
        if warm_up is not None:
            _warm_up(instrument, warm_up, flows)
        runs = _run_counted(instrument, asked, flows, setup, result)
    early = [load for load in result["loads"] if load.get("reason")]
    if early:
        raise MeasurementError(f"load {early[0].get('name')}: {early[0]['reason']}")
    _read(instrument, asked, flows, runs, result)


def _command(instrument: Instrument[Any], asked: Any, flow: Flow, file: str) -> list[str]:
    """With the CPU that the flow is pinned to: taskset(1) sets what the program inherits."""
    argv = instrument.command(asked, flow, file if instrument.writes_file else "")
    return argv if flow.cpu is None else ["taskset", "-c", str(flow.cpu), *argv]


@contextlib.contextmanager
def _loads(setup: Setup) -> Iterator[list[dict[str, Any]]]:
    """The loads run from before the warm-up until after the last flow's end, or the trial fails.

    That makes every sample one in full overlap with every load, by order of events and not by clocks.
    """
    if setup.loads:
        raise MeasurementError("loads: this version cannot run any")
    yield []


def _warm_up(instrument: Instrument[Any], asked: Any, flows: Sequence[_Prepared]) -> None:
    """Run the same and throw it away; but what fails now would fail again."""
    try:
        runs = _run(instrument, asked, flows)
        for flow, run in zip(flows, runs, strict=True):
            instrument.parse(_output(instrument, flow, run), asked)
    except MeasurementError as error:
        raise MeasurementError(f"warm-up: {error}", error.rule) from error


def _run(instrument: Instrument[Any], asked: Any, flows: Sequence[_Prepared]) -> list[Run]:
    commands = []
    for number, flow in enumerate(flows):
        file = flow.place.new_file(f"{instrument.name}{number}") if instrument.writes_file else ""
        flow.files = [file] if file else []
        commands.append(Command(flow.place, _command(instrument, asked, flow.flow, file)))
    try:
        return run_together(commands, instrument.time_limit_s(asked), instrument.expected_s(asked))
    except TimeOver as error:
        for flow in flows:
            _take(flow)
        raise TimeOver(f"{error}{instrument.why_it_hung(asked)}") from error


def _take(flow: _Prepared) -> bytes:
    content = b"".join(flow.place.take(path) for path in flow.files)
    flow.files = []
    return content


def _output(instrument: Instrument[Any], flow: _Prepared, run: Run) -> Output:
    return Output(*run.ended, file=_take(flow) if instrument.writes_file else b"")


def _run_counted(
    instrument: Instrument[Any],
    asked: Any,
    flows: Sequence[_Prepared],
    setup: Setup,
    result: dict[str, Any],
) -> list[Run]:
    """The flows between two readings of the counters."""
    before, texts = _counters(flows, setup.interfaces)
    result["counters"]["before"] = before
    for number, flow in enumerate(flows):
        _check_cpus(instrument, asked, flow, texts[number])
    result["started"] = now()
    try:
        return _run(instrument, asked, flows)
    finally:
        result["finished"] = now()
        result["counters"]["after"], _ = _counters(flows, setup.interfaces)


def _counters(flows: Sequence[_Prepared], interfaces: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Of the board and the guests, and for each flow the text of its place.

    ``guest`` is the first flow's; where several guests measure, ``guests`` has each by its name.
    """
    names = list(dict.fromkeys(flow.flow.guest for flow in flows if flow.flow.guest is not None))
    places = {flow.flow.guest: flow.place for flow in flows}
    read = at_once([functools.partial(places[name].read, FILES) for name in names])
    texts: dict[str | None, str] = dict(zip(names, read, strict=True))
    texts[None] = Places.board().read(FILES)
    counters: dict[str, Any] = {"board": read_counters(texts[None], interfaces)}
    guests = {name: read_counters(texts[name]) for name in names}
    if flows[0].flow.guest is not None:
        counters["guest"] = guests[flows[0].flow.guest]
    if len(guests) > 1:
        counters["guests"] = guests
    return counters, [texts[flow.flow.guest] for flow in flows]


def _check_cpus(instrument: Instrument[Any], asked: Any, flow: _Prepared, text: str) -> None:
    """Programs pass a CPU over, without a word, that they cannot be bound to."""
    usable = usable_cpus(text)
    wanted = dict(instrument.local_cpus(asked))
    if flow.flow.cpu is not None:
        if wanted:
            name = next(iter(wanted))
            raise ParameterError(f"{name}: this flow is pinned to CPU {flow.flow.cpu} already")
        wanted["cpu"] = flow.flow.cpu
    for name, cpu in wanted.items():
        if usable is not None and cpu not in usable:
            raise ParameterError(
                f"{name}: {flow.place.name} cannot run {instrument.name} on CPU {cpu}; it may use "
                f"{', '.join(map(str, sorted(usable)))}"
            )


def _read(
    instrument: Instrument[Any],
    asked: Any,
    flows: Sequence[_Prepared],
    runs: Sequence[Run],
    result: dict[str, Any],
) -> None:
    """From the flows' outputs to the trial's figures."""
    outputs = [_output(instrument, flow, run) for flow, run in zip(flows, runs, strict=True)]
    result["raw"] = _raw(flows, outputs)
    result["flows"] = [
        {
            "guest": flow.flow.guest,
            "peer_address": flow.flow.peer_address,
            "cpu": flow.flow.cpu,
            "started": run.started,
            "finished": run.finished,
            "command": _command(instrument, asked, flow.flow, "FILE"),
            "metrics": {},
            "reason": None,
        }
        for flow, run in zip(flows, runs, strict=True)
    ]
    parsed: list[Result] = []
    failures: list[tuple[int, MeasurementError]] = []
    for number, output in enumerate(outputs):
        try:
            parsed.append(instrument.parse(output, asked))
            result["flows"][number]["metrics"] = parsed[-1].metrics
        except MeasurementError as error:
            result["flows"][number]["reason"] = str(error)
            failures.append((number, error))
    if failures:
        number, failure = failures[0]
        where = f"flow {number} ({flows[number].place.name}): " if len(flows) > 1 else ""
        raise MeasurementError(f"{where}{failure}", failure.rule)
    whole = merged(parsed)
    result["metrics"], result["pacing"] = whole.metrics, whole.pacing
    counters = result["counters"]
    where = "guest" if flows[0].flow.guest is not None else "board"
    meanwhile = instrument.asked_meanwhile(asked) if any(run.looks for run in runs) else []
    result["flags"] = each_rule_once(
        [
            *whole.flags,
            *meanwhile,
            *retransmission(whole.metrics, counters["before"][where], counters["after"][where]),
        ]
    )
    result["samples"] = encode([one.samples for one in parsed])


def _raw(flows: Sequence[_Prepared], outputs: Sequence[Output]) -> str:
    """Verbatim; with several flows each under a line that says whose it is. Long ones are cut, and say so."""
    parts = []
    for number, (flow, output) in enumerate(zip(flows, outputs, strict=True)):
        text = output.stdout + output.stderr + output.file.decode("utf-8", errors="replace")
        if len(text) > KEPT:
            text = f"{text[:KEPT]}\n[{len(text) - KEPT} more characters are left out]\n"
        parts.append(f"[flow {number}: {flow.place.name}]\n{text}" if len(flows) > 1 else text)
    return "".join(parts)
