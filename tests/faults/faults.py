# SPDX-License-Identifier: Apache-2.0
"""What can happen: each a function of the lab, the command that runs, and the process that has come to the moment."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.faults.catalogue import CUT
from tests.faults.far import FarLab
from tests.faults.lab import Lab, Lost, until

STATE = "/var/lib/netlab-testbed"
Program = subprocess.Popen[str]


@dataclass(frozen=True)
class Fault:
    """`may_end`: statuses that the command may end with; a bench may also end as `bench_may_end`. `cleans_up`: boards
    are as they were once it has ended, if it was a deploy. `new_boards`: what it took no netlab brings back.
    `after`: puts right what no netlab can. `before`: what has to be so beforehand, for a bench."""

    happens: Callable[[Lab, Program, int], None]
    may_end: tuple[int, ...]
    cleans_up: bool = True
    new_boards: bool = False
    before: Callable[[Lab], None] | None = None
    after: Callable[[Lab], None] | None = None
    bench_may_end: tuple[int, ...] = ()


def _kill_wrapper(lab: Lab, program: Program, _pid: int) -> None:
    program.kill()
    program.wait()
    lab.go_on()


def _kill_ansible(lab: Lab, program: Program, pid: int) -> None:
    lab.kill(lab.ansible())
    if pid not in (lab.ansible(), program.pid):
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


def _another(*words: str) -> Callable[[Lab, Program, int], None]:
    """Of the same user, at the same boards: refused while the first has them."""

    def other(lab: Lab, _program: Program, _pid: int) -> None:
        status, said = lab.beside(*words)
        lab.go_on()
        if status != 3 or "in use by" not in said:
            raise Lost(f"the second command ended with {status}:\n{said[-2000:]}")

    return other


def _at_once(*words: str) -> Callable[[Lab, Program, int], None]:
    """Both begin together: whoever comes first, boards are one's or the other's, and nobody's by halves."""

    def race(lab: Lab, program: Program, _pid: int) -> None:
        status, said = lab.beside(*words)
        allowed = (0,) if "--wait" in words else (0, 3)
        if status not in allowed or (status == 3 and "in use by" not in said):
            raise Lost(f"the other command ended with {status}, not one of {allowed}:\n{said[-2000:]}")

    return race


def _signal_program(name: str, number: signal.Signals) -> Callable[[Lab, Program, int], None]:
    def send(lab: Lab, _program: Program, _pid: int) -> None:
        found = list(lab.processes(lab.dut, name))
        if not found:
            raise Lost(f"no {name} runs on {lab.dut}")
        for pid in found:
            os.kill(pid, number)
        lab.go_on()

    return send


def _kill_instrument(lab: Lab, _program: Program, _pid: int) -> None:
    for pid in lab.measuring(lab.dut):
        _end(lab, pid)
    lab.go_on()


def _ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}/exe").exists()


def _restart_libvirtd(lab: Lab, _program: Program, _pid: int) -> None:
    """By somebody else, as a package's upgrade does."""
    for pid in list(lab.processes(lab.dut, "libvirtd")):
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode().rstrip("\0").split("\0")
        lab.kill(pid)
        until("libvirtd's end", partial(_ended, pid), 10)
        words = ["nsenter", "-t", str(lab.pid(lab.dut)), "-a", "--", "env", "-i", *environment, *argv]
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    lab.go_on()


def _results_full(lab: Lab, _program: Program, _pid: int) -> None:
    with suppress(OSError), (lab.results / "filler").open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    lab.go_on()


def _results_free(lab: Lab) -> None:
    (lab.results / "filler").unlink(missing_ok=True)


def _results_locked(lab: Lab, _program: Program, _pid: int) -> None:
    lab.results_may_be_written(False)
    lab.go_on()


def _results_unlocked(lab: Lab) -> None:
    lab.results_may_be_written(True)


def _cut(lab: Lab, program: Program, _pid: int) -> None:
    """For as long as the command runs; who is on the board goes on, and nobody hears it."""
    assert isinstance(lab, FarLab)
    lab.cut()
    lab.go_on()
    try:
        until("the end of a command whose connection was cut", lambda: program.poll() is not None)
    finally:
        lab.mend()


# 5: measured, but the figures break a rule, which they may on a machine that does other things
MEASURED = (0, 5)

FAULTS = {
    "kill -9 netlab": Fault(_kill_wrapper, (-9,), cleans_up=False),
    "kill -9 ansible": Fault(_kill_ansible, (0, 1), bench_may_end=(5,)),
    "kill -9 module": Fault(_kill_module, (1,), bench_may_end=MEASURED),
    "module goes on alone": Fault(_module_goes_on, (0, 1), cleans_up=False),
    "SIGINT": Fault(_press(1), (0, 130)),
    "SIGINT x2": Fault(_press(2), (0, 130)),
    "SIGINT x10": Fault(_press(10), (0, 130), cleans_up=False),
    "init killed": Fault(_kill_init, (0, 1, 4), cleans_up=False, new_boards=True),
    "NIC vanishes": Fault(_nic_vanishes, (0, 1, 3), cleans_up=False, new_boards=True),
    "disk full": Fault(_disk_full, (0, 1), cleans_up=False, after=_disk_free, bench_may_end=(5,)),
    "clock steps back": Fault(_clock_back, (0,), bench_may_end=(5,)),
    CUT: Fault(_cut, (0, 1, 4), cleans_up=False, bench_may_end=(5,)),
    "another deploy": Fault(_another("deploy", "-t", "tap"), (0,), bench_may_end=(5,)),
    "another bench": Fault(_another("bench"), (0,), bench_may_end=(5,)),
    "another deploy at once": Fault(_at_once("deploy", "-t", "host"), (0, 3), bench_may_end=(5,)),
    "another deploy at once that waits": Fault(
        _at_once("deploy", "-t", "host", "--wait", "100"), (0, 3), bench_may_end=(5,)
    ),
    "a destroy at once": Fault(_at_once("destroy"), (0, 3), bench_may_end=(5,)),
    "libvirtd killed": Fault(_signal_program("libvirtd", signal.SIGKILL), (0, 1), bench_may_end=(5,)),
    "libvirtd restarted": Fault(_restart_libvirtd, (0, 1)),
    "guest killed": Fault(_signal_program("qemu-system", signal.SIGKILL), (0, 1), bench_may_end=(5,)),
    "guest never answers": Fault(_signal_program("qemu-system", signal.SIGSTOP), (0, 1), bench_may_end=(5,)),
    "instrument killed": Fault(_kill_instrument, (0, 1), bench_may_end=(5,)),
    "results disk full": Fault(_results_full, (1,), before=Lab.small_results, after=_results_free),
    "results read-only": Fault(_results_locked, (1,), after=_results_unlocked),
}
