# SPDX-License-Identifier: Apache-2.0
"""The command line of an emulated board: an ARM64 machine with EL2, an SMMUv3 and an SR-IOV capable NIC. Pure.

QEMU's "virt" machine with `virtualization=on` emulates EL2, so guests on the board run under KVM; behind the SMMUv3
the measured NIC and each of its virtual functions is in an IOMMU group of its own, as they sit on the root bus.
The command line says nothing of whose board it is: that the board is told when it has started (identity.py), so that
a snapshot of one board starts any other of its kind.
Source: QEMU's docs/system/arm/virt.rst and docs/system/devices/igb.rst.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.identity import PORT
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

# nvhe: with the host's kernel at EL2 itself (VHE), timers of a board restored from a snapshot stall for a minute.
KERNEL_ARGUMENTS = "root=/dev/vda rw console=ttyAMA0 quiet cryptomgr.notests net.ifnames=1 kvm-arm.mode=nvhe"
TRANSLATION_CACHE_MIB = 512
SLOTS = 10
# As QEMU has it; the board gives its NIC the address that is its own.
FACTORY_MAC = "02:00:00:00:00:01"


@dataclass(frozen=True)
class Board:
    """What the inventory says of one."""

    name: str
    nic: str  # the measured NIC, as the board's kernel will call it: enp0sN is PCI slot N
    port: int  # of 127.0.0.1, forwarded to the board's SSH
    memory_mib: int
    vcpus: int

    def check(self) -> None:
        """BoardError where it cannot be."""
        _ = self.slot

    @property
    def slot(self) -> int:
        found = re.fullmatch(r"enp0s([1-9][0-9]?)", self.nic)
        # its virtual functions are 16 and 17 slots further on, and the board's own devices behind those
        if found is None or not 1 <= int(found[1]) <= SLOTS:
            raise BoardError(
                f"the measured NIC of emulated board {self.name} is {self.nic}: it must be called enp0s1 to"
                f" enp0s{SLOTS}, by the PCI slot that it is put in"
            )
        return int(found[1])


def mac_address(name: str, nic: str) -> str:
    """A locally administered address that is always the same for the same names."""
    digest = hashlib.sha256(f"{name} {nic}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


@dataclass(frozen=True)
class Files:
    """Where a board's files are."""

    folder: Path  # of its console and sockets
    disk: Path  # its overlay
    guest_images: Path
    state: Path | None = None  # a snapshot's, from which it goes on


def command(
    qemu: Sequence[str], board: Board, image: dict[str, str], files: Files, cable: int | None
) -> list[str]:
    """``cable``: an open tap that is handed on to QEMU; None leaves the measured NIC without a cable. QEMU starts when
    somebody has connected to the socket ``identity``."""

    def drive(name: str, slot: int, path: Path, form: str, **options: str) -> list[str]:
        more = "".join(f",{key}={value}" for key, value in options.items())
        return [
            "-drive", f"if=none,id={name},file={path},format={form}{more}",
            "-device", f"virtio-blk-pci,drive={name},addr={slot:x}",
        ]  # fmt: skip

    backend = f"tap,id=cable,fd={cable}" if cable is not None else "hubport,id=cable,hubid=1"
    return [
        *qemu,
        "-name", f"{board.name},debug-threads=on",
        "-nodefaults", "-display", "none", "-no-user-config",
        "-accel", f"tcg,thread=multi,tb-size={TRANSLATION_CACHE_MIB}",
        # QEMU 10.0 maps a virtual function's BARs at the lower half of their address: all PCI memory below 4 GiB, so
        # that there is no upper half (mended in QEMU by "pcie_sriov: Fix broken MMIO accesses from SR-IOV VFs")
        "-machine", "virt,virtualization=on,gic-version=3,its=on,iommu=smmuv3,highmem-mmio=off",
        "-cpu", "max,pauth-impdef=on", "-smp", str(board.vcpus), "-m", str(board.memory_mib),
        "-kernel", image["kernel"], "-initrd", image["initramfs"], "-append", KERNEL_ARGUMENTS,
        *drive("root", 28, files.disk, "qcow2", cache="unsafe", discard="unmap"),
        *drive("images", 29, files.guest_images, "raw", readonly="on"),
        "-chardev", f"socket,id=identity,path={files.folder / 'identity'},server=on,wait=on",
        "-device", "virtio-serial-pci,addr=b,max_ports=2",
        "-device", f"virtserialport,chardev=identity,name={PORT}",
        "-device", "virtio-rng-pci,addr=1e",
        "-netdev", f"user,id=management,restrict=on,hostfwd=tcp:127.0.0.1:{board.port}-:22",
        "-device", "virtio-net-pci,netdev=management,addr=1f,romfile=",
        "-netdev", backend,
        "-device", f"igb,netdev=cable,addr={board.slot:x},mac={FACTORY_MAC},romfile=",
        "-serial", f"file:{files.folder / 'console'}",
        "-qmp", f"unix:{files.folder / 'qmp'},server=on,wait=off",
        *(["-incoming", f"file:{files.state}"] if files.state else []),
    ]  # fmt: skip


def kind(board: Board, image: dict[str, str]) -> list[str]:
    """The command line of any board like this one: what a snapshot of it can be restored into."""
    nobody = Board("", board.nic, 0, board.memory_mib, board.vcpus)
    return command([], nobody, image, Files(Path("/"), Path("/"), Path("/")), None)
