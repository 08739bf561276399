# SPDX-License-Identifier: Apache-2.0
"""The zip around a bundle: looked at as a whole before a byte is unpacked, and unpacked with a limit on each.

A bundle has one layout: members back to back from the first byte on, their list, the end; no comment, no extra
field, no link, nothing encrypted, nothing twice. So there is no room for a second meaning in the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from netlab.bundle import limits, names
from netlab.bundle.refusals import (
    Bomb,
    EncryptedMember,
    ForeignFeature,
    HiddenData,
    MissingMember,
    NotABundle,
    NotAFile,
    TooLarge,
    TornZip,
)

_END = struct.Struct("<4s4H2LH")  # end of central directory record (APPNOTE 4.3.16)
_LOCAL = struct.Struct("<4s5H3L2H")  # local file header (4.3.7)
_CHUNK = 256 * 1024
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800


@dataclass(frozen=True)
class Container:
    """An opened bundle whose list of members is sound."""

    path: str
    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]

    def read(self, name: str) -> bytes:
        """A small member's bytes. MissingMember if there is none."""
        if name not in self.members:
            raise MissingMember(self.path, "the bundle has no such member", place=name)
        return b"".join(self._chunks(self.members[name]))

    def unpack(self, name: str, target: Path) -> str:
        """Write a member to a new file; its SHA-256."""
        digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(target, flags, 0o600), "wb") as stream:
            for chunk in self._chunks(self.members[name]):
                digest.update(chunk)
                stream.write(chunk)
        return digest.hexdigest()

    def _chunks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """No more than the list says and the limits allow, whatever the compressed bytes would grow to."""
        left = min(info.file_size, names.limit(info.filename))
        try:
            with self.archive.open(info) as stream:
                while chunk := stream.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise Bomb(self.path, "it grows larger than its list says", place=info.filename)
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise TornZip(self.path, f"it cannot be unpacked: {error}", place=info.filename) from None
        if left != 0:
            raise TornZip(self.path, "it is smaller than its list says", place=info.filename)


def open_container(path: Path) -> tuple[Container, IO[bytes]]:
    """The members' list, checked; the stream is the caller's to close."""
    shown = str(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait for ever
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise NotABundle(shown, f"it cannot be read: {words}") from None
    stream = os.fdopen(handle, "rb")
    try:
        return _checked(shown, stream), stream
    except BaseException:
        stream.close()
        raise


def _checked(path: str, stream: IO[bytes]) -> Container:
    told = os.fstat(stream.fileno())
    if not stat.S_ISREG(told.st_mode):
        raise NotABundle(path, "this is not a file")
    if told.st_size > limits.FILE_BYTES:
        raise TooLarge(path, f"it has {told.st_size} bytes", expected=f"at most {limits.FILE_BYTES} bytes")
    start = _check_ends(path, stream, told.st_size)
    try:
        archive = zipfile.ZipFile(stream)
        infos = archive.infolist()
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OSError) as error:
        raise TornZip(path, f"the list of its members cannot be read: {error}") from None
    for info in infos:
        _check_member(path, info)
    names.check_unique(path, [info.orig_filename for info in infos])
    _check_layout(path, stream, infos, start)
    _check_sizes(path, infos)
    return Container(path, archive, {info.filename: info for info in infos})


def _check_ends(path: str, stream: IO[bytes], size: int) -> int:
    """First and last bytes; where the list of members begins."""
    head = stream.read(4)
    if head[:2] != b"PK":
        inside = _END.size <= size and _has_end(stream, size)
        if inside:
            raise HiddenData(path, "something stands before the first member")
        raise NotABundle(path, "this is not a zip file")
    if size < _END.size:
        raise TornZip(path, "it is cut off")
    stream.seek(size - _END.size)
    mark, disk, list_disk, here, count, length, start, comment = _END.unpack(stream.read(_END.size))
    if mark != b"PK\x05\x06":
        if _has_end(stream, size):
            raise HiddenData(path, "something stands behind the end of the zip, or it has a comment")
        raise TornZip(path, "its end is not there: it is cut off")
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (length, start):
        raise TooLarge(path, "it says that it is larger than 4 GiB, or has more than 65534 members (zip64)")
    if disk or list_disk or here != count:
        raise ForeignFeature(path, "it is one of several parts")
    if comment:
        raise HiddenData(path, "the zip has a comment")
    if count > limits.MEMBERS:
        raise TooLarge(path, f"it has {count} members", expected=f"at most {limits.MEMBERS} members")
    if start + length != size - _END.size:
        raise TornZip(path, "the list of its members is not where the end says it is")
    if length > count * (46 + 4 * limits.NAME_BYTES + 1024):
        raise TooLarge(path, "the list of its members is too large for so many members")
    return int(start)


