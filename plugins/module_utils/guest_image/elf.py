# SPDX-License-Identifier: Apache-2.0
"""Read from an ELF file the few things that an initramfs needs to know, for any architecture, running
nothing.

Sources: System V ABI chapters 4 and 5 (file header, dynamic section); kernel `include/linux/module.h`
(.modinfo holds NUL-separated key=value strings). Only 64-bit little-endian, as amd64 and arm64 are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB = 1, 5


class NotElf(BoardError):
    """The bytes are not a 64-bit little-endian ELF file."""


@dataclass(frozen=True)
class Segment:
    kind: int
    offset: int
    address: int
    size: int


def is_elf(data: bytes) -> bool:
    return data[:6] == b"\x7fELF\x02\x01"


def _segments(data: bytes) -> list[Segment]:
    if not is_elf(data):
        raise NotElf("not a 64-bit little-endian ELF file")
    (table,) = struct.unpack_from("<Q", data, 32)
    entry_size, count = struct.unpack_from("<HH", data, 54)
    segments = []
    for index in range(count):
        kind, _flags, offset, address, _physical, size = struct.unpack_from(
            "<IIQQQQ", data, table + index * entry_size
        )
        segments.append(Segment(kind, offset, address, size))
    return segments


def _file_offset(segments: list[Segment], address: int) -> int:
    for segment in segments:
        if segment.kind == PT_LOAD and segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise NotElf(f"address {address:#x} is in no segment of the file")


def _string(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()


def interpreter(data: bytes) -> str | None:
    """The dynamic loader that the program asks for (an absolute path), None for a static program or a
    library."""
    for segment in _segments(data):
        if segment.kind == PT_INTERP:
            return _string(data, segment.offset)
    return None


def needed(data: bytes) -> list[str]:
    """The names (DT_NEEDED) of the shared libraries that the file is linked with."""
    segments = _segments(data)
    dynamic = next((segment for segment in segments if segment.kind == PT_DYNAMIC), None)
    if dynamic is None:
        return []
    tags = list(struct.iter_unpack("<qQ", data[dynamic.offset : dynamic.offset + dynamic.size // 16 * 16]))
    strings = next((value for tag, value in tags if tag == DT_STRTAB), None)
    if strings is None:
        return []
    table = _file_offset(segments, strings)
    return [_string(data, table + value) for tag, value in tags if tag == DT_NEEDED]


def section(data: bytes, name: str) -> bytes | None:
    """The content of one named section, None where the file has none of that name."""
    if not is_elf(data):
        raise NotElf("not a 64-bit little-endian ELF file")
    (table,) = struct.unpack_from("<Q", data, 40)
    entry_size, count, names_index = struct.unpack_from("<HHH", data, 58)

    def header(index: int) -> tuple[int, int, int]:
        name_offset, _kind, _flags, _address, offset, size = struct.unpack_from(
            "<IIQQQQ", data, table + index * entry_size
        )
        return name_offset, offset, size

    names = header(names_index)[1]
    for index in range(count):
        name_offset, offset, size = header(index)
        if _string(data, names + name_offset) == name:
            return data[offset : offset + size]
    return None


def module_info(data: bytes) -> Iterator[tuple[str, str]]:
    """The (key, value) pairs of a kernel module: depends, alias, softdep, vermagic, …"""
    for item in (section(data, ".modinfo") or b"").split(b"\0"):
        key, sign, value = item.decode(errors="replace").partition("=")
        if sign:
            yield key, value
