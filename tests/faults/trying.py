# SPDX-License-Identifier: Apache-2.0
"""One fault tried: the command runs to the moment, it happens, and everything comes right again."""

from __future__ import annotations

import subprocess

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.faults import runs
from tests.faults.catalogue import AT_ONCE, WHILE_MEASURING, Trial
from tests.faults.faults import FAULTS, MEASURED, Fault
from tests.faults.lab import IMPATIENT, Lab, Lost, until

# What every topology can be followed by, and is quick.
NEXT = "host"


def attempt(lab: Lab, trial: Trial) -> None:
    """Lost, with what is wrong, if it was not survived."""
    fault = FAULTS[trial.fault]
    try:
        if trial.fault == "init killed":
            _with_made_boards(lab, trial, fault)
        else:
            _with_standing_boards(lab, trial, fault)
    except BaseException:
        # the next one is to begin with boards that nothing has happened to
        lab.clear()
        lab.carries = None
        lab.before = {}
        lab.remove_boards()
        raise


def _words(lab: Lab, trial: Trial) -> list[str]:
    if trial.command == "bench":
        return ["bench", lab.plan(trial.topology)]
    return ["deploy", "-t", trial.topology] if trial.command == "deploy" else ["destroy"]


def _with_standing_boards(lab: Lab, trial: Trial, fault: Fault) -> None:
    if trial.command == "destroy":
        lab.deployed(trial.topology)
    else:
        lab.clean()
    if trial.command == "bench":
        lab.no_results()
        if fault.before:
            fault.before(lab)
    with lab.watched():
        lab.carries = None
        status, said = _happens(lab, trial, fault, _words(lab, trial))
        if trial.command == "deploy" and fault.cleans_up and status not in (0, 3) and (left := lab.left()):
            raise Lost(f"the rollback has left {left[:5]}\n{said[-2000:]}")
        earlier = runs.whole_lines(runs.only(lab.results))
        lab.call("destroy", "--wait", "60")
        if fault.after:
            fault.after(lab)
        if not fault.new_boards and (left := lab.left()):
            raise Lost(f"destroy has left {left[:5]}")
        if fault.new_boards:
            lab.raise_boards()
        _again(lab, trial, earlier)


def _with_made_boards(lab: Lab, trial: Trial, fault: Fault) -> None:
    lab.remove_boards()
    lab.carries = None
    lab.before = {}
    lab.no_results()
    _happens(lab, trial, fault, _words(lab, trial))
    earlier = runs.whole_lines(runs.only(lab.results))
    lab.call("destroy", "--wait", "60", inventory=lab.made)
    _again(lab, trial, earlier)
    lab.call("destroy", inventory=lab.made)
    left = [board for board in (lab.dut, lab.peer) if lab.locked(board) or _there(board)]
    if left:
        raise Lost(f"destroy has left {left}")


def _again(lab: Lab, trial: Trial, earlier: list[bytes]) -> None:
    """A new deploy; of a bench that was cut off, the one that completes it."""
    inventory = lab.made if trial.fault == "init killed" else None
    run = runs.only(lab.results) if trial.command == "bench" else None
    if run is not None and (runs.state(run) != "complete" or runs.lacks(run)):
        runs.check(run, earlier)
        # 1: some trial has failed too often already, which is for check_complete to say
        lab.call("bench", "--resume", run.name, inventory=inventory, allowed=(1, *MEASURED))
        runs.check_complete(run, earlier)
    else:
        if run is not None:
            runs.check_complete(run, earlier)
        lab.call("deploy", "-t", NEXT, inventory=inventory)
    lab.carries = NEXT if inventory is None and trial.topology == NEXT else None


def _there(board: str) -> bool:
    return board in local_board.recorded_boards() | set(local_board.current_boards())


def _happens(lab: Lab, trial: Trial, fault: Fault, words: list[str]) -> tuple[int, str]:
    made = trial.fault == "init killed"
    if trial.fault == "guest never answers" and trial.command == "deploy":
        lab.impatience(IMPATIENT)
    if trial.at in (AT_ONCE, WHILE_MEASURING):
        lab.clear()
    else:
        lab.arm(trial.moment)
    if trial.at == AT_ONCE and trial.fault.startswith("results "):
        fault.happens(lab, None, 0)  # type: ignore[arg-type]  # nobody runs yet, and it asks for nobody
    program = lab.start(*words, inventory=lab.made if made else None)
    try:
        if trial.at != AT_ONCE:
            pid = (
                _measuring(lab, program) if trial.at == WHILE_MEASURING else lab.reach(trial.moment, program)
            )
            fault.happens(lab, program, pid)
        elif not trial.fault.startswith("results "):
            fault.happens(lab, program, 0)
        status, said = lab.end(program)
    finally:
        lab.go_on()
        lab.impatience(None)
        if program.poll() is None:
            program.kill()
    allowed = (*fault.may_end, *(fault.bench_may_end if trial.command == "bench" else ()))
    if status not in allowed:
        raise Lost(f"netlab ended with {status}, not one of {allowed}:\n{said[-3000:]}")
    return status, said


def _measuring(lab: Lab, program: subprocess.Popen[str]) -> int:
    """Waits until an instrument runs; the pid of the module that has started it."""
    until(
        "netperf runs",
        lambda: program.poll() is not None or (lab.is_up(lab.dut) and lab.measuring(lab.dut)),
    )
    if program.poll() is not None:
        raise Lost(f"netperf never ran:\n{lab.end(program)[1][-3000:]}")
    if (pid := lab.module(lab.dut)) is None:
        raise Lost("netperf runs, and no module")
    return pid
