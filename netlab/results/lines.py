# SPDX-License-Identifier: Apache-2.0
"""An append-only file of one JSON object a line, safe against being cut off while a line is written.

A line counts from the moment its newline is on disk. What stands after the last newline was being written
when the power went or kill -9 came: readers pass over it, the next writer cuts it off.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from netlab.errors import InvalidInput, NetlabError, Problem

LOCK_SECONDS = 1.0  # a reader asking whether somebody writes holds the lock for an instant
LARGEST_LINE = 16 << 20  # bytes; a result is some thousand
LARGEST_FILE = 128 << 20  # bytes: some 18000 results, which take 250 MB of memory when they are read
_LONE_SURROGATE = re.compile(rb"(?i)\\ud[89a-f][0-9a-f]{2}")


def read(path: Path) -> list[dict[str, Any]]:
    """Every whole line. Raises InvalidInput, with file and line, for one that is not a JSON object."""
    return list(_each(path))


def _each(path: Path) -> Iterator[dict[str, Any]]:
    """One at a time, and never more than LARGEST_FILE of them."""
    with path.open("rb") as stream:
        number = left = 0
        while line := stream.readline(LARGEST_LINE + 1):
            number += 1
            left += len(line)
            if not line.endswith(b"\n"):
                if len(line) <= LARGEST_LINE or not line.strip(b"\0"):  # torn, or zeros that a power cut left
                    return
                raise _damaged(path, number, f"longer than {LARGEST_LINE} bytes")
            if left > LARGEST_FILE:
                raise _damaged(path, number, f"the file is larger than {LARGEST_FILE} bytes")
            yield _parsed(path, number, line)


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = _decoded(line)
    except ValueError as error:
        raise _damaged(path, number, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _damaged(path, number, "not a JSON object")
    return value


def _decoded(line: bytes) -> Any:
    """ValueError for what is nested deeper than anybody means, and for NaN, too."""
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        # Ansible's way to carry a byte that is not UTF-8, which no encoding of stdout can show
        if not _LONE_SURROGATE.search(line):
            raise
    return from_json(
        json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "replace"), allow_inf_nan=False
    )


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
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
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
        for _line in _each(self._path):  # never append to a file that cannot be read back
            pass
        size = os.fstat(self._handle).st_size
        whole = self._end_of_last_line(size)
        if whole != size:
            os.ftruncate(self._handle, whole)
            os.fsync(self._handle)
        os.lseek(self._handle, whole, os.SEEK_SET)

    def _end_of_last_line(self, end: int) -> int:
        """Behind the last newline, looked for from the end: what is torn may be long."""
        while end:
            start = max(0, end - (1 << 20))
            found = os.pread(self._handle, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def append(self, value: Mapping[str, Any]) -> None:
        """Write one line; when this returns it is on disk. A failed write leaves no part of a line behind."""
        start = os.lseek(self._handle, 0, os.SEEK_CUR)
        rest = memoryview(json.dumps(value, allow_nan=False).encode() + b"\n")
        if len(rest) > LARGEST_LINE or start + len(rest) > LARGEST_FILE:
            raise NetlabError(
                f"{self._path}: a line of {len(rest)} bytes is too large (at most {LARGEST_LINE}, and "
                f"{LARGEST_FILE} in the file)"
            )
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
