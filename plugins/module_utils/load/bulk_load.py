# SPDX-License-Identifier: Apache-2.0
"""Bulk traffic as a load: in a guest or on the board, running once bytes have moved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.load import bulk
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place, Running

MOVED = 256 * 1024  # bytes after which it runs: more than a handshake and whatever else a network says
START_LIMIT_S = 15.0
LOOK_S = 0.02
DEVICES = ("/proc/net/dev",)


class BulkLoad:
    """One netperf. Where it runs in a guest, its clock is the guest's: its start is taken for the same moment."""

    def __init__(self, load: Mapping[str, Any], place: Place) -> None:
        self._load = load
        self._place = place
        self._in_guest = load.get("guest") is not None
        self._interfaces = list(load.get("interfaces") or ())
        self._program: Running | None = None
        self._started = 0.0
        bound = [] if load.get("cpu") is None else ["taskset", "-c", str(load["cpu"])]
        # a child of a process that is killed ends with it; a guest's agent has no such tie, but -l bounds it
        tied = [] if self._in_guest else ["setpriv", "--pdeathsig", "KILL"]
        self.command = [*tied, *bound, *bulk.command(load)]

    def start(self) -> None:
        self._before = self._moved()
        self._started = time.time()
        self._program = self._place.start(self.command)

    def wait_until_running(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while self._moved() - self._before < MOVED:
            if self.over():
                raise MeasurementError(f"ended before it ran: {self._words()}")
            if time.monotonic() > deadline:
                raise MeasurementError(f"moved nothing in {START_LIMIT_S:.0f} s")
            time.sleep(LOOK_S)

    def over(self) -> bool:
        return self._program is not None and self._program.ended() is not None

    def stop(self) -> None:
        if self._program is not None:
            self._program.kill()

    def achieved(self, began: float, ended: float) -> dict[str, float]:
        """``mbit_per_s`` between two moments of this board's clock; empty where netperf told nothing."""
        found = bulk.stretches(self._output())
        if not found:
            return {}
        ahead = found[0].began - self._started if self._in_guest else 0.0
        rate = bulk.mean_rate(found, began + ahead, ended + ahead)
        return {} if rate is None else {"mbit_per_s": round(rate, 3)}

    def _moved(self) -> int:
        return bulk.bytes_moved(self._place.read(DEVICES), self._interfaces)

    def _output(self) -> str:
        ended = self._program.ended() if self._program is not None else None
        return "" if ended is None else ended[1] + ended[2]

    def _words(self) -> str:
        return quote(self._output().strip() or "it said nothing")
