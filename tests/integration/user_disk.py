# SPDX-License-Identifier: Apache-2.0
"""A disk as a user would bring one: it boots by itself and has a guest agent, netperf and no idea of us.

SYSLINUX on a FAT file system in a qcow2, with the distribution's packed kernel and the guest image's initramfs.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import AptWorld

PROGRAMS = ("syslinux", "mkfs.vfat", "mcopy", "qemu-img", "dpkg-deb")
SIZE = 64 * 1024 * 1024  # bytes; kernel and initramfs take 22 MB
CONFIGURATION = (
    "DEFAULT linux\nLABEL linux\n  LINUX /vmlinuz\n  INITRD /initrd\n  APPEND console=ttyS0 quiet\n"
)


def run(*argv: str | Path) -> None:
    subprocess.run([str(word) for word in argv], check=True, capture_output=True, timeout=120)


def packed_kernel(folder: Path) -> Path:
    """The distribution's own vmlinuz: a boot loader takes no unpacked kernel."""
    world = AptWorld("guest-image-amd64", "amd64", ("main", "non-free"))
    world.refresh()
    (meta,) = world.candidates(["linux-image-amd64"]).values()
    name = next(name for name in meta.depends if name.startswith("linux-image-"))
    (package,) = world.download(world.candidates([name]).values(), folder)
    run("dpkg-deb", "-x", package, folder / "kernel")
    (kernel,) = (folder / "kernel" / "boot").glob("vmlinuz-*")
    return kernel


def make(folder: Path, initramfs: Path) -> Path:
    """The disk's path; ``folder`` holds what it was made of."""
    raw, disk = folder / "disk.raw", folder / "user.qcow2"
    with raw.open("wb") as file:
        file.truncate(SIZE)
    run("mkfs.vfat", "-F", "32", raw)
    (folder / "syslinux.cfg").write_text(CONFIGURATION, encoding="ascii")
    shutil.copy(packed_kernel(folder), folder / "vmlinuz")
    shutil.copy(initramfs, folder / "initrd")
    run("mcopy", "-i", raw, folder / "vmlinuz", folder / "initrd", folder / "syslinux.cfg", "::/")
    run("syslinux", "--install", raw)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk)
    return disk