def _has_end(stream: IO[bytes], size: int) -> bool:
    stream.seek(max(0, size - 70_000))
    return b"PK\x05\x06" in stream.read(70_000)


def _check_member(path: str, info: zipfile.ZipInfo) -> None:
    """One entry of the list, by itself."""
    name = info.orig_filename  # `filename` ends at a NUL
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if stat.S_ISLNK(mode):
        raise NotAFile(path, "a member is a link", place=ascii(name)[1:-1][:80])
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise NotAFile(path, "a member is a device, a pipe or a socket", place=ascii(name)[1:-1][:80])
    names.check_safe(path, name)
    if name.endswith("/") or kind == stat.S_IFDIR or info.external_attr & 0x10:
        raise NotAFile(path, "a member is a folder", place=name)
    if mode & 0o7133:
        raise NotAFile(
            path, f"a member could be run, or written by others (mode {mode & 0o7777:04o})", place=name
        )
    if info.flag_bits & _ENCRYPTED:
        raise EncryptedMember(path, "a member is encrypted", place=name)
    if info.flag_bits & ~_UTF8:
        raise ForeignFeature(path, f"a member has the flags {info.flag_bits:#06x}", place=name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ForeignFeature(path, f"a member is compressed by method {info.compress_type}", place=name)
    if info.extra or info.comment:
        raise ForeignFeature(path, "a member has an extra field or a comment", place=name)


def _check_layout(path: str, stream: IO[bytes], infos: list[zipfile.ZipInfo], start: int) -> None:
    """Members back to back, each with the header that the list says it has."""
    here = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        place = info.filename
        if info.header_offset < here:
            raise TornZip(path, "a member begins inside another one", place=place)
        if info.header_offset > here:
            raise HiddenData(path, "something stands before a member that is none", place=place)
        stream.seek(here)
        raw = stream.read(_LOCAL.size)
        if len(raw) < _LOCAL.size or raw[:4] != b"PK\x03\x04":
            raise TornZip(path, "a member has no header", place=place)
        fields = _LOCAL.unpack(raw)
        flags, method, crc, packed, size, length, extra = *fields[2:4], *fields[6:11]
        own = stream.read(length)
        if own != info.orig_filename.encode("utf-8"):
            raise TornZip(path, "its header has another name than the list", place=place)
        same = (flags, method, crc, packed, size) == (
            info.flag_bits, info.compress_type, info.CRC, info.compress_size, info.file_size,
        )  # fmt: skip
        if not same or extra:
            raise TornZip(path, "its header says something else than the list", place=place)
        here += _LOCAL.size + length + info.compress_size
    if here > start:
        raise TornZip(path, "the members reach into their list")
    if here < start:
        raise HiddenData(path, "something stands behind the last member")


def _check_sizes(path: str, infos: list[zipfile.ZipInfo]) -> None:
    """What it would all unpack to, as the list says it."""
    total = 0
    for info in infos:
        most = names.limit(info.filename)
        if info.file_size > most:
            raise TooLarge(
                path,
                f"it would have {info.file_size} bytes",
                place=info.filename,
                expected=f"at most {most} bytes",
            )
        if info.file_size > max(limits.RATIO_FREE_BYTES, limits.RATIO * info.compress_size):
            raise Bomb(path, f"{info.compress_size} bytes would become {info.file_size}", place=info.filename)
        total += info.file_size
    if total > limits.TOTAL_BYTES:
        raise TooLarge(
            path, f"it would unpack to {total} bytes", expected=f"at most {limits.TOTAL_BYTES} bytes"
        )
