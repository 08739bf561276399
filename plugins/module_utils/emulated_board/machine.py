# SPDX-License-Identifier: Apache-2.0
"""The command line of an emulated board: an ARM64 machine with EL2, an SMMUv3 and an SR-IOV capable NIC. Pure.

QEMU's "virt" machine with `virtualization=on` emulates EL2, so guests on the board run under KVM; behind the SMMUv3
the measured NIC and each of its virtual functions is in an IOMMU group of its own, as they sit on the root bus.
Source: QEMU's docs/system/arm/virt.rst and docs/system/devices/igb.rst; systemd.system-credentials(7) for what is
handed over by fw_cfg.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

# nvhe: with the host's kernel at EL2 itself (VHE), timers of a board restored from a snapshot stall for a minute.
KERNEL_ARGUMENTS = "root=/dev/vda rw console=ttyAMA0 quiet cryptomgr.notests net.ifnames=1 kvm-arm.mode=nvhe"
TRANSLATION_CACHE_MIB = 512
SLOTS = 10
CREDENTIAL = "opt/io.systemd.credentials"


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


def host_key_file(private_key: str) -> str:
    """A tmpfiles.d(5) line that puts the board's own SSH host key in place before its SSH server starts."""
    content = base64.b64encode(private_key.encode()).decode()
    return f"f+~ /etc/ssh/ssh_host_ed25519_key 0600 root root - {content}\n"


def command(
    qemu: Sequence[str],
    board: Board,
    image: dict[str, str],
    folder: Path,
    disks: Path,
    cable: int | None,
) -> list[str]:
    """``folder`` has credentials, and gets console and sockets; ``disks`` has overlay and guest images. ``cable``: an
    open tap that is handed on to QEMU; None leaves the measured NIC without a cable."""

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
        "-kernel", image["kernel"], "-initrd", image["initramfs"],
        "-append", f"{KERNEL_ARGUMENTS} systemd.hostname={board.name}",
        *drive("root", 28, disks / "disk.qcow2", "qcow2", cache="unsafe", discard="unmap"),
        *drive("images", 29, disks / "guest-images.ext4", "raw", readonly="on"),
        "-fw_cfg", f"name={CREDENTIAL}/ssh.authorized_keys.root,file={folder / 'key.pub'}",
        "-fw_cfg", f"name={CREDENTIAL}/tmpfiles.extra,file={folder / 'host-key.tmpfiles'}",  # noqa: S108 - a name
        "-device", "virtio-rng-pci,addr=1e",
        "-netdev", f"user,id=management,restrict=on,hostfwd=tcp:127.0.0.1:{board.port}-:22",
        "-device", "virtio-net-pci,netdev=management,addr=1f,romfile=",
        "-netdev", backend,
        "-device", f"igb,netdev=cable,addr={board.slot:x},mac={mac_address(board.name, board.nic)},romfile=",
        "-serial", f"file:{folder / 'console'}",
        "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off",
    ]  # fmt: skip
