# SPDX-License-Identifier: Apache-2.0
"""What the image of an emulated board is made of: data only, no act.

A change here, or in the files that turn it into an image, is another recipe, and the image is built anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import identity

RELEASE = "trixie"
ARCHITECTURE = "arm64"

# A bare Debian that Ansible can reach, and what makes the machine more than that: a kernel, and busybox for the
# initramfs that finds the disk.
SYSTEM = (
    "busybox-static",
    "dbus",
    "e2fsprogs",
    "iproute2",
    "iputils-ping",
    "kmod",
    "linux-image-arm64",
    "openssh-server",
    "pciutils",
    "procps",
    "python3",
    "systemd",
    "systemd-sysv",
    "udev",
)
# What the roles install on a board. An emulated board has no way to a mirror, so all of it is in the image.
ROLES = (
    "bpftool",
    "clang",
    "ethtool",
    "irtt",
    "libbpf-dev",
    "libvirt-daemon-system",
    "linux-libc-dev",
    "netperf",
    "openvswitch-switch",
    "python3-libvirt",
    "python3-pyroute2",
    "qemu-system-arm",
    "qemu-utils",
    "sockperf",
    "stress-ng",
    "zstd",
)
# QEMU on arm64 wants a network card's boot program even where nothing is booted from the network.
FIRMWARE = ("ipxe-qemu",)
PACKAGES = (*SYSTEM, *ROLES, *FIRMWARE)

# Documentation and translations are not unpacked (dpkg.cfg(5)).
LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/doc/*")

# Services that run from the start. What else packages enable (libvirtd's own networks, a netserver on every address,
# timers) would be load on a machine that is emulated: roles start what they need.
ENABLED = {
    "multi-user.target.wants": ("netlab-testbed-identity.service", "ssh.service", "systemd-networkd.service"),
    "sockets.target.wants": ("libvirtd.socket", "libvirtd-ro.socket"),
}
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@.service",
    "man-db.timer",
    "netperf.service",
    "serial-getty@.service",
    "sys-fs-fuse-connections.mount",
    "systemd-binfmt.service",
    "systemd-logind.service",
    "systemd-networkd-wait-online.service",
)

MANAGEMENT_NIC = "mgmt0"
# QEMU's user network as it is by default: the board's own address in it, and no gateway, since it leads nowhere.
MANAGEMENT_ADDRESS = "10.0.2.15/24"
GUEST_IMAGES = "/var/cache/netlab-testbed/guest-image"
INTRODUCED = "/usr/lib/netlab-testbed/identity"
TOLD = "/etc/netlab-testbed-identity"  # is there when it has been

# Ansible sends each module with a hundred files of Python in a zip, and Python compiles those for every task anew: two
# thirds of what a task takes here. Kept by their content, they are compiled once.
ZIP_CACHE = """\
import _imp
import marshal
import os
import zipimport

FOLDER = "/var/cache/netlab-testbed/python"
compile_source = zipimport._compile_source


def compiled(path, source):
    kept = f"{FOLDER}/{_imp.source_hash(0x6E65746C6162, source).hex()}"
    try:
        with open(kept, "rb") as file:
            return marshal.load(file)
    except (OSError, EOFError, ValueError, TypeError):
        code = compile_source(path, source)
    try:
        os.makedirs(FOLDER, 0o700, exist_ok=True)
        with open(f"{kept}.{os.getpid()}", "wb") as file:
            marshal.dump(code, file)
        os.replace(file.name, kept)
    except OSError:
        pass
    return code


if os.geteuid() == 0:
    zipimport._compile_source = compiled
"""

FILES: dict[str, str] = {
    "usr/lib/python3/dist-packages/netlab_testbed_zip_cache.py": ZIP_CACHE,
    "usr/lib/python3/dist-packages/netlab_testbed_zip_cache.pth": "import netlab_testbed_zip_cache\n",
    "etc/fstab": "# The initramfs has mounted all there is.\n",
    "etc/systemd/network/10-management.link": (
        f"[Match]\nDriver=virtio_net\n\n[Link]\nName={MANAGEMENT_NIC}\n"
    ),
    "etc/systemd/network/10-management.network": (
        f"[Match]\nName={MANAGEMENT_NIC}\n\n[Network]\nAddress={MANAGEMENT_ADDRESS}\nLinkLocalAddressing=no\n"
    ),
    # The last of a board's first boot, see identity.py; a snapshot is taken while it waits.
    "usr/lib/systemd/system/netlab-testbed-identity.service": f"""\
[Unit]
Description=This board is told who it is
ConditionPathExists=!{TOLD}
After=dbus.service sockets.target systemd-networkd.service
Before=ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {INTRODUCED}
""",
    INTRODUCED.lstrip("/"): f"""\
udevadm settle
exec 3<>/dev/virtio-ports/{identity.PORT}
sync
echo {identity.READY} >&3
read -r line <&3
if said=$(echo "$line" | base64 -d | sh -eu 2>&1); then
    : >{TOLD}
    echo {identity.DONE} >&3
else
    echo {identity.FAILED}: $said >&3
    exit 1
fi
""",
    # The host key is part of it.
    "etc/ssh/sshd_config.d/netlab-testbed.conf": (
        "HostKey /etc/ssh/ssh_host_ed25519_key\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\n"
        # a session's own service manager would take seconds of each connection
        "UsePAM no\n"
    ),
}

# These say that caches are of the packages' own age, so that no start makes them anew (systemd-update-done.service(8)).
UP_TO_DATE = ("etc/.updated", "var/.updated")

# The initramfs finds the root disk and the guests' image, and that is all: waiting for udev to have seen every device
# of an emulated machine takes ten times as long.
INITRAMFS_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
INITRAMFS_INIT = f"""\
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox modprobe -qa virtio_pci virtio_blk crc32c_generic ext4
# the disk is there when the driver has asked it: no event to wait for without udev
waited=0
until [ -b /dev/vda ] || [ $waited = 300 ]; do
    /bin/busybox usleep 100000
    waited=$((waited + 1))
done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /disk
# off, so that whoever waits for this board is told at once
[ -x /disk/sbin/init ] || /bin/busybox poweroff -f
/bin/busybox mount -t ext4 -o ro /dev/vdb /disk{GUEST_IMAGES}
/bin/busybox umount /proc /sys
/bin/busybox mount --move /dev /disk/dev
exec /bin/busybox switch_root /disk /sbin/init
"""
DISK_GIB = 8  # of which about 2 are used; the rest costs nothing until it is


def digest(sources: Iterable[str]) -> str:
    """Over the recipe and the texts of the program files that turn it into an image."""
    content = {
        "release": RELEASE,
        "packages": PACKAGES,
        "left_out": LEFT_OUT,
        "enabled": ENABLED,
        "masked": MASKED,
        "files": [FILES, UP_TO_DATE],
        "initramfs": [INITRAMFS_MODULES, INITRAMFS_INIT],
        "disk": DISK_GIB,
        "sources": list(sources),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
