# SPDX-License-Identifier: Apache-2.0
"""What a guest image is made of, for each architecture: data only, no act.

A change here, in the files of the role, or in one of the files that shape an image's bytes changes the
recipe's digest, and with it every image is built anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Architecture:
    """One architecture of guests, by the three names it goes by, and what a guest of it is booted with."""

    name: str  # as uname -m and the inventory's guest_arch say
    debian: str  # as Debian says
    triplet: str  # Debian's directory for its shared libraries
    kernel_package: str  # the metapackage whose dependency is the kernel itself
    kernel_command_line: str


# Measured under TCG, to an agent that answers (amd64, q35): a packed kernel 4.2 s, unpacked 1.9 s, and
# without the self-tests of its ciphers 1.6 s; arm64 (cortex-a57) 1.1 s, but 4.5 s with -cpu max unless
# pauth-impdef=on. An initramfs left uncompressed is as fast as lz4 and 0.1-0.2 s faster than gzip or zstd.
# Parameters that change what is measured later (mitigations=off, audit=0, idle=poll) are not for this line,
# and gained nothing. amd64: the "cloud" kernel has no igbvf (CONFIG_IGBVF is not set), which a guest with a
# VF of an igb NIC needs.
ARCHITECTURES = {
    "x86_64": Architecture(
        "x86_64", "amd64", "x86_64-linux-gnu", "linux-image-amd64", "console=ttyS0 quiet cryptomgr.notests"
    ),
    "aarch64": Architecture(
        "aarch64",
        "arm64",
        "aarch64-linux-gnu",
        "linux-image-arm64",
        "console=ttyAMA0 quiet cryptomgr.notests",
    ),
}

# Debian package -> programs taken from it, each by its path in the package. Their shared libraries follow by
# themselves. netperf proves each path; what the other instruments need stands in their roles' meta/guest.yml.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "busybox-static": ("bin/busybox", "usr/bin/busybox"),
    "ethtool": ("sbin/ethtool", "usr/sbin/ethtool"),
    "netperf": ("usr/bin/netperf", "usr/bin/netserver"),
    "qemu-guest-agent": ("usr/sbin/qemu-ga",),
}

# Kernel modules by name; what they depend on follows. One that a kernel lacks must be built into it, or is
# optional.
MODULES = ("virtio_pci", "virtio_rng", "virtio_console", "virtio_net", "af_packet")
OPTIONAL_MODULES = (
    "virtio_mmio",
    "igbvf",
    "ixgbevf",
    "iavf",
    # whole NICs that a guest is given: those with time-sensitive networking (I210, I225) among them
    "igb",
    "igc",
    "ixgbe",
    "button",
    "gpio_keys",
    "evdev",
)

# busybox's names in the guest; any other applet is at hand as `busybox NAME`.
_APPLET_NAMES = """
[ acpid arp arping awk base64 basename brctl cat chmod cp cut date dd df dirname dmesg du echo env expr
false find free getopt grep gunzip gzip halt head hexdump hostname id ifconfig init insmod ip kill killall
less ln ls lsmod md5sum mkdir mkfifo mknod mktemp modprobe mount mv nc netstat nproc nsenter od pidof
ping ping6 poweroff printf ps pwd readlink realpath reboot renice rm rmdir rmmod route sed seq setsid
sh sha256sum sleep sort stat stty sync sysctl tail tar taskset tee telnet test time timeout top touch tr
traceroute true tty udhcpc umount uname uniq unlink uptime usleep vi watch wc wget which xargs yes zcat
"""
APPLETS = tuple(_APPLET_NAMES.split())

# The role's files and where they go, all of them executable but the table.
ROLE_FILES = {
    "init": "init",
    "guest-agent": "usr/sbin/guest-agent",
    "shutdown": "usr/sbin/shutdown",  # and acpid's handler of the power button
    "power-button": "usr/sbin/power-button",
    "inittab": "etc/inittab",
}


@dataclass(frozen=True)
class Recipe:
    """Everything but the packages' versions that decides an image's bytes."""

    architecture: Architecture
    files: dict[str, str]  # of the role: name -> text
    more_programs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def programs(self) -> dict[str, tuple[str, ...]]:
        """By package, all that are taken."""
        return {**PROGRAMS, **self.more_programs}

    def digest(self, sources: Iterable[str] = ()) -> str:
        """Over the recipe and the text of the program files that turn it into an image."""
        content = {
            "architecture": asdict(self.architecture),
            "files": self.files,
            "programs": self.programs,
            "modules": [MODULES, OPTIONAL_MODULES],
            "applets": APPLETS,
            "role_files": ROLE_FILES,
            "sources": list(sources),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
