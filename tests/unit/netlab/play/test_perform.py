# SPDX-License-Identifier: Apache-2.0
"""What follows a play that fails: a rollback where boards were touched, nothing where they were not."""

from __future__ import annotations

import io
import os
import signal

import pytest

from netlab.errors import Interrupted, NotSupported, PlayFailed
from netlab.play.events import Event, TaskStarted
from netlab.play.interrupt import Interrupt
from netlab.play.perform import Performed, perform
from netlab.play.progress import Lines
from netlab.play.runner import Listener, Play

CHANGES = """
- name: Changes something
  ansible.builtin.command: "true"
- name: Fails
  ansible.builtin.fail: {msg: the guest's agent does not answer}
"""


class Presses(Listener):
    """Presses Ctrl-C each time one of these tasks begins, as often as it says."""

    def __init__(self, **tasks: int) -> None:
        self.tasks = tasks

    def event(self, event: Event) -> None:
        if isinstance(event, TaskStarted):
            for _ in range(self.tasks.get(event.task, 0)):
                os.kill(os.getpid(), signal.SIGINT)


class Pressing(Lines):
    """A display that also presses: perform() gives a rollback no listener but the display."""

    def __init__(self, stream: io.StringIO, presses: Presses) -> None:
        super().__init__(stream)
        self.presses = presses

    def event(self, event: Event) -> None:
        super().event(event)
        self.presses.event(event)


def performed(lab, **presses: int) -> tuple[Performed, str]:
    stream = io.StringIO()
    with Interrupt() as interrupt:
        done = perform(
            Play("deploy", lab.inventory), Pressing(stream, Presses(**presses)), interrupt, undo=True
        )
    return done, stream.getvalue()


def test_a_failure_is_rolled_back_and_its_log_is_kept(lab) -> None:
    lab.tasks("deploy", CHANGES)
    done, shown = performed(lab)
    assert isinstance(done.error, PlayFailed)
    text = str(done.error)
    assert "board1: the task 'Fails' failed:\n  the guest's agent does not answer" in text
    assert "rolled back: all that netlab had changed on the boards is undone" in text
    assert "deploy    board1     Fails  FAILED" in shown
    (log,) = lab.logs.iterdir()
    assert f"full log: {log}" in text
    assert log.stat().st_mode & 0o777 == 0o600
    assert lab.logs.stat().st_mode & 0o777 == 0o700
    assert "TASK [Fails]" in log.read_text()
    with pytest.raises(PlayFailed):
        done.or_raise()


def test_what_was_never_touched_is_not_rolled_back(lab) -> None:
    lab.tasks(
        "deploy", "- {name: Needs, netlab.testbed.require: {requirements: [{that: false, message: no}]}}"
    )
    lab.tasks("rollback", "- {name: Never, ansible.builtin.fail: {msg: this must not run}}")
    done, _ = performed(lab)
    assert isinstance(done.error, NotSupported)
    assert "nothing was changed on any board" in str(done.error)
    assert "this must not run" not in str(done.error)


def test_a_module_that_failed_halfway_counts_as_touched(lab) -> None:
    lab.tasks("deploy", "- {name: Halfway, ansible.builtin.command: 'false'}")
    done, _ = performed(lab)
    assert "rolled back" in str(done.error)


def test_a_rollback_that_fails_says_what_to_do(lab) -> None:
    lab.tasks("deploy", CHANGES)
    lab.tasks("rollback", "- {name: Undo, ansible.builtin.fail: {msg: nlbr0 is busy}}")
    done, _ = performed(lab)
    assert "agent does not answer" in str(done.error)
    assert "the rollback failed as well:\nboard1: the task 'Undo' failed:\n  nlbr0 is busy" in str(done.error)
    assert done.error is not None
    assert done.error.hint is not None
    assert done.error.hint.startswith(f"netlab destroy -i {lab.inventory} ")


def test_ctrl_c_rolls_back(lab) -> None:
    lab.tasks("deploy", "- {name: Long, ansible.builtin.wait_for: {timeout: 97}}")
    done, shown = performed(lab, Long=1)
    assert isinstance(done.error, Interrupted)
    assert "rolled back" in str(done.error)
    assert "netlab: interrupted: stopping deploy ..." in shown


def test_ctrl_c_during_the_rollback_warns_and_lets_it_end(lab) -> None:
    lab.tasks("deploy", "- {name: Long, ansible.builtin.wait_for: {timeout: 97}}")
    lab.tasks("rollback", "- {name: Undo, ansible.builtin.wait_for: {timeout: 1}}")
    done, shown = performed(lab, Long=1, Undo=1)
    assert "rolled back" in str(done.error)
    assert "netlab: rollback is running, so that nothing is left halfway; one more Ctrl-C stops it" in shown


def test_a_third_ctrl_c_stops_the_rollback_too(lab) -> None:
    lab.tasks("deploy", "- {name: Long, ansible.builtin.wait_for: {timeout: 97}}")
    lab.tasks("rollback", "- {name: Undo, ansible.builtin.wait_for: {timeout: 97}}")
    done, _ = performed(lab, Long=1, Undo=2)
    assert isinstance(done.error, Interrupted)
    assert "the rollback was stopped before its end" in str(done.error)
    assert done.error.hint is not None
    assert done.error.hint.startswith(f"netlab destroy -i {lab.inventory} ")


def test_only_the_newest_logs_are_kept(lab, monkeypatch) -> None:
    lab.logs.mkdir(mode=0o700)
    for number in range(25):
        (lab.logs / f"20200101T0000{number:02}.000000Z-deploy.log").write_text("old")
    lab.tasks("deploy", CHANGES)
    performed(lab)
    left = sorted(path.name for path in lab.logs.iterdir())
    assert len(left) == 20
    assert left[-1] > "2021"
