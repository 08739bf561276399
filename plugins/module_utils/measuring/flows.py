# SPDX-License-Identifier: Apache-2.0
"""Programs that measure at the same time: started as close together as can be, and all ended."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Ended, Place, Running
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.setup import now
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.waiting import wait_for_end

Told = TypeVar("Told")


@dataclass(frozen=True)
class Command:
    """What is to run, and where."""

    place: Place
    argv: list[str]


@dataclass
class Run:
    """One that ran. ``started`` is just before, ``finished`` when its end was seen: at most 20 ms late."""

    started: str
    started_ns: int
    finished: str
    ended: Ended
    looks: int


def at_once(tasks: Sequence[Callable[[], Told]]) -> list[Told]:
    """Call them all at the same time; what each returns. The first error, once all have returned."""
    if len(tasks) <= 1:
        return [task() for task in tasks]
    barrier = threading.Barrier(len(tasks))
    results: list[Any] = [None] * len(tasks)
    errors: list[BaseException] = []

    def call(number: int) -> None:
        barrier.wait()
        try:
            results[number] = tasks[number]()
        except BaseException as error:  # noqa: BLE001  raised again below, in the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def run_together(commands: Sequence[Command], limit_s: float, expected_s: float | None) -> list[Run]:
    """Run them all to their ends. Whatever goes wrong, none is left running. TimeOver, MeasurementError."""
    programs: dict[int, Running] = {}
    started: dict[int, tuple[str, int]] = {}
    finished: dict[int, str] = {}

    def start(number: int) -> None:
        started[number] = (now(), time.time_ns())
        programs[number] = commands[number].place.start(commands[number].argv)

    def seen(program: Running) -> None:
        finished[id(program)] = now()

    try:
        at_once([functools.partial(start, number) for number in range(len(commands))])
        in_order = [programs[number] for number in range(len(commands))]
        ended = wait_for_end(in_order, limit_s, expected_s, seen)
    finally:
        for program in programs.values():
            program.kill()
    return [
        Run(*started[number], finished[id(program)], ended[number], program.looks)
        for number, program in enumerate(in_order)
    ]
