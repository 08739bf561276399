# SPDX-License-Identifier: Apache-2.0
"""Programs on this board itself: in the namespaces that this process is in."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import (
    MAXIMUM_FILE,
    READ_LIMIT_S,
    Ended,
)

MAXIMUM_PRINTED = 16 * 1024 * 1024  # bytes of stdout or stderr, as many as a guest's agent keeps


class Child:
    """A child of this process. Its output goes to files: a full pipe would stop it while nobody reads."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = list(argv)
        self.looks = 0  # asking a child wakes nobody
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  see _close
        environment = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C"}
        try:
            self._process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, env=environment
            )
        except OSError as error:
            self._close()
            if isinstance(error, FileNotFoundError):
                raise MeasurementError(f"{self.argv[0]} is not installed on this board") from error
            raise MeasurementError(f"{self.argv[0]} cannot be run on this board: {error.strerror}") from error
        self.fd: int | None = os.pidfd_open(self._process.pid)
        self._result: Ended | None = None

    def ended(self) -> Ended | None:
        if self._result is None and self._process.poll() is not None:
            self._result = (self._process.returncode, _text(self._out), _text(self._err))
            self._close()
            if self.fd is not None:
                os.close(self.fd)
                self.fd = None
        return self._result

    def kill(self) -> None:
        if self._result is None:
            self._process.kill()
            self._process.wait(READ_LIMIT_S)
            self.ended()

    def _close(self) -> None:
        self._out.close()
        self._err.close()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MAXIMUM_PRINTED).decode("utf-8", errors="replace")


class OnBoard:
    """This board as a place."""

    name = "this board"

    def start(self, argv: Sequence[str]) -> Child:
        return Child(argv)

    def read(self, files: Sequence[str]) -> str:
        texts = [Path(file) for file in files]
        return "".join(text.read_text(encoding="ascii", errors="replace") for text in texts if text.exists())

    def new_file(self, label: str, suffix: str = "") -> str:
        handle, path = tempfile.mkstemp(prefix=f"netlab-testbed-{label}-", suffix=suffix)
        os.close(handle)
        return path

    def take(self, path: str) -> bytes:
        try:
            with Path(path).open("rb") as file:
                return file.read(MAXIMUM_FILE)
        except FileNotFoundError:
            return b""
        finally:
            Path(path).unlink(missing_ok=True)
