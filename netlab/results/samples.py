# SPDX-License-Identifier: Apache-2.0
"""A trial's single probes: from the columns that an instrument sends to a Parquet file, and back into arrays.

On disk: flow SMALLINT; seq, intended, sent, received, ns BIGINT. `ns` is a round trip in nanoseconds, never
halved; `intended`, `sent` and `received` are nanoseconds since the epoch on the clock of the place that measured.
NULL is what is not there: the answer of a lost probe, a time stamp that the instrument does not take.
"""

from __future__ import annotations

import base64
import binascii
import functools
import os
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.errors import InvalidInput, NetlabError, Problem
from netlab.results.files import sync, sync_folder

if TYPE_CHECKING:
    import duckdb
    import numpy as np

COLUMNS = ("flow", "seq", "intended", "sent", "received", "ns")
MISSING = -(
    2**63
)  # plugins/module_utils/measuring/samples.py has it too: what a column holds where nothing is
MAX_SAMPLES = 200_000_000  # of one trial; a count above it is an error of whoever sent it


class DamagedSamples(NetlabError):
    """What an instrument sent as samples cannot be stored as such."""


_TYPES = {name: "SMALLINT" if name == "flow" else "BIGINT" for name in COLUMNS}


def write(path: Path, sent: Mapping[str, Any]) -> int:
    """Store what an instrument sent as `samples`: {count, columns: {name: {zlib_base64: …}}}; returns the count.

    When this returns the whole file is on disk; a crash leaves no part of it. Raises DamagedSamples for columns
    that are damaged, incomplete or not of one length.
    """
    import duckdb

    columns = decode(sent)
    fields = ", ".join(
        f"CAST(NULLIF({name}, {MISSING}) AS {kind}) AS {name}" for name, kind in _TYPES.items()
    )
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        # One thread: the machine that this runs on may be the one that is measured.
        with _connection(threads=1) as connection:
            connection.register("probes", columns)
            connection.execute(
                f"COPY (SELECT {fields} FROM probes) TO {_quoted(temporary)} (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608 - names of our own
            )
        Path(temporary).chmod(0o644)
        sync(Path(temporary))
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, duckdb.ConversionException):
            raise DamagedSamples(f"samples: {str(error).splitlines()[0]}") from error
        raise
    sync_folder(path.parent)
    return len(columns["seq"])


def read(path: Path, columns: Iterable[str] = COLUMNS) -> dict[str, np.ndarray[Any, Any]]:
    """The named columns of a file as arrays of int64; a masked array wherever something is not there.

    `flow` is int16. Raises InvalidInput for a file that is not there or is no samples file.
    """
    import duckdb

    wanted = list(columns)
    if unknown := set(wanted) - set(COLUMNS):
        raise ValueError(f"there is no column {', '.join(sorted(unknown))}")
    try:
        with _reader().cursor() as connection:
            relation = connection.execute(
                f"SELECT {', '.join(wanted)} FROM read_parquet(?)",  # noqa: S608 - names of our own
                [_no_pattern(str(path))],
            )
            found: dict[str, np.ndarray[Any, Any]] = relation.fetchnumpy()
    except duckdb.Error as error:
        message = f"not a file of samples: {str(error).splitlines()[0]}"
        raise InvalidInput([Problem(message, str(path))]) from error
    return found


def decode(sent: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """The columns as they were sent, MISSING where nothing is. DamagedSamples for what cannot be decoded."""
    import numpy as np

    count, packed = sent.get("count"), sent.get("columns")
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_SAMPLES:
        raise DamagedSamples(f"samples: the count is {count!r}")
    if not isinstance(packed, Mapping) or set(packed) != set(COLUMNS):
        raise DamagedSamples(f"samples: the columns are not {', '.join(COLUMNS)}")
    size = count * 8
    columns = {}
    for name in COLUMNS:
        content = _unpacked(name, packed[name], size)
        if len(content) != size:
            raise DamagedSamples(f"samples: the column {name} has {len(content)} bytes, not {size}")
        columns[name] = np.frombuffer(content, dtype="<i8").astype(np.int64, copy=False)
    return columns


def _unpacked(name: str, packed: Any, size: int) -> bytes:
    """No more than one byte above `size`, whatever the compressed bytes would grow to."""
    try:
        compressed = base64.b64decode(packed["zlib_base64"], validate=True)
        engine = zlib.decompressobj()
        content = engine.decompress(compressed, size + 1)
    except (binascii.Error, zlib.error, KeyError, TypeError, ValueError) as error:
        raise DamagedSamples(f"samples: the column {name} cannot be decoded: {error}") from error
    return content


@functools.cache
def _reader() -> duckdb.DuckDBPyConnection:
    """One for all files: to open DuckDB takes longer than to read a hundred thousand samples."""
    return _connection()


def _connection(**settings: int) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"autoinstall_known_extensions": False, **settings})


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _no_pattern(path: str) -> str:
    """DuckDB takes a path for a pattern: a folder called `a[1]` would not be found."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)
