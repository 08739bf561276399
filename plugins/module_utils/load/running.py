# SPDX-License-Identifier: Apache-2.0
"""Loads around a measurement: started first and truly running before it, stopped after it, and told of.

Whatever happens no load outlives this process for long: children end with it, and what runs in a guest is
bounded by its own time limit.
"""

from __future__ import annotations

import contextlib
import datetime
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import FrameType
from typing import Any, NoReturn, Protocol

from ansible_collections.netlab.testbed.plugins.module_utils.load.bulk_load import BulkLoad
from ansible_collections.netlab.testbed.plugins.module_utils.load.stress_load import StressLoad
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    ParameterError,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

PlaceOf = Callable[[str | None], AbstractContextManager[Place]]
Record = dict[str, Any]


class Load(Protocol):
    """One kind of load. Every wait of it is bounded in time."""

    command: list[str]

    def start(self) -> None: ...

    def wait_until_running(self) -> None:
        """MeasurementError where it ends first, or does not get going."""
        ...

    def over(self) -> bool:
        """Whether it has ended, by itself or stopped."""
        ...

    def stop(self) -> None:
        """End it; harmless where it never began."""
        ...

    def achieved(self, began: float, ended: float) -> dict[str, float]:
        """What it did between two moments, seconds since the epoch, told once it has been stopped."""
        ...


KINDS: dict[str, Callable[[Mapping[str, Any], Place], Load]] = {"bulk": BulkLoad, "stress": StressLoad}


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="microseconds")


@contextlib.contextmanager
def running(loads: Sequence[Mapping[str, Any]], place_of: PlaceOf) -> Iterator[list[Record]]:
    """The loads' records; in the block every load runs. They are complete once the block is left.

    MeasurementError where a load does not get going. One that ended before the block did, or did nothing in it, has
    that as its record's ``reason``: not all of the block was under load.
    """
    records: list[Record] = []
    made: list[Load] = []
    with ExitStack() as places, _ended_by_exceptions(bool(loads)):
        began = ended = 0.0
        try:
            for load in loads:
                made.append(_made(load, places.enter_context(place_of(load.get("guest")))))
                records.append(_start(load, made[-1]))
            for load_, record in zip(made, records, strict=True):
                _wait(load_, record)
            began = time.time()
            yield records
        finally:
            ended = time.time()
            _stop(made, records, began, ended)


def _made(load: Mapping[str, Any], place: Place) -> Load:
    kind = KINDS.get(str(load.get("kind")))
    if kind is None:
        raise ParameterError(
            f"load {load.get('name')}: kind: {load.get('kind')!r} is none of {', '.join(KINDS)}"
        )
    return kind(load, place)


def _start(load: Mapping[str, Any], made: Load) -> Record:
    record: Record = {
        "name": load["name"], "kind": load["kind"], "guest": load.get("guest"), "cpu": load.get("cpu"),
        "command": made.command, "started": _iso(time.time()), "running": None, "finished": None,
        "achieved": {}, "reason": None,
    }  # fmt: skip
    made.start()
    record["command"] = made.command
    return record


def _wait(load: Load, record: Record) -> None:
    try:
        load.wait_until_running()
    except (MeasurementError, BoardError) as error:
        record["reason"] = str(error)
        raise MeasurementError(f"load {record['name']}: {error}") from error
    record["running"] = _iso(time.time())


def _stop(made: Sequence[Load], records: Sequence[Record], began: float, ended: float) -> None:
    """Stop every load, even where stopping one goes wrong, and complete the records."""
    with ExitStack() as stops:
        for load, record in zip(made, records, strict=False):
            stops.callback(_complete, load, record, began, ended)
        for load in made[len(records) :]:  # made, but its start went wrong
            stops.callback(load.stop)


def _complete(load: Load, record: Record, began: float, ended: float) -> None:
    try:
        over = load.over()
    finally:
        load.stop()
    record["finished"] = _iso(time.time())
    if not began or record["reason"]:
        return
    record["achieved"] = load.achieved(began, ended)
    if over:
        record["reason"] = "ended before the measurement did: not all of it was under load"
    elif not any(record["achieved"].values()):
        record["reason"] = "did nothing while it was measured"


@contextlib.contextmanager
def _ended_by_exceptions(wanted: bool) -> Iterator[None]:
    """While loads run, a signal that ends this process does so by SystemExit: what is in a guest is stopped then."""
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
