# SPDX-License-Identifier: Apache-2.0
"""stress-ng as a load of the board, running once its workers have used the processor."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.load import stress
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    ParameterError,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place

START_LIMIT_S = 15.0
STOP_LIMIT_S = 10.0  # from SIGINT, at which it tells its figures, to SIGKILL
LOOK_S = 0.01
USED_TICKS = 2  # clock ticks of processor time of all workers, proc_pid_stat(5)


class StressLoad:
    """One stress-ng with its workers, on the board itself."""

    def __init__(self, load: Mapping[str, Any], place: Place) -> None:
        if load.get("guest") is not None:
            raise ParameterError(f"load {load['name']}: stress-ng runs on the board, not in a guest")
        self._load = load
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._file = ""
        self._figures = b""
        self.command: list[str] = stress.command(load, "figures.yaml")

    def start(self) -> None:
        self._file = self._place.new_file("stress")
        bound = [] if self._load.get("cpu") is None else ["taskset", "-c", str(self._load["cpu"])]
        # its workers end with it, and it with this process
        self.command = ["setpriv", "--pdeathsig", "KILL", *bound, *stress.command(self._load, self._file)]
        environment = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C"}
        try:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=environment, cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise MeasurementError(
                f"load {self._load['name']}: {error.filename}: {error.strerror}"
            ) from error

    def wait_until_running(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while self._used() < USED_TICKS:
            if self.over():
                assert self._process is not None
                raise MeasurementError(
                    f"ended before it ran, with status {self._process.returncode}: {quote(' '.join(self.command))}"
                )
            if time.monotonic() > deadline:
                raise MeasurementError(f"no worker ran in {START_LIMIT_S:.0f} s")
            time.sleep(LOOK_S)

    def over(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        if self._process is not None:
            for number in (signal.SIGINT, signal.SIGKILL):
                if self._process.poll() is None:
                    self._process.send_signal(number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(STOP_LIMIT_S)
        if self._file:
            self._figures, self._file = self._place.take(self._file), ""

    def achieved(self, began: float, ended: float) -> dict[str, float]:  # noqa: ARG002  stress-ng tells only of all its time
        """What stress-ng told of the whole time that it ran."""
        return stress.achieved(self._figures.decode("utf-8", errors="replace"))

    def _used(self) -> int:
        """Processor time of the workers, in clock ticks."""
        assert self._process is not None
        return sum(_ticks(pid) for pid in _descendants(self._process.pid))


def _descendants(pid: int) -> list[int]:
    """Children of a process, and theirs."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [process for child in children for process in (int(child), *_descendants(int(child)))]


def _ticks(pid: int) -> int:
    """utime and stime, fields 14 and 15 of /proc/PID/stat; 0 where it has ended."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
