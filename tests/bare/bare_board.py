# SPDX-License-Identifier: Apache-2.0
"""Boards over SSH that run a bare Debian: an SSH server in a root of its own, in the namespaces of a test's boards."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.bare.debian_root import bare_root
from tests.bare.mirror import PORT, proxy
from tests.integration.ssh_board import USER, SshLab

ROOT = "/mnt/root"
# What is written stays in this board's memory. As on a board without systemd, libvirt is told to do without what
# systemd would start or make for it; that is the admin's part, and here the test's. sudo makes the limit of core files
# 0, which libvirt of Debian 13 raises again, and in a container without CAP_SYS_RESOURCE cannot: here it leaves it.
FURNISH = r"""
set -eu
mount -t tmpfs -o mode=0755 tmpfs /mnt
mkdir -p /mnt/upper /mnt/work /mnt/root
mount -t overlay -o "lowerdir=$LOWER,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
cd /mnt/root
mount --rbind /proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=0755,nosuid tmpfs run
mkdir -m 1777 run/lock
mkdir run/sshd
mount -t tmpfs -o mode=1777 tmpfs tmp
hostname >etc/hostname
echo "127.0.0.1 localhost $(hostname)" >etc/hosts
echo "Acquire::http::Proxy \"http://$GATEWAY:$PORT\";" >etc/apt/apt.conf.d/90proxy
mkdir -p etc/libvirt etc/ssh/keys
printf '%s\n' "$LIBVIRT" >etc/libvirt/qemu.conf
echo "$KEY" >etc/ssh/keys/authorized
cat >etc/ssh/keys/host
chmod 0600 etc/ssh/keys/host
chroot . useradd --create-home --password '*' "$WHO"
printf 'Defaults rlimit_core=default\n%s ALL=(ALL) NOPASSWD: ALL\n' "$WHO" >etc/sudoers.d/lab
cat >etc/ssh/keys/sshd_config <<EOT
HostKey /etc/ssh/keys/host
AuthorizedKeysFile /etc/ssh/keys/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
EOT
"""


class BareLab(SshLab):
    """As SshLab, of one release of Debian."""

    def __init__(self, name: str, codename: str, user: str = "root") -> None:
        self.lower = bare_root(codename)
        super().__init__(name, user)

    def _furnish(self, board: str) -> None:
        enter = ("nsenter", "-t", str(local_board.board_pid(board)), "-a", "--")
        variables = {
            "PATH": local_board.PATH, "LOWER": str(self.lower), "WHO": USER, "LIBVIRT": local_board.QEMU_CONF,
            "PORT": str(PORT), "GATEWAY": f"198.51.100.{4 * self.boards.index(board) + 1}",
            "KEY": (self.folder / "key.pub").read_text(encoding="ascii").strip(),
        }  # fmt: skip
        argv = [*enter, "env", "-i", *(f"{key}={value}" for key, value in variables.items()), "sh", "-c"]
        key = (self.folder / board).read_text(encoding="ascii")
        done = subprocess.run(
            [*argv, FURNISH], input=key, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        listen = f"ListenAddress={self.address(board)}"
        words = ("/usr/sbin/sshd", "-f", "/etc/ssh/keys/sshd_config", "-E", "/run/sshd/log", "-o", listen)
        self.inside(board, "env", "-i", f"PATH={local_board.PATH}", "chroot", ROOT, *words)

    def on(self, board: str, *argv: str) -> str:
        """In the board's own Debian. BoardError where it fails."""
        return self.inside(board, "chroot", ROOT, *argv)

    def installed(self, board: str) -> set[str]:
        return set(self.on(board, "dpkg-query", "--show", "--showformat", "${Package}\n").split())


@contextmanager
def bare_lab(name: str, codename: str, user: str = "root") -> Iterator[BareLab]:
    """Two new boards, gone at the end."""
    lab = BareLab(name, codename, user)
    try:
        lab.up()
        with proxy(lab.space):
            yield lab
    finally:
        lab.close()
