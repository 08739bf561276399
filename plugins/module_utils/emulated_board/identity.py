# SPDX-License-Identifier: Apache-2.0
"""Who an emulated board is, told to it once, when it is first switched on.

Nothing of it is in the image, nor in a snapshot: a board that was restored from one is at the point where it waits to
be told, as one that has just booted is. Both are told the same way, over a virtio-serial port. From then on a board
knows it by itself, also after a reboot.
"""

from __future__ import annotations

import base64
import secrets
import shlex
import time
import uuid
from dataclasses import dataclass

# The port's name on the board: /dev/virtio-ports/NAME, virtio_console.
PORT = "netlab-testbed"
READY, DONE, FAILED = "ready", "done", "failed"

# RNDADDENTROPY and RNDRESEEDCRNG, random(4): boards from one snapshot must not draw the same random numbers.
_RESEED = (
    'open(R, "+>", "/dev/urandom") or die; my $s = pack("H*", shift);'
    ' ioctl(R, 0x40085203, pack("iia*", 8 * length $s, length $s, $s)) or die; ioctl(R, 0x5207, 0) or die'
)


@dataclass(frozen=True)
class Identity:
    """What is a board's own."""

    name: str
    authorized_key: str  # who may sign in as root: a line of authorized_keys
    host_key: str  # its SSH server's private key
    nic: str
    mac: str  # of that NIC


def script(identity: Identity, restored: bool) -> str:
    """What the board runs, as root. ``restored``: this is not the kernel that counted its boot, so that what a
    boot draws anew is drawn here."""
    lines = [
        f"date -s @{time.time():.3f} >/dev/null",
        f"perl -e '{_RESEED}' {secrets.token_hex(64)}",
        "head -c 512 /dev/urandom >/var/lib/systemd/random-seed",
        f"hostname {shlex.quote(identity.name)}",
        _file("/etc/hostname", identity.name),
        "mkdir -p -m 0700 /root/.ssh",
        _file("/root/.ssh/authorized_keys", identity.authorized_key.strip(), "600"),
        _file("/etc/ssh/ssh_host_ed25519_key", identity.host_key.strip(), "600"),
        f"ip link set dev {identity.nic} address {identity.mac}",
        # after a reboot, too
        _file(f"/etc/systemd/network/20-{identity.nic}.link", _link(identity)),
    ]
    if restored:
        lines += [
            f"echo {secrets.token_hex(16)} >/etc/machine-id",
            # as systemd-nspawn(1) does for a container; a reboot takes it away, and has one of its own
            f"echo {uuid.uuid4()} >/run/boot-id",
            "chmod 444 /run/boot-id",
            "mount --bind /run/boot-id /proc/sys/kernel/random/boot_id",
            # its journal is named by both
            "systemctl --no-block restart systemd-journald",
        ]
    return "".join(f"{line}\n" for line in lines)


def _link(identity: Identity) -> str:
    slot = int(identity.nic.removeprefix("enp0s"))
    return f"[Match]\nPath=*-pci-0000:00:{slot:02x}.0\n\n[Link]\nNamePolicy=path\nMACAddress={identity.mac}"


def _file(path: str, content: str, mode: str = "644") -> str:
    return f"install -m {mode} /dev/stdin {path} <<'END'\n{content}\nEND"


def line(text: str) -> bytes:
    """As the port takes it: one line."""
    return base64.b64encode(text.encode()) + b"\n"
