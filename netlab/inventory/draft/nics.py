# SPDX-License-Identifier: Apache-2.0
"""Which interface of a board is the measured one: the one that can only be, or that somebody names. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.errors import Problem
from netlab.inventory.draft.answers import Answer, Nic
from netlab.inventory.suggest import closest


def only_one(answer: Answer) -> Nic | None:
    """The one free interface with a carrier; else the one free interface, if it is only down."""
    free = [nic for nic in answer.nics.values() if nic.is_free]
    carrying = [nic for nic in free if nic.carrier]
    if len(carrying) == 1:
        return carrying[0]
    if len(free) == 1 and free[0].carrier is None:
        return free[0]
    return None


def choices(answer: Answer) -> list[Nic]:
    """What somebody may choose from: free ones, those with a carrier first."""
    free = [nic for nic in answer.nics.values() if nic.is_free]
    return sorted(free, key=lambda nic: (-2 if nic.carrier else -1 if nic.carrier is None else 0, nic.name))


def undecided(board: str, answer: Answer) -> Problem:
    """Why it has to be said which interface is the measured one."""
    found = choices(answer)
    taken = [nic for nic in answer.nics.values() if not nic.is_free]
    lines = [f"\n    {nic.name}: {nic}" for nic in found]
    lines += [f"\n    {nic.name}: {nic}; not free, {nic.why_not}" for nic in taken]
    if len(found) == 1:
        message = f"its only free interface has no carrier: is the cable of {found[0].name} in?"
    elif found:
        message = "which interface is the measured one? Several may be"
    elif taken:
        message = "no interface of it is free to be measured"
    else:
        message = "it has no interface that could be measured"
    spare = [nic for nic in taken if not nic.carries]  # what they have is put back by a destroy
    expected = " or ".join(f"--nic {board}={nic.name}" for nic in found or spare)
    if spare and not found:
        expected += ", which takes it all the same: netlab destroy puts back what it had"
    return Problem(message + "".join(lines), key=board, expected=expected or "a board with a free interface")


def named(board: str, answer: Answer, name: str) -> Nic | Problem:
    """The interface that was named, if it may be measured."""
    nic = answer.nics.get(name)
    if nic is None:
        there = ", ".join(answer.nics) or "none"
        expected = closest(name, sorted(answer.nics), 0.5) or f"one of {there}"
        return Problem(f"there is no interface {name} on it", key=f"--nic {board}={name}", expected=expected)
    if nic.carries:
        others = [other.name for other in choices(answer)]
        expected = f"another one: {', '.join(others)}" if others else "an interface that is free"
        why = ", ".join(nic.carries)
        return Problem(
            f"it is not free to be measured: {why}", key=f"--nic {board}={name}", expected=expected
        )
    return nic


def same_machine(answers: Sequence[tuple[str, Answer]]) -> list[Problem]:
    """Boards that are one machine by two names."""
    found = []
    for number, (board, answer) in enumerate(answers):
        for other, of_other in answers[number + 1 :]:
            if answer.macs & of_other.macs:
                what = f"it is the same machine as {board}: its interfaces have the same MAC addresses"
                found.append(Problem(what, key=other, expected="two machines: a dut is never its own peer"))
    return found
