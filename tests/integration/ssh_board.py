# SPDX-License-Identifier: Apache-2.0
"""Boards reached over SSH, without hardware: an ordinary inventory, with host-key checking on.

A pair of boards (containers of namespaces, wired by ``eth1``), each with an sshd, a sudo, a user database, and
a /var/lib of its own, behind a management cable ``mgmt0``. The other ends of the management cables are in a network
namespace of this lab's own, which is where netlab and ssh are run. The inventory knows nothing of all this: no
local_boards, no connection plugin; so the boards stay, as such boards do, and only their ledgers undo what is done.

    with ssh_lab("init") as lab:                # boards initdut and initpeer; user="ada" signs in as her, with sudo
        lab.call("deploy", "-t", "host")        # netlab ... -i lab.inventory; what it said, AssertionError if it failed
        lab.inside(lab.dut, "ip", "link")       # on the board, not by SSH
        lab.cut(lab.dut); lab.mend(lab.dut)     # the management cable
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.integration.ssh_programs import unpacked

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 240.0  # seconds for one command of netlab
USER = "ada"  # may sudo without a password

# As the first thing in a board: its own /usr and /etc over the machine's, what was there of the board on top again.
# /var/lib too: a board over SSH keeps its lock itself, and two of them are two machines.
FURNISH = r"""
set -eu
over() { # FOLDER [LOWER]: what is written stays in this board's memory
  mkdir -p "/mnt$1/upper" "/mnt$1/work" "/mnt$1/merged"
  mount -t overlay -o "lowerdir=${2:+$2:}$1,upperdir=/mnt$1/upper,workdir=/mnt$1/work" overlay "/mnt$1/merged"
  for inner in libvirt libvirt/qemu netlab-testbed; do
    if mountpoint -q "$1/$inner"; then
      mkdir -p "/mnt$1/merged/$inner"
      mount --move "$1/$inner" "/mnt$1/merged/$inner"
    fi
  done
  mount --rbind "/mnt$1/merged" "$1"
}
mkdir /run/sshd
mount -t tmpfs -o mode=0755 tmpfs /mnt
over /usr "$PROGRAMS/usr"
over /etc "$PROGRAMS/etc"
# A whiteout (overlayfs.rst) in a layer between: the machine's locks are not this board's, whenever it has any. In the
# upper one it would go with the first folder that is made and removed in its place.
mkdir /mnt/hidden
mknod /mnt/hidden/netlab-testbed-locks c 0 0
over /var/lib /mnt/hidden
mount -t tmpfs -o mode=0700 tmpfs /root
mount -t tmpfs -o mode=0755 tmpfs /home
mkdir -m 0700 "/home/$WHO"
chown 1234:1234 "/home/$WHO"
echo 'sshd:x:1233:1233::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
echo "$WHO:x:1234:1234::/home/$WHO:/bin/sh" >>/etc/passwd
echo "$WHO:x:1234:" >>/etc/group
echo "$WHO:*:19000:0:99999:7:::" >>/etc/shadow
printf 'root ALL=(ALL) ALL\n%s ALL=(ALL) NOPASSWD: ALL\n' "$WHO" >/etc/sudoers
chmod 0440 /etc/sudoers
echo "127.0.0.1 $(hostname)" >>/etc/hosts
mkdir -p /etc/ssh/keys
echo "$KEY" >/etc/ssh/keys/authorized
cat >/etc/ssh/keys/host
chmod 0600 /etc/ssh/keys/host
cat >/etc/ssh/keys/sshd_config <<EOT
HostKey /etc/ssh/keys/host
AuthorizedKeysFile /etc/ssh/keys/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
Subsystem sftp /usr/lib/openssh/sftp-server
EOT
"""
INVENTORY = """\
all:
  vars:
    ansible_user: {user}
    ansible_become: {become}
    ansible_python_interpreter: {python}
    ansible_ssh_private_key_file: {folder}/key
    ansible_control_path_dir: {folder}/cp
    ansible_ssh_common_args: >-
      -o UserKnownHostsFile={folder}/known_hosts -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes
      -o ConnectTimeout=5 -o ServerAliveInterval=2 -o ServerAliveCountMax=3
  children:
    duts: {{hosts: {{{dut}: {{ansible_host: {dut_host}, board_nic: eth1, board_address: 192.168.20.2/24}}}}}}
    peers: {{hosts: {{{peer}: {{ansible_host: {peer_host}, board_nic: eth1, board_address: 192.168.20.1/24}}}}}}
