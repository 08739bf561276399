# SPDX-License-Identifier: Apache-2.0
"""What can happen: each a function of the lab, the command that runs, and the process that has come to the moment."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.faults.lab import Lab, Lost, until

STATE = "/var/lib/netlab-testbed"
Program = subprocess.Popen[str]


@dataclass(frozen=True)
class Fault:
    """`may_end`: statuses that the command may end with. `cleans_up`: boards are as they were once it has ended,
    if it was a deploy. `made`: on boards that a deploy makes. `after`: puts right what no netlab can."""

    happens: Callable[[Lab, Program, int], None]
    may_end: tuple[int, ...]
    cleans_up: bool = True
    new_boards: bool = False
    after: Callable[[Lab], None] | None = None


def _kill_wrapper(lab: Lab, program: Program, _pid: int) -> None:
    program.kill()
    program.wait()
    lab.go_on()


def _kill_ansible(lab: Lab, _program: Program, pid: int) -> None:
    lab.kill(lab.ansible())
    if pid != lab.ansible():
        _end(lab, pid)  # the module goes with it; that it may go on is a fault of its own
    lab.go_on()


def _end(lab: Lab, pid: int) -> None:
    try:
        lab.kill(pid)
    except ProcessLookupError:
        return


def _kill_module(lab: Lab, _program: Program, pid: int) -> None:
    lab.kill(pid)
    lab.go_on()


def _module_goes_on(lab: Lab, program: Program, _pid: int) -> None:
    """As over SSH when the connection is cut: nobody hears the module any more, and it is in the middle of it."""
    lab.kill(lab.ansible())
    try:
        until("rollback", lambda: lab.playbook() == "rollback" or program.poll() is not None, 30)
        # a rollback that runs into the module, or waits for it: both are to go well
        until("rollback's end", lambda: program.poll() is not None, 3)
    except Lost:
        pass
    lab.go_on()


def _press(times: int) -> Callable[[Lab, Program, int], None]:
    def press(lab: Lab, program: Program, _pid: int) -> None:
        for _ in range(times):
            program.send_signal(signal.SIGINT)
        lab.go_on()

    return press


def _kill_init(lab: Lab, _program: Program, _pid: int) -> None:
    init = local_board.board_pid(lab.dut)
    if init is not None:
        os.kill(init, signal.SIGKILL)
    lab.go_on()


def _nic_vanishes(lab: Lab, _program: Program, _pid: int) -> None:
    lab.inside(lab.dut, "ip", "link", "delete", "eth1")
    lab.go_on()


def _disk_full(lab: Lab, _program: Program, _pid: int) -> None:
    fill = f"mount -o remount,size=64k {STATE} && cat /dev/zero > {STATE}/filler 2>/dev/null; true"
    lab.inside(lab.dut, "sh", "-c", fill)
    lab.go_on()


def _disk_free(lab: Lab) -> None:
    lab.inside(lab.dut, "sh", "-c", f"rm -f {STATE}/filler; mount -o remount,size=16m {STATE}")


def _clock_back(lab: Lab, _program: Program, _pid: int) -> None:
    (lab.gate / "clock").write_text("-7200", encoding="utf-8")
    lab.go_on()


def _another_deploy(lab: Lab, _program: Program, _pid: int) -> None:
    """Of the same user, at the same boards: refused while the first has them."""
    gate, lab.gate = lab.gate, lab.folder / "gate of the other"
    try:
        lab.clear()
        status, said = lab.end(lab.start("deploy", "-t", "tap"))
    finally:
        lab.gate = gate
    lab.go_on()
    if status != 3 or "in use by" not in said:
        raise Lost(f"the second deploy ended with {status}:\n{said[-2000:]}")


def _kill_program(name: str) -> Callable[[Lab, Program, int], None]:
    def kill(lab: Lab, _program: Program, _pid: int) -> None:
        found = list(lab.processes(lab.dut, name))
        if not found:
            raise Lost(f"no {name} runs on {lab.dut}")
        for pid in found:
            lab.kill(pid)
        lab.go_on()

    return kill


FAULTS = {
    "kill -9 netlab": Fault(_kill_wrapper, (-9,), cleans_up=False),
    "kill -9 ansible": Fault(_kill_ansible, (0, 1)),
    "kill -9 module": Fault(_kill_module, (1,)),
    "module goes on alone": Fault(_module_goes_on, (0, 1), cleans_up=False),
    "SIGINT": Fault(_press(1), (0, 130)),
    "SIGINT x2": Fault(_press(2), (0, 130)),
    "SIGINT x10": Fault(_press(10), (0, 130), cleans_up=False),
    "init killed": Fault(_kill_init, (0, 1, 4), cleans_up=False, new_boards=True),
    "NIC vanishes": Fault(_nic_vanishes, (0, 1, 3), cleans_up=False, new_boards=True),
    "disk full": Fault(_disk_full, (0, 1), cleans_up=False, after=_disk_free),
    "clock steps back": Fault(_clock_back, (0,)),
    "another deploy": Fault(_another_deploy, (0,)),
    "libvirtd killed": Fault(_kill_program("libvirtd"), (0, 1)),
    "guest killed": Fault(_kill_program("qemu-system"), (0, 1)),
}
