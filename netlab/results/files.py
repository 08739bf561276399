# SPDX-License-Identifier: Apache-2.0
"""Files that are either wholly there or not at all, whenever the power goes."""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Write `content` to `path`: a reader sees the old file or the new one, also after a crash."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)  # results are for reading; mkstemp's 0600 is not
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_compressed(path: Path, text: str) -> None:
    """Write `text` gzipped; the same text gives the same bytes (no time stamp inside)."""
    try:
        content = text.encode("utf-8", "surrogateescape")  # Ansible's way to carry bytes that are not UTF-8
    except UnicodeEncodeError:
        content = text.encode("utf-8", "backslashreplace")
    replace(path, gzip.compress(content, mtime=0))


def sync(path: Path) -> None:
    """Make what another library has written to a file last through a crash."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in `folder` last through a crash."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
