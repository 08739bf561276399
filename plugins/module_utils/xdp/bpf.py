# SPDX-License-Identifier: Apache-2.0
"""The few commands of bpf(2) that a pinned XDP program needs, over ctypes: no fork, no library of its own.

Structures and numbers: linux/bpf.h. Every function raises OSError with the kernel's errno.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# asm/unistd.h: bpf(2) has no wrapper in glibc. arm64 and riscv64 share the generic table.
SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}

# enum bpf_cmd
MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, MAP_GET_NEXT_KEY = 1, 2, 3, 4
OBJ_PIN, OBJ_GET, OBJ_GET_INFO, LINK_CREATE, LINK_DETACH = 6, 7, 15, 28, 34

ATTACH_XDP = 37  # enum bpf_attach_type
FLAG_GENERIC, FLAG_NATIVE = 1 << 1, 1 << 2  # linux/if_link.h: XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE
PER_CPU_TYPES = (5, 6, 10)  # enum bpf_map_type: PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH
BPF_FS_MAGIC = 0xCAFE4A11  # linux/magic.h

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
    number = SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"the number of bpf(2) on {platform.machine()} is not known")
    result: int = _libc.syscall(number, command, attributes, len(attributes))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _pack(layout: str, *values: int) -> ctypes.Array[ctypes.c_char]:
    packed = struct.pack(layout, *values)
    return ctypes.create_string_buffer(packed, len(packed))


def is_bpffs(path: Path) -> bool:
    """Whether a BPF file system is mounted there. Asked of the path: a mount table lists hidden ones, too."""
    status = ctypes.create_string_buffer(256)
    if _libc.statfs(os.fsencode(path), status):
        return False
    return ctypes.c_long.from_buffer(status).value & 0xFFFFFFFF == BPF_FS_MAGIC


@contextlib.contextmanager
def pinned(path: Path) -> Iterator[int]:
    """A file descriptor of what is pinned at ``path``."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    descriptor = _bpf(OBJ_GET, _pack("QII", ctypes.addressof(name), 0, 0))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def pin(descriptor: int, path: Path) -> None:
    name = ctypes.create_string_buffer(os.fsencode(path))
    _bpf(OBJ_PIN, _pack("QII", ctypes.addressof(name), descriptor, 0))


def _info(descriptor: int, size: int) -> bytes:
    info = ctypes.create_string_buffer(size)
    _bpf(OBJ_GET_INFO, _pack("IIQ", descriptor, size, ctypes.addressof(info)))
    return info.raw


def program_id(descriptor: int) -> int:
    _kind, identity = struct.unpack_from("II", _info(descriptor, 8))
    return int(identity)


@dataclass(frozen=True)
class LinkInfo:
    """An attachment: ``ifindex`` is 0 once the interface is gone."""

    program_id: int
    ifindex: int


def link_info(descriptor: int) -> LinkInfo:
    program, ifindex = struct.unpack_from("8xI4xI", _info(descriptor, 20))
    return LinkInfo(program, ifindex)


@contextlib.contextmanager
def attached(program: int, ifindex: int, flags: int) -> Iterator[int]:
    """Attach by a BPF link, which takes the place of no other program (EBUSY) and of which none can take it.

    The attachment ends with the last reference: pin the descriptor to keep it.
    """
    descriptor = _bpf(LINK_CREATE, _pack("IIII", program, ifindex, ATTACH_XDP, flags))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def detach(link: int) -> None:
    """Detach at once: closing the last reference would do it some time later."""
    _bpf(LINK_DETACH, _pack("I", link))


def possible_cpus() -> int:
    """How many values a per-CPU entry has (a list such as ``0-3,8``)."""
    text = Path("/sys/devices/system/cpu/possible").read_text(encoding="ascii").strip()
    spans = [part.partition("-") for part in text.split(",")]
    return sum(int(last or first) - int(first) + 1 for first, _dash, last in spans)


class Map:
    """A pinned map: bytes in, bytes out. A per-CPU value is the CPUs' values one after the other."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        kind, _identity, self.key_size, size = struct.unpack_from("IIII", _info(descriptor, 16))
        self.value_size = -(-size // 8) * 8 * possible_cpus() if kind in PER_CPU_TYPES else size

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path) -> Iterator[Map]:
        with pinned(path) as descriptor:
            yield cls(descriptor)

    def _element(self, command: int, key: bytes | None, value: ctypes.Array[ctypes.c_char] | None) -> bool:
        """False if there is no such entry."""
        held = ctypes.create_string_buffer(key, self.key_size) if key is not None else None
        attributes = _pack(
            "I4xQQQ",
            self._descriptor,
            ctypes.addressof(held) if held is not None else 0,
            ctypes.addressof(value) if value is not None else 0,
            0,
        )
        try:
            _bpf(command, attributes)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def get(self, key: bytes) -> bytes | None:
        value = ctypes.create_string_buffer(self.value_size)
        return value.raw if self._element(MAP_LOOKUP, key, value) else None

    def put(self, key: bytes, value: bytes) -> None:
        if len(value) != self.value_size:
            raise ValueError(f"a value of {len(value)} bytes for a map of {self.value_size}")
        self._element(MAP_UPDATE, key, ctypes.create_string_buffer(value, len(value)))

    def remove(self, key: bytes) -> None:
        self._element(MAP_DELETE, key, None)

    def all_keys(self) -> list[bytes]:
        found: dict[bytes, None] = {}
        following = ctypes.create_string_buffer(self.key_size)
        key: bytes | None = None
        # The program changes the map meanwhile; a key that is gone sends the kernel back to the first.
        while self._element(MAP_GET_NEXT_KEY, key, following) and following.raw not in found:
            key = following.raw
            found[key] = None
        return list(found)

    def all_items(self) -> dict[bytes, bytes]:
        """What is there now. Entries that vanish while reading are left out."""
        values = ((key, self.get(key)) for key in self.all_keys())
        return {key: value for key, value in values if value is not None}