"""


def _run(*argv: str, **keywords: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, **keywords)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{argv}: {done.stderr}{done.stdout}"
    return str(done.stdout)


class SshLab:
    """`dut` and `peer` are the boards' names. `python`: what the inventory says of the boards' interpreter."""

    def __init__(self, name: str, user: str = "root", python: str = "/usr/bin/python3") -> None:
        self.dut, self.peer = f"{name}dut", f"{name}peer"
        self.boards = (self.dut, self.peer)
        self.space = f"nl{name}{os.getpid()}"  # where the controller is
        self.programs = unpacked()
        # short: the path of a socket of ssh's is in it, which may have 107 characters
        self.folder = Path(tempfile.mkdtemp(prefix="nlssh"))
        self.inventory = self.folder / "hosts.yml"
        self.user = user
        hosts = {
            f"{end}_host": self.address(board)
            for end, board in zip(("dut", "peer"), self.boards, strict=True)
        }
        self.inventory.write_text(
            INVENTORY.format(
                user=user, become=str(user != "root").lower(), python=python, folder=self.folder,
                dut=self.dut, peer=self.peer, **hosts,
            ),
            encoding="utf-8",
        )  # fmt: skip

    # -- boards ----------------------------------------------------------------------------------------

    def address(self, board: str) -> str:
        return f"198.51.100.{4 * self.boards.index(board) + 2}"

    def up(self) -> None:
        _run("ip", "netns", "add", self.space)
        _run("ip", "-n", self.space, "link", "set", "lo", "up")
        for path in (self.folder / "key", *(self.folder / board for board in self.boards)):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path))
        for board in self.boards:
            local_board.start(board)
            self._manage(board)
            self._furnish(board)
        local_board.wire(self.dut, "eth1", self.peer, "eth1")
        for board in self.boards:
            self._wait_for_sshd(board)
        self.settle()

    def settle(self) -> None:
        """Wait until the management link tells of its carrier, and IPv6 addresses are found to be nobody else's."""
        end = time.monotonic() + 15
        for board in self.boards:
            while "NO-CARRIER" in self.inside(
                board, "ip", "address", "show", "mgmt0"
            ) or "tentative" in self.inside(board, "ip", "address"):
                assert time.monotonic() < end, f"the links of {board} do not settle"
                time.sleep(0.1)

    def _manage(self, board: str) -> None:
        """The management cable, and the key of the board that the controller knows."""
        number = self.boards.index(board)
        init = str(local_board.board_pid(board))
        here = ("ip", "-n", self.space)
        _run(*here, "link", "add", f"to{number}", "type", "veth", "peer", "name", "mgmt0", "netns", init)
        _run(*here, "address", "add", f"198.51.100.{4 * number + 1}/30", "dev", f"to{number}")
        _run(*here, "link", "set", f"to{number}", "up")
        self.inside(board, "ip", "address", "add", f"{self.address(board)}/30", "dev", "mgmt0")
        self.inside(board, "ip", "link", "set", "mgmt0", "up")
        public = (self.folder / f"{board}.pub").read_text(encoding="ascii").rsplit(" ", 1)[0]
        with (self.folder / "known_hosts").open("a", encoding="ascii") as known:
            known.write(f"{self.address(board)} {public}\n")

    def _furnish(self, board: str) -> None:
        enter = ("nsenter", "-t", str(local_board.board_pid(board)), "-a", "--")
        environment = (
            "env", "-i", f"PATH={local_board.PATH}", f"PROGRAMS={self.programs}", f"WHO={USER}",
            f"KEY={(self.folder / 'key.pub').read_text(encoding='ascii').strip()}",
        )  # fmt: skip
        host_key = (self.folder / board).read_text(encoding="ascii")
        _run(*enter, *environment, "sh", "-c", FURNISH, input=host_key)
        # in the background by itself; its own log is in the board's /run
        _run(*enter, "env", "-i", f"PATH={local_board.PATH}", "/usr/sbin/sshd", "-f", "/etc/ssh/keys/sshd_config",
             "-E", "/run/sshd/log", "-o", f"ListenAddress={self.address(board)}")  # fmt: skip

    def _wait_for_sshd(self, board: str) -> None:
        end = time.monotonic() + 15
        while True:
            done = self.ssh(board, "true")
            if done.returncode == 0:
                return
            assert time.monotonic() < end, (
                f"{board}: {done.stderr}{self.inside(board, 'cat', '/run/sshd/log')}"
            )
            time.sleep(0.05)

    def inside(self, board: str, *argv: str) -> str:
        """On the board, whatever became of its network. BoardError where it fails."""
        return local_board.run_in_board(board, list(argv))

    def ssh(self, board: str, command: str, user: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command as a person gives it, from where the controller is."""
        options = ("UserKnownHostsFile=" + str(self.folder / "known_hosts"), "GlobalKnownHostsFile=/dev/null",
                   "StrictHostKeyChecking=yes", "BatchMode=yes", "ConnectTimeout=5", "IdentitiesOnly=yes")  # fmt: skip
        argv = [
            *self.here, "ssh", "-i", str(self.folder / "key"), *(word for option in options for word in ("-o", option)),
            f"{user or self.user}@{self.address(board)}", command,
        ]  # fmt: skip
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    def cut(self, board: str) -> None:
        """From now on nothing comes through the management cable; neither side is told."""
        for do in self._ends(board):
            do("neighbour", "replace", "lladdr", "02:00:00:00:00:99")

    def mend(self, board: str) -> None:
        for do in self._ends(board):
            do("neighbour", "delete")

    def _ends(self, board: str) -> tuple[Callable[..., str], Callable[..., str]]:
        """ip(8) about the neighbour at the other end, at each end of the board's management cable."""
        number = self.boards.index(board)
        far, near = self.address(board), f"198.51.100.{4 * number + 1}"

        def here(thing: str, verb: str, *words: str) -> str:
            return _run("ip", "-n", self.space, thing, verb, far, *words, "dev", f"to{number}")

        def there(thing: str, verb: str, *words: str) -> str:
            return self.inside(board, "ip", thing, verb, near, *words, "dev", "mgmt0")

        return here, there

    # -- commands --------------------------------------------------------------------------------------

    @property
    def here(self) -> tuple[str, ...]:
        """Put in front of a command, to run it where the controller is."""
        return ("nsenter", f"--net=/run/netns/{self.space}", "--")

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name not in ("SUDO_USER", "SSH_CONNECTION")
            },
            "NETLAB_LOGS": str(self.folder / "logs"),
            "NETLAB_RESULTS": str(self.folder / "results"),
            "NO_COLOR": "1",
            **variables,
        }
        return subprocess.Popen(
            [*self.here, sys.executable, "-m", "netlab", *words, "-i", str(self.inventory)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
            env=environment, start_new_session=True,
        )  # fmt: skip

    def end(self, program: subprocess.Popen[str]) -> tuple[int, str]:
        """Its status and all that it said."""
        try:
            said, _ = program.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            program.kill()
            said, _ = program.communicate()
            raise AssertionError(f"{program.args} did not end within {LIMIT:.0f} s: {said[-3000:]}") from None
        return program.returncode, said

    def call(self, *words: str, status: int = 0, **variables: str) -> str:
        got, said = self.end(self.start(*words, **variables))
        assert got == status, f"netlab {' '.join(words)} ended with {got}:\n{said[-4000:]}"
        return said

    def controllers(self) -> list[int]:
        """All that runs where the controller is, but for the masters of ssh."""
        found = []
        for pid in _run("ip", "netns", "pids", self.space).split():
            with suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() != "ssh":
                    found.append(int(pid))
        return found

    def ansible(self, *argv: str, **variables: str) -> str:
        """A command of Ansible's own over the inventory; all that it said, whatever its status."""
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            **variables,
        }
        done = subprocess.run(
            [*self.here, str(Path(sys.executable).with_name(argv[0])), *argv[1:], "-i", str(self.inventory)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
            env=environment, timeout=LIMIT, check=False,
        )  # fmt: skip
        return done.stdout

    def module(self, board: str, name: str, **arguments: Any) -> dict[str, Any]:
        """One module's result."""
        said = self.ansible("ansible", board, "-m", f"netlab.testbed.{name}", "-a", json.dumps(arguments))
        try:
            return dict(json.loads(said.partition("=> ")[2]))
        except ValueError:
            raise AssertionError(said) from None

    def close(self) -> None:
        """Everything of the lab: the masters that ssh keeps are in its namespace, as is all that netlab left."""
        for board in self.boards:
            local_board.stop(board)
        if self.space in _run("ip", "netns", "list").split():
            for pid in _run("ip", "netns", "pids", self.space).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            _run("ip", "netns", "delete", self.space)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def ssh_lab(name: str, user: str = "root", python: str = "/usr/bin/python3") -> Iterator[SshLab]:
    """Two new boards, gone at the end."""
    lab = SshLab(name, user, python)
    try:
        lab.up()
        yield lab
    finally:
        lab.close()
