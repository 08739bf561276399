# SPDX-License-Identifier: Apache-2.0
"""An append-only file of one JSON object a line, safe against being cut off while a line is written.

A line counts from the moment its newline is on disk. What stands after the last newline was being written
when the power went or kill -9 came: readers pass over it, the next writer cuts it off.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netlab.errors import InvalidInput, NetlabError, Problem

LOCK_SECONDS = 1.0  # a reader asking whether somebody writes holds the lock for an instant


def read(path: Path) -> list[dict[str, Any]]:
    """Every whole line. Raises InvalidInput, with file and line, for one that is not a JSON object."""
    return _parse(path, _whole(path.read_bytes()))


def _whole(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _parse(path: Path, content: bytes) -> list[dict[str, Any]]:
    found = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            value = json.loads(line)
        except ValueError as error:
            raise _damaged(path, number, f"not JSON: {error}") from error
        if not isinstance(value, dict):
            raise _damaged(path, number, "not a JSON object")
        found.append(value)
    return found


def _damaged(path: Path, line: int, message: str) -> InvalidInput:
    expected = "the line as it was written; results are append-only, so restore the file from a copy"
    return InvalidInput([Problem(message, str(path), line, None, expected)])


def is_being_written(path: Path) -> bool:
    """Whether some process holds the file as its writer."""
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class LineWriter:
    """The one writer of a file of lines; a second one is refused while this one lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._lock()
            self._cut_torn_line()
        except BaseException:
            os.close(self._handle)
            raise

    def _lock(self) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise NetlabError(f"{self._path} is being written by another netlab") from error
                time.sleep(0.02)
            else:
                return

    def _cut_torn_line(self) -> None:
        content = self._path.read_bytes()
        whole = _whole(content)
        _parse(self._path, whole)  # never append to a file that cannot be read back
        if len(whole) != len(content):
            os.ftruncate(self._handle, len(whole))
            os.fsync(self._handle)
        os.lseek(self._handle, len(whole), os.SEEK_SET)

    def append(self, value: Mapping[str, Any]) -> None:
        """Write one line; when this returns it is on disk. A failed write leaves no part of a line behind."""
        start = os.lseek(self._handle, 0, os.SEEK_CUR)
        rest = memoryview(json.dumps(value, allow_nan=False).encode() + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        except OSError:  # no space left: the next line must not be glued to half of this one
            os.ftruncate(self._handle, start)
            os.lseek(self._handle, start, os.SEEK_SET)
            raise

    def close(self) -> None:
        """Let another process write. Closing twice is allowed."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
