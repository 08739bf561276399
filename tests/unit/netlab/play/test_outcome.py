# SPDX-License-Identifier: Apache-2.0
"""When boards count as touched, what counts as a trial, and which error an outcome amounts to."""

from __future__ import annotations

from netlab.errors import Locked, PlayFailed
from netlab.play.events import (
    Event,
    Finished,
    TaskDone,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    Unreachable,
    from_runner,
)
from netlab.play.outcome import Outcome


def outcome(*events: Event, status: str = "failed") -> Outcome:
    made = Outcome("netlab.testbed.deploy", "hosts.yml", status=status)
    for event in events:
        made.add(event)
    return made


def started(*, inert: bool = False) -> TaskStarted:
    return TaskStarted(board="board1", task="t", inert=inert)


def done(*, changed: bool = False, inert: bool = False, result: dict | None = None) -> TaskDone:
    return TaskDone(board="board1", task="t", changed=changed, seconds=0, result=result or {}, inert=inert)


def failed(*, inert: bool = False) -> TaskFailed:
    return TaskFailed(board="board1", task="t", message="m", seconds=0, inert=inert)


FINISHED = Finished(processed=("board1",), failed=("board1",))


def test_what_touches_a_board() -> None:
    assert outcome(started(), done(changed=True), FINISHED).touched
    assert outcome(started(), failed(), FINISHED).touched, "a module may fail halfway"
    assert outcome(started()).touched, "Ansible ended while a task ran"


def test_what_does_not() -> None:
    assert not outcome().touched
    assert not outcome(started(), done(), FINISHED).touched
    assert not outcome(started(), done(changed=True, inert=True), FINISHED).touched, "packages stay anyway"
    assert not outcome(started(), failed(inert=True), FINISHED).touched
    assert not outcome(started(), done(), started(inert=True)).touched, "a role that cannot be included"
    assert not outcome(started(), TaskSkipped(board="board1", task="t")).touched


def test_a_loop_over_trials_is_no_trial() -> None:
    spec = {"order": 1, "topology": "plain"}
    measured = {**spec, "status": "ok"}
    assert outcome(done(result={"trial": spec})).trials == []
    assert outcome(done(result={"trial": measured})).trials == [{"board": "board1", **measured}]


def test_facts_are_those_of_a_board() -> None:
    assert outcome(done(result={"board": "board1"})).facts == {}
    assert outcome(done(result={"board": {"kernel": "6.1"}})).facts == {"board1": {"kernel": "6.1"}}


def test_ansible_that_dies_in_the_middle_says_so() -> None:
    printed = from_runner({"event": "error", "stdout": "[ERROR]: Could not find specified file in role"})
    assert printed is not None
    error = outcome(started(), done(), printed).error()
    assert isinstance(error, PlayFailed)
    assert str(error).startswith("Ansible ended in the middle of netlab.testbed.deploy:\n[ERROR]: Could not")


def test_events_that_nobody_asks_about_are_none() -> None:
    assert from_runner({"event": "EOF"}) is None
    assert from_runner({"event": "playbook_on_start", "stdout": ""}) is None
    assert from_runner({}) is None


def lacking(play: str) -> str:
    """What is suggested where a board lacks something."""
    told = Outcome(play=play, inventory="lab")
    lack = TaskFailed(
        board="board1", task="t", message="", seconds=0.0, unmet=("there is no eth2",), inert=True
    )
    told.add(lack)
    told.add(Finished(processed=("board1",), failed=("board1",)))
    error = told.error()
    assert str(error) == "board1: there is no eth2"
    return str(getattr(error, "hint", None))


def test_what_a_board_lacks_leads_to_check_and_check_to_the_mending() -> None:
    assert lacking("netlab.testbed.deploy") == "netlab check -i lab   (what each board can do, and why not)"
    assert lacking("netlab.testbed.check") == "netlab check -i lab   (once that is set right)"


def test_a_suggested_program_can_be_called(monkeypatch, tmp_path) -> None:
    """`./lab` runs in a virtual environment that nobody has activated."""
    (tmp_path / "ansible").touch()
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "/nonexistent")
    told = Outcome(play="netlab.testbed.deploy", inventory="my lab")
    told.add(Unreachable(board="board1", task="t", message="refused"))
    told.add(Finished(processed=("board1",), unreachable=("board1",)))
    hint = getattr(told.error(), "hint", None) or ""
    assert hint.startswith(f"{tmp_path}/ansible -i 'my lab' all -m ping ")


def test_who_is_refused_has_touched_nothing_and_each_holder_is_told_once() -> None:
    def refused(board: str) -> dict:
        entry = {"boards": [board], "standing": "alive", "says": "in use by ada"}
        return {
            "event": "runner_on_failed",
            "event_data": {"host": board, "task": "t", "resolved_action": "netlab.testbed.ledger",
                           "res": {"msg": "m", "refused_by": [entry]}},
        }  # fmt: skip

    events = [from_runner(refused(board)) for board in ("board2", "board1")]
    told = outcome(*[event for event in events if event], Finished(failed=("board1", "board2")))
    assert not told.touched
    error = told.error()
    assert isinstance(error, Locked)
    assert (error.exit_code, str(error), error.standings) == (3, "board1, board2: in use by ada", ("alive",))
