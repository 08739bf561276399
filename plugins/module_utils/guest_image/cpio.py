# SPDX-License-Identifier: Apache-2.0
"""Write a `newc` cpio archive, the form a Linux kernel unpacks as its initramfs.

The bytes depend on the entries alone: sorted by path, owner 0:0, mtime 0, inode numbers counted from 1. So
the same packages and the same recipe give the same archive on any machine, which is what lets an image be
addressed by its content. Format: Documentation/driver-api/early-userspace/buffer-format.rst in the kernel
tree.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

MAGIC = b"070701"
TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """One member of the archive. `mode` holds type and permissions (stat.S_IFREG | 0o755); `data` is a file's
    content or a symbolic link's target; `device` is (major, minor) of a device node."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(path: str, permissions: int = 0o755) -> Entry:
    return Entry(path, stat.S_IFDIR | permissions)


def regular(path: str, data: bytes, permissions: int = 0o644) -> Entry:
    return Entry(path, stat.S_IFREG | permissions, data)


def symlink(path: str, target: str) -> Entry:
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def character_device(path: str, major: int, minor: int, permissions: int = 0o600) -> Entry:
    return Entry(path, stat.S_IFCHR | permissions, b"", (major, minor))


def with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """The entries and every directory above them: the kernel creates no missing parent. A path given twice
    raises ValueError, because only one of the two could be meant."""
    by_path: dict[str, Entry] = {}
    for entry in entries:
        if entry.path.startswith("/") or not entry.path:
            raise ValueError(f"initramfs path must be relative and not empty: {entry.path!r}")
        if entry.path in by_path:
            raise ValueError(f"initramfs holds {entry.path} twice")
        by_path[entry.path] = entry
    for path in list(by_path):
        parent = path.rpartition("/")[0]
        while parent and parent not in by_path:
            by_path[parent] = directory(parent)
            parent = parent.rpartition("/")[0]
    # Sorted by path components, so that a directory always comes before what is in it.
    return [by_path[path] for path in sorted(by_path, key=lambda name: name.split("/"))]


def _header(entry: Entry, inode: int, name: bytes) -> bytes:
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name) + 1, 0)
    return MAGIC + b"".join(b"%08X" % field for field in fields)


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)


def archive(entries: Iterable[Entry]) -> bytes:
    """The whole archive, padded to 512 bytes as cpio itself does."""
    out = bytearray()
    members = [*with_parents(entries), Entry(TRAILER, 0)]
    for inode, entry in enumerate(members, start=1):
        name = entry.path.encode()
        out += _header(entry, 0 if entry.path == TRAILER else inode, name) + name + b"\0"
        out += _padding(len(out))
        out += entry.data
        out += _padding(len(out))
    return bytes(out) + b"\0" * (-len(out) % 512)
