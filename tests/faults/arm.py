# SPDX-License-Identifier: Apache-2.0
"""The emulated board with the gate on it: the faults of what only there is, virtual functions and systemd's timer."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import ops
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.channel import Monitor
from tests.emulated.board import ROOT, EmulatedLab
from tests.faults.lab import HOOKS, Lost, until

PLACE = "/root/faults"
GATE = f"{PLACE}/gate"
PYTHON = f"""\
#!/bin/sh
ANSIBLE_FAULTS={GATE} PYTHONPATH={PLACE}/hooks exec /usr/bin/python3 "$@"
"""
CONFIRM_S = 60  # a deploy comes by oftener than that
MONITOR_S = 30.0
COMMAND_S = 420.0
# the second of modules that name python3 in their first line
GATED = dict.fromkeys(("ansible_python_interpreter", "ansible_python3_interpreter"), f"{PLACE}/python3")

Program = subprocess.Popen[str]


class ArmLab(EmulatedLab):
    """What a moment is, see hooks/board/fault_gate.py: here the gate is on the board, and asked over SSH."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "faultarmdut", "faultarmpeer", 22971, board_confirm_within_s=CONFIRM_S)
        self.stays = folder.parent / "stays.yml"
        self.stays.write_text(self._inventory(), encoding="utf-8")

    def _inventory(self) -> str:
        """The same boards as if nobody here had made them: what undoes a deploy leaves them as they are, and up."""
        local, arm = (
            yaml.safe_load((self.folder / f"group_vars/{kind}_boards.yml").read_text(encoding="utf-8"))
            for kind in ("local", "emulated")
        )
        groups = yaml.safe_load((self.folder / "hosts.yml").read_text(encoding="utf-8"))["all"]["children"]
        dut, peer = groups["duts"]["hosts"][self.board], groups["peers"]["hosts"][f"{self.board[:-3]}peer"]
        dut = {
            **{key: value for key, value in arm.items() if key.startswith(("ansible_", "guest_", "board_"))},
            **dut,
        }
        # of several attempts to reach a board that is cut off, each takes so long
        dut |= {"ansible_port": self.port, "ansible_timeout": 20, **GATED}
        children = {
            "duts": {"hosts": {self.board: dut}},
            "peers": {"hosts": {f"{self.board[:-3]}peer": {**local, **peer}}},
        }
        return str(
            yaml.safe_dump(
                {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}, "children": children}}
            )
        )

    def begin(self, seconds: float) -> None:
        """The board is up, and its Python stops where it is told to."""
        self.switch_on(seconds)
        for source in (HOOKS / "board").glob("*.py"):
            self._put(f"{PLACE}/hooks/{source.name}", source.read_bytes())
        self._put(f"{PLACE}/python3", PYTHON.encode())
        self.run(f"chmod 0755 {PLACE}/python3")

    def _put(self, path: str, content: bytes) -> None:
        text = base64.b64encode(content).decode()
        self.run(f"mkdir -p {Path(path).parent} && echo {text} | base64 -d >{path}")

    # -- moments ---------------------------------------------------------------------------------------

    def arm(self, moment: str) -> None:
        """The next module that comes by this moment stops there."""
        self.run(
            f"rm -rf {GATE}; mkdir -m 0700 {GATE}; printf deploy >{GATE}/playbook; printf '{moment}' >{GATE}/wanted"
        )

    def reach(self, moment: str, program: Program) -> int:
        """Waits until a module has come there: its pid."""
        looks = f"for i in $(seq 50); do if [ -e {GATE}/reached ]; then cat {GATE}/reached; break; fi; sleep 0.2; done"
        end = time.monotonic() + COMMAND_S
        while not (told := self.run(looks)):
            if program.poll() is not None or time.monotonic() > end:
                raise Lost(f"{moment} was never reached:\n{finish(program)[1][-3000:]}")
        return int(json.loads(told)["pid"])

    def go_on(self) -> None:
        self.run(f"mkdir -p {GATE} && touch {GATE}/go")

    def passed(self) -> list[str]:
        return self.run(f"cat {GATE}/passed").splitlines()

    # -- commands --------------------------------------------------------------------------------------

    def start(self, *words: str) -> Program:
        return subprocess.Popen(
            [sys.executable, "-m", "netlab", *words, "-i", str(self.stays)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def call(self, *words: str) -> None:
        """A command that has to succeed, with nobody in its way."""
        self.arm("")
        status, said = finish(self.start(*words))
        if status:
            raise Lost(f"netlab {' '.join(words)} ended with {status}:\n{said[-3000:]}")

    def monitor(self, command: str, **arguments: Any) -> None:
        """To the board's QEMU."""
        path = ops.RECORDS / self.board / "qmp"
        with Monitor(path, time.monotonic() + MONITOR_S, lambda: None) as monitor:
            monitor.ask(command, **arguments)

    def link(self, up: bool) -> None:
        """Of the management NIC: as if its cable were pulled."""
        self.monitor("set_link", name="management", up=up)

    def ledger(self) -> dict[str, Any]:
        """What the topology's ledger says of its deployment; empty where there is none."""
        told = self.run("cat /var/lib/netlab-testbed/ledger/topology.json 2>/dev/null || echo '{}'")
        return dict(json.loads(told).get("deployment") or {})


def finish(program: Program) -> tuple[int, str]:
    """Its status, and all that it said."""
    try:
        said, _ = program.communicate(timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        raise Lost(f"the command did not end within {COMMAND_S:.0f} s") from None
    if "Traceback (most recent call last)" in said:
        raise Lost(f"a traceback:\n{said[-3000:]}")
    return program.returncode, said


# -- what happens there ------------------------------------------------------------------------------------


def _kill_module(lab: ArmLab, _program: Program, pid: int) -> None:
    lab.run(f"kill -9 {pid}")


def _kill_wrapper(lab: ArmLab, program: Program, _pid: int) -> None:
    program.kill()
    lab.go_on()


def _interrupt(lab: ArmLab, program: Program, _pid: int) -> None:
    program.send_signal(signal.SIGINT)
    lab.go_on()


def _power_cut(lab: ArmLab, program: Program, _pid: int) -> None:
    boot = lab.boot_id()
    lab.monitor("system_reset")

    def booted() -> bool:
        told = lab.ssh("cat /proc/sys/kernel/random/boot_id")
        return told.returncode == 0 and told.stdout.strip() != boot

    until("the board is up again", booted)
    finish(program)


def _connection_cut(lab: ArmLab, program: Program, _pid: int) -> None:
    """For good: nobody tells the board anything any more, until it has undone all by itself."""
    lab.link(up=False)
    try:
        finish(program)
    finally:
        lab.link(up=True)
    lab.go_on()
    until("the board has rolled back by itself", lambda: lab.ledger().get("state") == "rolled back")


HAPPENS = {
    "kill -9 module": _kill_module,
    "kill -9 netlab": _kill_wrapper,
    "SIGINT": _interrupt,
    "connection cut": _connection_cut,
    "power cut": _power_cut,
}
# The deploy has to end with one of these, and the boards are as before by then.
UNDOES_ITSELF = {"kill -9 module": (1,), "SIGINT": (0, 130)}
