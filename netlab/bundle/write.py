# SPDX-License-Identifier: Apache-2.0
"""Members to one zip: the same members give the same bytes (with the same zlib), on any day and for any user."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netlab.bundle import names, sums

_THE_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
_COMPRESSED = (".gz", ".parquet")


def as_json(value: Any) -> bytes:
    """A JSON member, for people and programs."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write(stream: io.BufferedIOBase, members: Mapping[str, bytes | Path]) -> None:
    """All members and SHA256SUMS, sorted by name. A path's contents are copied as they are."""
    digests = {name: hashlib.sha256(_content(source)).hexdigest() for name, source in members.items()}
    whole = {**members, names.SUMS: sums.text(digests).encode()}
    with zipfile.ZipFile(stream, "w") as archive:
        for name, source in sorted(whole.items()):
            info = zipfile.ZipInfo(name, _THE_DAY)
            info.create_system = 3  # Unix, whatever this is
            info.external_attr = 0o100644 << 16
            stored = name.endswith(_COMPRESSED)
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, _content(source), compresslevel=None if stored else 9)


def _content(source: bytes | Path) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()
