# SPDX-License-Identifier: Apache-2.0
"""Zip files with every field as one likes it, which no library makes."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO

Members = dict[str, bytes]


@dataclass(frozen=True)
class Entry:
    """A member. What is None is as it should be; `local_*` stand in its own header instead of the list's."""

    name: bytes
    content: bytes
    method: int = 0
    flags: int = 0
    mode: int = 0o100644
    size: int | None = None
    packed: bytes | None = None
    crc: int | None = None
    extra: bytes = b""
    comment: bytes = b""
    local_name: bytes | None = None
    local_size: int | None = None
    offset: int | None = None  # what the list says
    before: bytes = b""  # hidden in front of its header

    def with_(self, **changes: object) -> Entry:
        return replace(self, **changes)  # type: ignore[arg-type]


def deflated(content: bytes) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(content) + engine.flush()


def entries(members: Mapping[str, bytes]) -> list[Entry]:
    """Plain ones, sorted."""
    return [Entry(name.encode(), content) for name, content in sorted(members.items())]


def pack(
    wanted: Iterable[Entry], *, prefix: bytes = b"", behind: bytes = b"", tail: bytes = b"", comment: bytes = b"",
    count: int | None = None, disk: int = 0, shift: int = 0,
) -> bytes:  # fmt: skip
    """The zip. `behind`: between the last member and the list; `shift`: by how much the end lies about the list."""
    body, listed = prefix, b""
    number = 0
    for entry in wanted:
        number += 1
        packed = entry.packed if entry.packed is not None else entry.content
        if entry.packed is None and entry.method == zipfile.ZIP_DEFLATED:
            packed = deflated(entry.content)
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        size = len(entry.content) if entry.size is None else entry.size
        body += entry.before
        offset = len(body) if entry.offset is None else entry.offset
        local_name = entry.name if entry.local_name is None else entry.local_name
        local_size = size if entry.local_size is None else entry.local_size
        body += struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, entry.flags, entry.method, 0, 33, crc, len(packed), local_size,
            len(local_name), 0,
        ) + local_name + packed  # fmt: skip
        listed += struct.pack(
            "<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, entry.flags, entry.method, 0, 33, crc, len(packed), size,
            len(entry.name), len(entry.extra), len(entry.comment), 0, 0, entry.mode << 16, offset,
        ) + entry.name + entry.extra + entry.comment  # fmt: skip
    body += behind
    told = number if count is None else count
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", disk, disk, told, told, len(listed), len(body) + shift, len(comment)
    )
    return body + listed + end + comment + tail


def unpack(content: bytes) -> Members:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def summed(members: Mapping[str, bytes]) -> Members:
    """With checksums that are right."""
    rest = {name: content for name, content in members.items() if name != "SHA256SUMS"}
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(rest.items()))
    return {**rest, "SHA256SUMS": "".join(lines).encode()}
