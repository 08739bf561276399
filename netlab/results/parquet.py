# SPDX-License-Identifier: Apache-2.0
"""Whether a file of samples was written to its end, without reading it."""

from __future__ import annotations

from pathlib import Path

MAGIC = b"PAR1"


def looks_whole(path: Path) -> str:
    """What is wrong with a Parquet file's frame, in words; empty if it is sound.

    A Parquet file starts with PAR1 and ends with the footer's length (4 bytes, little-endian) and PAR1 again
    (Apache Parquet, "File Format"). One that was cut off lacks the end.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
            size = stream.seek(0, 2)
            if size < 12:
                return "are cut off"
            stream.seek(-8, 2)
            tail = stream.read(8)
    except FileNotFoundError:
        return "are not there"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if head != MAGIC:
        return "are not a Parquet file"
    if tail[4:] != MAGIC or int.from_bytes(tail[:4], "little") > size - 12:
        return "are cut off"
    return ""
