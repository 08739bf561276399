# SPDX-License-Identifier: Apache-2.0
"""One trial of any instrument: pause, loads, warm-up, counters, the flows, counters, and what can be believed.

Between the two readings of the counters nothing of ours runs on the board or in a guest, but for the agent's
own work in a guest (waiting.py) and the loads that the trial asks for. Whatever goes wrong is the trial's
reason, not an exception.
"""

from __future__ import annotations

import contextlib
import math
import time
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    ParameterError,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import broken, each_rule_once
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flows import Run
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Instrument
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.judging import judge, keep
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.places import Places
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.session import Session
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.setup import Setup, blank_trial, now
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

MAXIMUM_WAIT_S = 3600.0
LOAD_GRACE_S = 60.0  # for the loads themselves to start, beside what they have to outlast


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
    instrument.check_together(asked, setup.flows)
    warm_up = instrument.warm_up(asked, setup.warm_up_s) if setup.warm_up_s else None
    result["command"] = [instrument.name]
    session = Session(instrument, setup.flows, places)
    result["command"] = session.command(asked, setup.flows[0])
    time.sleep(setup.pause_s)
    lasting = sum(instrument.time_limit_s(told) for told in (asked, warm_up) if told is not None)
    try:
        with _loads(setup, places, lasting) as loads:
            result["loads"] = loads
            if warm_up is not None:
                _warm_up(session, warm_up)
            runs = _counted(session, asked, setup, result)
        outputs = session.outputs(runs)
    finally:
        session.discard()
    keep(session, asked, runs, outputs, result)
    for load in result["loads"]:
        if load["reason"]:
            raise MeasurementError(f"load {load['name']}: {load['reason']}")
    judge(session, asked, runs, outputs, result)


def _loads(
    setup: Setup, places: Places, lasting_s: float
) -> contextlib.AbstractContextManager[list[dict[str, Any]]]:
    """The loads run from before the warm-up until after the last flow's end, or the trial fails.

    That makes every sample one in full overlap with every load, by the order of events and not by clocks.
    """
    if not setup.loads:
        return contextlib.nullcontext([])
    from ansible_collections.netlab.testbed.plugins.module_utils.load.running import running

    limit = math.ceil(lasting_s + LOAD_GRACE_S)
    return running([{"limit_s": limit, **load} for load in setup.loads], places.lend)


def _warm_up(session: Session, asked: Any) -> None:
    """Run the same and throw it away; but what fails now would fail again."""
    try:
        for output in session.outputs(session.run(asked)):
            session.instrument.parse(output, asked)
    except MeasurementError as error:
        raise MeasurementError(f"warm-up: {error}", error.rule) from error


def _counted(session: Session, asked: Any, setup: Setup, result: dict[str, Any]) -> list[Run]:
    """The flows between two readings of the counters."""
    result["counters"]["before"], texts = session.counters(setup.interfaces)
    session.check_cpus(asked, texts)
    result["started"] = now()
    try:
        return session.run(asked)
    finally:
        result["finished"] = now()
        result["counters"]["after"], _ = session.counters(setup.interfaces)
