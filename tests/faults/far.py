# SPDX-License-Identifier: Apache-2.0
"""The same lab with boards over SSH: what a cut connection is can be tried on no other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.faults.lab import HOOKS, Lab
from tests.integration.ssh_board import SshLab

# What comes by SSH has the controller's environment not: the gate's folder is in the interpreter itself. A board over
# SSH has a /root and a /home of its own, which may be where this checkout is: it gets a copy of the hooks.
PYTHON = """\
#!/bin/sh
ANSIBLE_FAULTS='{gate}' PYTHONPATH='{hooks}' exec /usr/bin/python3 "$@"
"""
KEPT = "/var/lib/netlab-testbed-locks"


class FarLab(Lab):
    """Each worker's, made when it is first needed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ssh: SshLab | None = None
        self.python = self.folder / "python3"
        hooks = shutil.copytree(HOOKS / "board", self.folder / "hooks")
        self.python.write_text(PYTHON.format(gate=self.gate, hooks=hooks), encoding="utf-8")
        self.python.chmod(0o755)

    def make(self) -> None:
        self.ssh = SshLab(self.name, python=str(self.python))
        self.ssh.up()
        self.stays = self.ssh.inventory
        ours = f"  vars:\n    ansible_python3_interpreter: {self.python}\n"  # of modules that name python3
        text = self.stays.read_text(encoding="utf-8").replace("  vars:\n", ours, 1)
        self.stays.write_text(text, encoding="utf-8")

    def remove_boards(self) -> None:
        self.watch.boards = {}
        if self.ssh is not None:
            self.ssh.close()
            self.ssh = None

    def impatience(self, seconds: int | None) -> None:
        """No guest is waited for here."""

    def argv(self, *words: str, inventory: Path) -> list[str]:
        assert self.ssh is not None
        return [*self.ssh.here, sys.executable, "-m", "netlab", *words, "-i", str(inventory)]

    def locked(self, board: str) -> bool:
        """A board over SSH keeps its lock itself."""
        return KEPT in local_board.run_in_board(board, ["sh", "-c", f"find {KEPT} 2>/dev/null; true"])

    def explained(self, difference: str) -> bool:
        """sshd is this lab's own, and keeps a session for as long as ssh keeps the connection."""
        return ": programs: left: sshd: " in difference

    def cut(self) -> None:
        assert self.ssh is not None
        self.ssh.cut(self.dut)

    def mend(self) -> None:
        """What ssh keeps of the connection that was cut is of no use to the next command."""
        assert self.ssh is not None
        self.ssh.mend(self.dut)
        for pid in subprocess.run(["ip", "netns", "pids", self.ssh.space], capture_output=True, text=True, check=True,
                                  timeout=10).stdout.split():  # fmt: skip
            if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == "ssh":
                os.kill(int(pid), 9)
