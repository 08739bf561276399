# SPDX-License-Identifier: Apache-2.0
"""Two sockets of an emulated board's QEMU: the port at which the board is told who it is, and QEMU's own monitor."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

LOOK_SECONDS = 0.05


class Lines:
    """A socket that speaks in lines. ``alive`` says why nobody will answer any more, None where somebody might."""

    def __init__(self, path: Path, deadline: float, alive: Callable[[], str | None]) -> None:
        self._deadline, self._alive = deadline, alive
        self._read = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                self._look("QEMU opens no socket")
                time.sleep(LOOK_SECONDS)
        self._socket.settimeout(LOOK_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _look(self, late: str) -> None:
        if reason := self._alive():
            raise BoardError(reason)
        if time.monotonic() > self._deadline:
            raise BoardError(late)

    def send(self, line: bytes) -> None:
        self._socket.settimeout(None)
        with contextlib.suppress(BrokenPipeError):  # receive() tells why
            self._socket.sendall(line)
        self._socket.settimeout(LOOK_SECONDS)

    def receive(self) -> str:
        """The next line. BoardError when it does not come."""
        while b"\n" not in self._read:
            try:
                got = self._socket.recv(4096)
            except TimeoutError:
                self._look("nothing was said in time")
                continue
            except OSError:
                got = b""
            if not got:
                self._look("nothing was said in time")
                time.sleep(LOOK_SECONDS)  # QEMU is ending: its status is there in a moment
            self._read += got
        line, _, self._read = self._read.partition(b"\n")
        return line.decode(errors="replace").strip()


class Monitor:
    """QMP: docs/interop/qmp-spec.rst of QEMU."""

    def __init__(self, path: Path, deadline: float, alive: Callable[[], str | None]) -> None:
        self._lines = Lines(path, deadline, alive)
        self._lines.receive()  # its greeting
        self.ask("qmp_capabilities")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__()

    def ask(self, command: str, **arguments: Any) -> Any:
        self._lines.send(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            told = json.loads(self._lines.receive())
            if "error" in told:
                raise BoardError(f"QEMU refuses {command}: {told['error']['desc']}")
            if "return" in told:
                return told["return"]
            # what is left are events, which nobody waits for
