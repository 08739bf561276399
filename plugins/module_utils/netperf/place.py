# SPDX-License-Identifier: Apache-2.0
"""Where netperf runs: on this board itself, or in one of its guests through the guest's agent."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Protocol

from ansible_collections.netlab.testbed.plugins.module_utils.guest_agent import GuestAgent
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.output import MeasurementError

# Agent calls while a run limited by count may still be going on: each wakes the guest for about a
# transaction. So the first comes soon, for short runs, and the rest ever more rarely.
FIRST_LOOK_S = 0.05
LONGEST_PAUSE_S = 0.25
# Once the run should be over, and only its end is waited for.
CLOSE_LOOK_S = 0.02
READ_LIMIT_S = 10.0

Ended = tuple[int, str, str]


class TimeOver(MeasurementError):
    """The program did not end within its time; it was killed."""


class Place(Protocol):
    """``looks``: how often the place was asked, during the last run, whether it had ended."""

    name: str
    looks: int

    def run(self, argv: list[str], limit_s: float, expected_s: float | None) -> Ended:
        """Run a program to its end: status, stdout, stderr. MeasurementError where it cannot, TimeOver."""
        ...

    def read(self, files: tuple[str, ...]) -> str:
        """The files' text, one after the other; a file that is not there is passed over."""
        ...


class OnBoard:
    """This machine, or the namespaces that this process is in."""

    name = "this board"
    looks = 0  # waiting for a child wakes nobody

    def run(self, argv: list[str], limit_s: float, expected_s: float | None = None) -> Ended:  # noqa: ARG002
        environment = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C"}
        try:
            ended = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
                check=False,
                env=environment,
            )
        except FileNotFoundError as error:
            raise MeasurementError(f"{argv[0]} is not installed on {self.name}") from error
        except OSError as error:
            raise MeasurementError(f"{argv[0]} cannot be run on {self.name}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise TimeOver(f"{argv[0]} was still running after {limit_s:.0f} s") from error
        return ended.returncode, ended.stdout, ended.stderr

    def read(self, files: tuple[str, ...]) -> str:
        texts = [Path(file) for file in files]
        return "".join(text.read_text(encoding="ascii", errors="replace") for text in texts if text.exists())


class InGuest:
    """A running guest. The agent is not asked while a run of known length goes on."""

    def __init__(self, agent: GuestAgent, name: str) -> None:
        self.agent = agent
        self.name = f"guest {name}"
        self.looks = 0

    def run(self, argv: list[str], limit_s: float, expected_s: float | None = None) -> Ended:
        self.looks = 0
        pid = self.agent.start(argv)
        begun = time.monotonic()
        pause, growth = FIRST_LOOK_S, 1.5
        if expected_s is not None:
            time.sleep(min(expected_s, limit_s))
            pause, growth = CLOSE_LOOK_S, 1.0
        while True:
            time.sleep(min(pause, max(0.0, begun + limit_s - time.monotonic())))
            ended = self.agent.collect(pid)
            if ended is not None:
                return ended
            self.looks += 1
            if time.monotonic() - begun >= limit_s:
                self._kill(pid)
                raise TimeOver(f"{argv[0]} was still running after {limit_s:.0f} s")
            pause = min(pause * growth, LONGEST_PAUSE_S)

    def _kill(self, pid: int) -> None:
        """End it and collect it, so that the agent forgets it and nothing disturbs the next trial."""
        self.agent.run(["kill", "-KILL", str(pid)], timeout=READ_LIMIT_S)
        deadline = time.monotonic() + READ_LIMIT_S
        while self.agent.collect(pid) is None and time.monotonic() < deadline:
            time.sleep(CLOSE_LOOK_S)

    def read(self, files: tuple[str, ...]) -> str:
        return self.agent.run(["cat", *files], timeout=READ_LIMIT_S)[1]
