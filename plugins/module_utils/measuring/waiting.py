# SPDX-License-Identifier: Apache-2.0
"""Wait for programs to end, one or many at once, without disturbing what they measure."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import TimeOver
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Ended, Place, Running

# Agent calls while a run of unknown length may still be going on: each wakes the guest for about a
# transaction. So the first comes soon, for short runs, and the rest ever more rarely.
FIRST_LOOK_S = 0.05
LONGEST_PAUSE_S = 0.25
# Once a run should be over, and only its end is waited for.
CLOSE_LOOK_S = 0.02


def wait_for_end(
    programs: Sequence[Running],
    limit_s: float,
    expected_s: float | None = None,
    seen: Callable[[Running], None] | None = None,
) -> list[Ended]:
    """What each ended with. Nobody is asked before ``expected_s`` have passed; children tell by themselves.

    ``seen`` is called with each program as soon as its end is known. TimeOver, with the first program's name,
    when ``limit_s`` have passed; those that run on are then killed.
    """
    begun = time.monotonic()
    ended: dict[int, Ended] = {}

    def look(candidates: Sequence[Running]) -> None:
        for program in candidates:
            found = program.ended()
            if found is not None:
                ended[id(program)] = found
                if seen:
                    seen(program)

    def pending() -> list[Running]:
        return [program for program in programs if id(program) not in ended]

    if expected_s is not None:
        quiet = begun + min(expected_s, limit_s)
        while (left := quiet - time.monotonic()) > 0 and pending():
            look([program for program in _pause(pending(), left) if program.fd is not None])
    pause, growth = (FIRST_LOOK_S, 1.5) if expected_s is None else (CLOSE_LOOK_S, 1.0)
    look(pending() if expected_s is not None else [])
    while waiting := pending():
        left = begun + limit_s - time.monotonic()
        if left <= 0:
            for program in waiting:
                program.kill()
            raise TimeOver(f"{waiting[0].argv[0]} was still running after {limit_s:.0f} s")
        _pause(waiting, min(pause, left))
        look(waiting)
        pause = min(pause * growth, LONGEST_PAUSE_S)
    return [ended[id(program)] for program in programs]


def _pause(programs: Sequence[Running], seconds: float) -> list[Running]:
    """Until a child of this process ends, or the time is over; the children that have ended."""
    children = {program.fd: program for program in programs if program.fd is not None}
    if not children:
        time.sleep(seconds)
        return []
    ready, _, _ = select.select(list(children), [], [], seconds)
    return [children[fd] for fd in ready]


def run(place: Place, argv: Sequence[str], limit_s: float, expected_s: float | None = None) -> Ended:
    """Run one program to its end. TimeOver, and whatever Place.start raises."""
    program = place.start(argv)
    try:
        return wait_for_end([program], limit_s, expected_s)[0]
    finally:
        program.kill()
