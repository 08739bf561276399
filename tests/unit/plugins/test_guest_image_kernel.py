# SPDX-License-Identifier: Apache-2.0
"""The plain kernel, taken out of each form that distributions pack it in."""

from __future__ import annotations

import gzip
import lzma
import struct

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.kernel import (
    PVH_NOTE,
    KernelFormatError,
    plain_kernel,
)

VMLINUX = b"\x7fELF\x02\x01\x01" + b"kernel" * 100 + PVH_NOTE
ARM_IMAGE = b"\0" * 0x38 + b"ARM\x64" + b"arm64 kernel" * 50


def bzimage(payload: bytes, sectors: int = 3) -> bytes:
    """A boot sector and set-up code, then the part that holds the payload, then other bytes."""
    offset = 100
    head = bytearray((sectors + 1) * 512)
    head[0x1F1] = sectors
    head[0x202:0x206] = b"HdrS"
    head[0x248:0x250] = struct.pack("<II", offset, len(payload))
    return bytes(head) + b"\x90" * offset + payload + b"relocations"


def zboot(payload: bytes) -> bytes:
    header = b"MZ\0\0zimg" + struct.pack("<II", 128, len(payload))
    return header.ljust(128, b"\0") + payload + b"\0" * 16


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_x86_kernel_is_taken_out_of_its_bzimage(pack: object) -> None:
    assert plain_kernel(bzimage(pack(VMLINUX))) == VMLINUX  # type: ignore[operator]


def test_arm64_kernel_as_it_is_and_out_of_its_efi_wrapping() -> None:
    assert plain_kernel(ARM_IMAGE) == ARM_IMAGE
    assert plain_kernel(zboot(gzip.compress(ARM_IMAGE))) == ARM_IMAGE


def test_plain_x86_kernel_is_left_alone() -> None:
    assert plain_kernel(VMLINUX) == VMLINUX


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"\0" * 2048, "neither"),
        (bzimage(b"unknown packing"), "unknown bytes"),
        (bzimage(gzip.compress(b"\x7fELF\x02\x01\x01 without an entry for QEMU")), "PVH"),
    ],
)
def test_what_cannot_be_taken_out_is_refused(image: bytes, message: str) -> None:
    with pytest.raises(KernelFormatError, match=message):
        plain_kernel(image)
