# SPDX-License-Identifier: Apache-2.0
"""Take the plain kernel out of the form that a distribution packs it in.

A guest is booted by QEMU directly (`-kernel`). Under TCG, letting the guest unpack its own kernel costs more
than all the rest of its boot, so it is unpacked once, here:
- x86: a bzImage holds a compressed ELF vmlinux, which QEMU starts by its PVH note (kernel CONFIG_PVH=y).
- arm64: an EFI "zboot" image holds a compressed Image; an Image as it is needs nothing.
Sources: Documentation/arch/x86/boot.rst (header fields); drivers/firmware/efi/libstub/zboot-header.S.
"""

from __future__ import annotations

import lzma
import shutil
import struct
import subprocess
import zlib

from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.elf import is_elf
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

XZ, GZIP, ZSTD, LZ4_LEGACY = b"\xfd7zXZ\0", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18"
PVH_NOTE = struct.pack("<III", 4, 8, 18) + b"Xen\0"  # XEN_ELFNOTE_PHYS32_ENTRY in its 64-bit form
PVH_NOTE_32 = struct.pack("<III", 4, 4, 18) + b"Xen\0"
DECOMPRESS_SECONDS = 60


class KernelFormatError(BoardError):
    """The kernel image is packed in a way that is not known here."""


def _by_program(program: str, payload: bytes) -> bytes:
    if shutil.which(program) is None:
        raise KernelFormatError(
            f"the kernel is packed with {program}, and the program {program} is not installed"
        )
    done = subprocess.run(
        [program, "-dc"], input=payload, capture_output=True, timeout=DECOMPRESS_SECONDS, check=False
    )
    # A payload is followed by other bytes of the image: the program says so, after having written all of it.
    if not done.stdout:
        raise KernelFormatError(
            f"{program} could not unpack the kernel: {done.stderr.decode(errors='replace').strip()}"
        )
    return done.stdout


def decompress(payload: bytes) -> bytes:
    """Unpack one stream; what follows it is ignored."""
    if payload.startswith(XZ):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(GZIP):
        return zlib.decompressobj(wbits=31).decompress(payload)
    if payload.startswith(ZSTD):
        return _by_program("zstd", payload)
    if payload.startswith(LZ4_LEGACY):
        return _by_program("lz4", payload)
    raise KernelFormatError(f"kernel payload begins with unknown bytes {payload[:6].hex()}")


def _vmlinux(image: bytes) -> bytes:
    """The ELF kernel in a bzImage (boot protocol 2.08 or later: payload_offset and payload_length)."""
    if image[0x202:0x206] != b"HdrS":
        raise KernelFormatError("not an x86 Linux kernel: no HdrS at 0x202")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return decompress(image[start : start + length])


def plain_kernel(image: bytes) -> bytes:
    """The kernel in the form that starts fastest. A kernel that cannot be taken out whole raises
    KernelFormatError; the caller may then use the image as it is."""
    if is_elf(image):
        return image
    if image[0x202:0x206] == b"HdrS":
        kernel = _vmlinux(image)
        if not is_elf(kernel) or (PVH_NOTE not in kernel and PVH_NOTE_32 not in kernel):
            raise KernelFormatError("the kernel has no PVH entry (CONFIG_PVH)")
        return kernel
    if image[4:8] == b"zimg":
        offset, length = struct.unpack_from("<II", image, 8)
        return decompress(image[offset : offset + length])
    if image[0x38:0x3C] == b"ARM\x64":
        return image
    raise KernelFormatError("neither an x86 bzImage nor an arm64 Image")
