# SPDX-License-Identifier: Apache-2.0
"""One fault tried: the command runs to the moment, it happens, and everything comes right again."""

from __future__ import annotations

from tests.faults.catalogue import Trial
from tests.faults.faults import FAULTS, Fault
from tests.faults.lab import Lab, Lost

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
        lab.before = {}
        lab.remove_boards()
        raise


def _with_standing_boards(lab: Lab, trial: Trial, fault: Fault) -> None:
    deploying = trial.command == "deploy"
    if deploying:
        lab.clean()
    else:
        lab.deployed(trial.topology)
    with lab.watched():
        words = ["deploy", "-t", trial.topology] if deploying else ["destroy"]
        status, said = _happens(lab, trial, fault, words)
        if deploying and fault.cleans_up and status not in (0, 3) and (left := lab.left()):
            raise Lost(f"the rollback has left {left[:5]}\n{said[-2000:]}")
        lab.carries = None
        lab.call("destroy", "--wait", "60")
        if fault.after:
            fault.after(lab)
        if not fault.new_boards and (left := lab.left()):
            raise Lost(f"destroy has left {left[:5]}")
        if fault.new_boards:
            lab.raise_boards()
        lab.call("deploy", "-t", NEXT)
        lab.carries = NEXT


def _with_made_boards(lab: Lab, trial: Trial, fault: Fault) -> None:
    lab.remove_boards()
    lab.before = {}
    _happens(lab, trial, fault, ["deploy", "-t", trial.topology, "-i", str(lab.made)])
    for command in (["destroy", "--wait", "60"], ["deploy", "-t", NEXT], ["destroy"]):
        lab.call(*command, inventory=lab.made)
    left = [board for board in (lab.dut, lab.peer) if lab.locked(board) or _there(board)]
    if left:
        raise Lost(f"destroy has left {left}")


def _there(board: str) -> bool:
    from ansible_collections.netlab.testbed.plugins.module_utils import local_board

    return board in local_board.recorded_boards() | set(local_board.current_boards())


def _happens(lab: Lab, trial: Trial, fault: Fault, words: list[str]) -> tuple[int, str]:
    lab.arm(trial.moment)
    inventory = lab.made if str(lab.made) in words else None
    words = words[: words.index("-i")] if "-i" in words else words
    program = lab.start(*words, inventory=inventory)
    try:
        fault.happens(lab, program, lab.reach(trial.moment, program))
        status, said = lab.end(program)
    finally:
        lab.go_on()
        if program.poll() is None:
            program.kill()
    if status not in fault.may_end:
        raise Lost(f"netlab ended with {status}, not one of {fault.may_end}:\n{said[-3000:]}")
    return status, said
