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
_TAIL = 70_000  # the end, and the longest comment that there can be
_KINDS = {stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800


@dataclass(frozen=True)
class Container:
    """An opened bundle whose list of members is sound."""

    path: str
    stream: IO[bytes]
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
        left, packed, crc = info.file_size, info.compress_size, 0
        engine = zlib.decompressobj(-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
        self.stream.seek(info.header_offset + _LOCAL.size + len(info.filename))  # there is no extra field
        rest = b""
        try:
            while packed or rest:
                read = rest or self.stream.read(min(_CHUNK, packed))
                packed -= 0 if rest else len(read)
                chunk = read if engine is None else engine.decompress(read, _CHUNK)
                rest = b"" if engine is None else engine.unconsumed_tail
                if not read or (engine is not None and engine.unused_data):
                    raise TornZip(self.path, "it ends before its bytes do", place=info.filename)
                left -= len(chunk)
                if left < 0:
                    raise Bomb(self.path, "it grows larger than the list says", place=info.filename)
                crc = zlib.crc32(chunk, crc)
                yield chunk
        except (zlib.error, OSError) as error:
            raise TornZip(self.path, f"it cannot be unpacked: {error}", place=info.filename) from None
        if left or (engine is not None and not engine.eof):
            raise TornZip(self.path, "it is smaller than the list says", place=info.filename)
        if crc != info.CRC:
            raise TornZip(self.path, "its CRC is not the one in the list", place=info.filename)


def open_container(path: Path) -> Container:
    """The members' list, checked; its stream is the caller's to close."""
    shown = str(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait for ever
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise NotABundle(shown, f"it cannot be read: {words}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotABundle(shown, "this is not a file")
    stream = os.fdopen(handle, "rb")
    try:
        return _checked(shown, stream)
    except BaseException:
        stream.close()
        raise


def _checked(path: str, stream: IO[bytes]) -> Container:
    told = os.fstat(stream.fileno())
    if told.st_size > limits.FILE_BYTES:
        raise TooLarge(path, f"it has {told.st_size} bytes", expected=f"at most {limits.FILE_BYTES} bytes")
    if not told.st_size:
        raise NotABundle(path, "it is empty")
    if told.st_size < _LOCAL.size:
        raise NotABundle(path, f"it has {told.st_size} bytes, which is no bundle")
    start, count = _check_ends(path, stream, told.st_size)
    try:
        infos = zipfile.ZipFile(stream).infolist()
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OSError) as error:
        raise TornZip(path, f"the list of its members cannot be read: {error}") from None
    if len(infos) != count:
        raise TornZip(path, f"it says that it has {count} members, and lists {len(infos)}")
    for info in infos:
        _check_member(path, info)
    names.check_unique(path, [info.orig_filename for info in infos])
    _check_layout(path, stream, infos, start)
    _check_sizes(path, infos)
    return Container(path, stream, {info.filename: info for info in infos})


def _check_ends(path: str, stream: IO[bytes], size: int) -> tuple[int, int]:
    """First and last bytes; where the list of members begins, and how many it has."""
    head = stream.read(4)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if head[:2] != b"PK":
        if at >= 0:
            raise HiddenData(path, "something stands before the first member")
        raise NotABundle(path, "this is not a zip file")
    if at < 0 or len(tail) - at < _END.size:
        raise TornZip(
            path, "it is cut off: its end is not there" if at < 0 else "it is cut off within its end"
        )
    _, disk, list_disk, here, count, length, start, comment = _END.unpack(tail[at : at + _END.size])
    if comment and at + _END.size + comment == len(tail):
        raise HiddenData(path, "the zip has a comment")
    if at + _END.size != len(tail):
        raise HiddenData(path, "something stands behind the end of the zip")
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (length, start):
        raise TooLarge(path, "it says that it is larger than 4 GiB, or has more than 65534 members (zip64)")
    if disk or list_disk or here != count:
        raise ForeignFeature(path, "it is one of several parts")
    if not count:
        raise NotABundle(path, "it has no members")
    if count > limits.MEMBERS:
        raise TooLarge(path, f"it has {count} members", expected=f"at most {limits.MEMBERS} members")
    if start + length != size - _END.size:
        raise TornZip(path, "the list of its members is not where the end says it is")
    if length > count * (46 + 4 * limits.NAME_BYTES + 1024):
        raise TooLarge(path, "the list of its members is too large for so many members")
    return int(start), int(count)


def _check_member(path: str, info: zipfile.ZipInfo) -> None:
    """One entry of the list, by itself."""
    name = info.orig_filename  # `filename` ends at a NUL
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = _KINDS.get(kind, "device")
        raise NotAFile(path, f"a member is a {what}", place=ascii(name)[1:-1][:80])
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
        what = "an extra field" if info.extra else "a comment"
        raise ForeignFeature(path, f"a member has {what}", place=name)


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
