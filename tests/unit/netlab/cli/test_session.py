# SPDX-License-Identifier: Apache-2.0
"""What a command does about boards that somebody else has, and that it gives back what it took."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from netlab.cli import session as sessions
from netlab.cli.options import FOR_EVER, without_number
from netlab.cli.session import Claim, Session
from netlab.errors import Interrupted, Locked, NetlabError, PlayFailed
from netlab.play.events import Finished, TaskDone, TaskStarted
from netlab.play.interrupt import Interrupt
from netlab.play.outcome import Outcome
from netlab.play.perform import Performed
from netlab.play.progress import Lines

BUSY = "board1: in use by ada on desk"
TAKEN = {"locked": ["board1"]}
GIVEN = {"unlocked": ["board1"]}
Script = list[tuple[str, NetlabError | None, dict[str, Any]]]


def busy(standing: str = "alive") -> Locked:
    return Locked(BUSY, standings=[standing])


class Desk:
    """Plays that end as a script says, in its order."""

    def __init__(self) -> None:
        self.script: Script = []
        self.variables: list[dict[str, Any]] = []
        self.printed = io.StringIO()

    def perform(self, play: Any, _progress: Any, _interrupt: Any, **options: Any) -> Performed:
        name, error, result = self.script.pop(0)
        assert play.playbook == name
        self.variables.append(dict(play.extravars))
        outcome = Outcome(play.name, play.inventory)
        done = TaskDone(board="board1", task="t", changed=False, seconds=0, result=result, inert=True)
        for event in (TaskStarted(board="board1", task="t", inert=True), done):
            outcome.add(event)
            for listener in options.get("always", ()):
                listener.event(event)
        if not isinstance(error, Interrupted):
            outcome.add(Finished(processed=("board1",)))
        return Performed(outcome, error)

    def session(self, **claim: Any) -> Session:
        inventory: Any = SimpleNamespace(path=Path("lab"))
        return Session(inventory, Lines(self.printed), Interrupt(), Claim(**claim))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk()
    monkeypatch.setattr(sessions, "perform", made.perform)
    monkeypatch.setattr(sys, "argv", ["netlab", "deploy", "-t", "tap"])
    yield made
    assert made.script == []


def test_refused_at_once_with_what_helps(desk: Desk) -> None:
    desk.script = [("deploy", busy(), {})]
    error = desk.session().change("deploy").error
    assert isinstance(error, Locked)
    assert error.exit_code == 3
    assert error.hint == "netlab deploy -t tap --wait   (goes on when it is given back)"


@pytest.mark.parametrize(
    ("standing", "hint"),
    [
        ("gone", "netlab deploy -t tap --break-lock   (takes over from a process that is gone)"),
        ("unknown", "--break-lock   (takes it over: ask there first)"),
    ],
)
def test_what_helps_against_others(desk: Desk, standing: str, hint: str) -> None:
    desk.script = [("deploy", busy(standing), {})]
    error = desk.session().change("deploy").error
    assert error is not None
    assert hint in str(error.hint)


def test_a_holder_that_lives_here_is_not_broken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["netlab", "deploy", "--wait", "5", "--break-lock", "-t", "tap"])
    desk.script = [("deploy", busy(), {})]
    error = desk.session(break_lock=True).change("deploy").error
    assert "its holder runs on this machine" in str(error)
    assert str(error.hint).startswith("netlab deploy -t tap --wait ")  # type: ignore[union-attr]
    assert desk.variables[0]["testbed_lock_break"] is True


def test_waits_and_goes_on(desk: Desk) -> None:
    work = desk.session(wait_s=60.0)
    desk.script = [
        ("deploy", busy(), TAKEN),
        ("unlock", None, GIVEN),  # boards of other machines that were free are not held while it waits
        ("wait", None, {}),
        ("deploy", busy(), {}),  # somebody else was quicker
        ("wait", None, {}),
        ("deploy", None, {**TAKEN, **GIVEN}),
    ]
    assert work.change("deploy").error is None
    work.give_back()
    assert f"netlab: waiting for {BUSY}" in desk.printed.getvalue()


def test_waits_no_longer_than_it_was_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 1.0, 2.0, 100.0, 100.0])
    monkeypatch.setattr(sessions.time, "monotonic", lambda: next(now))
    desk.script = [("deploy", busy(), {}), ("wait", busy(), {})]
    error = desk.session(wait_s=60.0).change("deploy").error
    assert isinstance(error, Locked)
    assert "waited for" in str(error)
    assert desk.variables[1]["testbed_lock_wait_s"] == 58.0


def test_a_wait_may_be_longer_than_a_play(desk: Desk) -> None:
    desk.script = [("deploy", busy(), {}), ("wait", busy(), {}), ("wait", None, {}), ("deploy", None, {})]
    assert desk.session(wait_s=FOR_EVER).change("deploy").error is None
    assert [told["testbed_lock_wait_s"] for told in desk.variables[1:3]] == [600.0, 600.0]


def test_a_holder_that_died_meanwhile_and_was_somebody_else_s_is_not_waited_for(desk: Desk) -> None:
    desk.script = [("deploy", busy(), {}), ("wait", busy("gone"), {})]
    error = desk.session(wait_s=FOR_EVER).change("deploy").error
    assert error is not None
    assert "--break-lock" in str(error.hint)


def test_an_interrupt_ends_the_wait(desk: Desk) -> None:
    desk.script = [("deploy", busy(), {}), ("wait", Interrupted("i"), {})]
    assert isinstance(desk.session(wait_s=FOR_EVER).change("deploy").error, Interrupted)


def test_what_a_play_leaves_held_is_given_back(desk: Desk) -> None:
    work = desk.session()
    desk.script = [("deploy", PlayFailed("before anything was touched"), TAKEN), ("unlock", None, GIVEN)]
    work.change("deploy")
    work.give_back()
    work.give_back()  # nothing is left to give


def test_a_play_that_was_cut_off_may_hold_more_than_it_told(desk: Desk) -> None:
    work = desk.session()
    desk.script = [("deploy", Interrupted("i"), {}), ("unlock", None, {})]
    work.change("deploy")
    work.give_back()


def test_nothing_is_paid_where_nothing_was_taken(desk: Desk) -> None:
    work = desk.session()
    desk.script = [("deploy", None, {}), ("status", None, {})]
    work.change("deploy")
    work.read("status")
    work.give_back()
    assert desk.variables[1] == {}, "a command that only reads is nobody's holder"


def test_a_command_of_many_plays_holds_from_its_first_to_its_last(desk: Desk) -> None:
    work = desk.session(until="status")
    desk.script = [
        ("environment", None, TAKEN),
        ("bench", None, TAKEN),
        ("environment", None, {}),
        ("status", None, GIVEN),
    ]
    for name in ("environment", "bench", "environment", "status"):
        (work.change if name == "bench" else work.read)(name)
    work.give_back()
    told = [
        {key.removeprefix("testbed_lock_"): value for key, value in one.items()} for one in desk.variables
    ]
    assert [one.get("first") for one in told] == [True, None, False, False]
    assert [one.get("last") for one in told] == [False, None, False, True]
    assert told[1]["keep"] is True
    assert len({one["pid"] for one in told}) == 1


def test_a_demo_gives_back_with_what_it_built(desk: Desk) -> None:
    work = desk.session(until="destroy")
    desk.script = [("bench", None, TAKEN), ("status", None, {}), ("destroy", None, GIVEN)]
    work.change("bench")
    work.read("status")
    work.remove_all()
    work.give_back()
    assert [one.get("testbed_lock_keep") for one in desk.variables] == [True, None, False]
    assert desk.variables[1]["testbed_lock_last"] is False


def test_boards_that_were_taken_from_us_are_not_waited_for(desk: Desk) -> None:
    work = desk.session(until="status", wait_s=FOR_EVER)
    desk.script = [("environment", None, TAKEN), ("bench", busy(), {}), ("unlock", None, GIVEN)]
    work.read("environment")
    assert isinstance(work.change("bench").error, Locked)
    work.give_back()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([], []),
        (["deploy", "--wait"], ["deploy", "--wait", str(FOR_EVER)]),
        (["--wait", "-t", "tap"], ["--wait", str(FOR_EVER), "-t", "tap"]),
        (["bench", "--wait", "demo"], ["bench", "--wait", str(FOR_EVER), "demo"]),
        (["--wait", "1.5", "x"], ["--wait", "1.5", "x"]),
        (["--wait=3"], ["--wait=3"]),
    ],
)
def test_wait_without_a_number(given: list[str], read: list[str]) -> None:
    assert without_number(given) == read


Netlab = Callable[..., Any]


def test_a_wait_below_zero_is_refused(netlab: Netlab) -> None:
    assert netlab("destroy", "--wait=-1").status == 2
