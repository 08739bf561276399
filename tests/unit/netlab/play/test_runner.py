# SPDX-License-Identifier: Apache-2.0
"""Real plays through the real ansible-runner: what comes back, and what Ansible is given."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

from netlab.errors import BoardUnreachable, InvalidInput, NotSupported, PlayFailed
from netlab.play import processes, runner
from netlab.play.events import Event, PlayStarted, TaskDone, TaskFailed, TaskStarted
from netlab.play.interrupt import Interrupt
from netlab.play.outcome import Outcome
from netlab.play.runner import Listener, Play, run


class Heard(Listener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)


def played(lab, playbook: str = "deploy", listener: Listener | None = None, **extravars: object) -> Outcome:
    return run(Play(playbook, lab.inventory, extravars), [listener or Listener()], Interrupt())


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the runner's private folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_play_that_succeeds(lab, temporary, monkeypatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_MINE", "hush")
    monkeypatch.setenv("ANSIBLE_PRIVATE_KEY_FILE", "/the/key")
    lab.tasks(
        "deploy",
        """
        - name: A change
          ansible.builtin.file: {path: "{{ folder }}/{{ inventory_hostname }}", state: touch, mode: "0600"}
        - name: The report
          ansible.builtin.set_fact:
            testbed_report:
              number: "{{ number | type_debug }}"
              list: "{{ list | type_debug }}"
              secret: "{{ lookup('env', 'A_SECRET_OF_MINE') }}"
              key: "{{ lookup('env', 'ANSIBLE_PRIVATE_KEY_FILE') }}"
              host_keys: "{{ lookup('config', 'HOST_KEY_CHECKING') }}"
              path: "{{ lookup('env', 'PATH') }}"
              private: "{{ lookup('env', 'AWX_ISOLATED_DATA_DIR') }}"
        """,
        hosts="duts:peers",
    )
    heard = Heard()
    outcome = played(lab, listener=heard, number=3, list=[{"a": 1}], folder=str(lab.folder))
    assert outcome.status == "successful"
    assert outcome.error() is None
    assert outcome.changed == 2
    assert set(outcome.reports) == {"board1", "board2"}
    report = outcome.reports["board1"]
    assert (report["number"], report["list"]) == ("int", "list")
    assert report["secret"] == ""
    assert report["key"] == "/the/key"
    assert report["host_keys"] is True
    assert report["path"].startswith(str(Path(sys.executable).parent) + ":")
    assert [event.name for event in heard.events if isinstance(event, PlayStarted)] == ["The play"]
    assert {(event.board, event.task) for event in heard.events if isinstance(event, TaskStarted)} >= {
        ("board1", "A change"),
        ("board2", "A change"),
    }
    assert [event for event in heard.events if isinstance(event, TaskDone) and event.changed]
    assert outcome.finished is not None
    assert sorted(outcome.finished.processed) == ["board1", "board2"]
    assert Path(report["private"]).is_relative_to(temporary)
    assert list(temporary.iterdir()) == []


def test_the_private_folder_is_private(lab, temporary) -> None:
    lab.tasks("deploy", "- {name: Look, ansible.builtin.debug: {msg: x}}")
    seen = []

    class Look(Listener):
        def event(self, event: Event) -> None:
            seen.extend(path.stat().st_mode & 0o777 for path in temporary.iterdir())

    played(lab, listener=Look())
    assert set(seen) == {0o700}


def test_a_board_that_says_nothing_any_more_is_given_up(tmp_path, monkeypatch) -> None:
    """Else a task whose connection is cut is waited for until the play's time is over."""
    monkeypatch.delenv("ANSIBLE_SSH_EXTRA_ARGS", raising=False)
    assert "ServerAliveInterval=10" in runner.environment(tmp_path)["ANSIBLE_SSH_EXTRA_ARGS"]
    monkeypatch.setenv("ANSIBLE_SSH_EXTRA_ARGS", "-o ServerAliveInterval=3")
    assert runner.environment(tmp_path)["ANSIBLE_SSH_EXTRA_ARGS"] == "-o ServerAliveInterval=3"


def test_failures_are_told_in_words(lab) -> None:
    lab.tasks(
        "deploy",
        """
        - name: Rescued
          block:
            - {name: Harmless, ansible.builtin.fail: {msg: never mind}}
          rescue:
            - {name: Goes on, ansible.builtin.debug: {msg: fine}}
        - name: Ignored
          ansible.builtin.fail: {msg: nor this}
          failed_when: inventory_hostname == 'board1'
          ignore_errors: true
        - name: Each
          ansible.builtin.fail: {msg: "{{ item }} is missing"}
          loop: [eth7, eth8]
          when: inventory_hostname == 'board1'
        """,
        hosts="duts:peers",
    )
    outcome = played(lab)
    assert outcome.status == "failed"
    error = outcome.error()
    assert isinstance(error, PlayFailed)
    assert "board1: the task 'Each' failed:\n  eth7 is missing\n  eth8 is missing" in str(error)
    assert "nor this" not in str(error)
    assert not outcome.touched, "only actions that look were run"


def test_what_a_board_lacks_is_not_a_failed_play(lab) -> None:
    lab.tasks(
        "deploy",
        """
        - name: What it needs
          netlab.testbed.require:
            requirements:
              - {that: false, message: this kernel has no macvtap}
              - {that: true, message: never said}
        """,
    )
    error = played(lab).error()
    assert isinstance(error, NotSupported)
    assert str(error) == "board1: this kernel has no macvtap"


def test_a_board_that_cannot_be_reached(lab) -> None:
    lab.file(
        "hosts.yml",
        """
        duts: {hosts: {never_made: {ansible_connection: netlab.testbed.local_board}}}
        """,
    )
    lab.tasks("deploy", "- {name: Hello, ansible.builtin.command: 'true'}")
    outcome = played(lab)
    error = outcome.error()
    assert isinstance(error, BoardUnreachable)
    assert "never_made cannot be reached: " in str(error)
    assert not outcome.touched


def test_a_play_that_matches_no_board_is_no_success(lab) -> None:
    lab.tasks("deploy", "- {name: Hello, ansible.builtin.debug: {msg: x}}", hosts="nobody")
    outcome = played(lab)
    assert outcome.status == "successful", "which is what ansible-runner calls it"
    error = outcome.error()
    assert isinstance(error, InvalidInput)
    assert lab.inventory in str(error)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("hosts.yml", "duts: {hosts: [not, a, mapping]}\n", "hosts.yml"),
        ("hosts.yml", "duts:\n  hosts: {board1: }\n bad indent\n", "hosts.yml"),
        ("ansible_collections/netlab/testbed/playbooks/deploy.yml", "- hosts: duts\n  taskz: []\n", "taskz"),
    ],
    ids=["inventory of a wrong shape", "inventory that is not YAML", "playbook with an unknown key"],
)
def test_what_ansible_says_before_any_task_reaches_the_user(lab, file, content, said) -> None:
    lab.tasks("deploy", "- {name: Hello, ansible.builtin.debug: {msg: x}}")
    lab.file(file, content)
    outcome = played(lab)
    error = outcome.error()
    assert error is not None
    assert error.exit_code in (1, 2)
    assert said in str(error)
    assert not outcome.touched


SLEEPER = """
- name: Long
  ansible.builtin.wait_for: {timeout: 97}
"""


def assert_nothing_is_left_but(before: set[int]) -> None:
    """Ansible, its workers and their modules all end, within five seconds."""
    deadline = time.monotonic() + 5
    while (left := set(processes.below(os.getpid())) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == set()


class PressOn(Listener):
    """Presses Ctrl-C when a task begins."""

    def __init__(self, task: str) -> None:
        self.task = task

    def event(self, event: Event) -> None:
        if isinstance(event, TaskStarted) and event.task == self.task:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("grace", [10.0, 0.0], ids=["asked", "killed"])
def test_ctrl_c_stops_ansible_and_what_it_runs(lab, monkeypatch, grace) -> None:
    monkeypatch.setattr(runner, "GRACE", grace)
    lab.tasks("deploy", SLEEPER)
    before = set(processes.below(os.getpid()))
    started = time.monotonic()
    with Interrupt() as interrupt:
        outcome = run(Play("deploy", lab.inventory), [PressOn("Long")], interrupt)
    assert outcome.status == "canceled"
    assert outcome.touched, "it was in the middle of a task"
    assert time.monotonic() - started < 15
    assert_nothing_is_left_but(before)


def test_a_play_that_takes_too_long_is_stopped(lab, monkeypatch) -> None:
    monkeypatch.setenv("NETLAB_TIMEOUT", "2")
    lab.tasks("deploy", SLEEPER)
    outcome = played(lab)
    assert outcome.status == "timeout"
    assert outcome.seconds < 15
    assert outcome.touched
    assert "2 s" in str(outcome.error())


def test_a_listener_that_breaks_leaves_no_ansible_behind(lab) -> None:
    lab.tasks("deploy", SLEEPER)

    class Broken(Listener):
        def event(self, event: Event) -> None:
            if isinstance(event, TaskStarted):
                raise OSError("no space left on device")

    before = set(processes.below(os.getpid()))
    outcome = played(lab, listener=Broken())
    assert outcome.touched, "so that it is rolled back"
    assert isinstance(outcome.error(), PlayFailed)
    assert "no space left" in str(outcome.error())
    assert_nothing_is_left_but(before)


def test_a_large_result_arrives_whole(lab) -> None:
    lab.tasks(
        "deploy",
        """
        - name: Large
          ansible.builtin.set_fact: {testbed_report: {text: "{{ 'x' * 2000000 }}"}}
        """,
    )
    outcome = played(lab)
    assert len(outcome.reports["board1"]["text"]) == 2_000_000


def test_check_and_diff_modes_reach_ansible(lab) -> None:
    lab.tasks(
        "deploy",
        """
        - name: Would write
          ansible.builtin.copy: {content: "one\\n", dest: "{{ folder }}/never", mode: "0600"}
        """,
    )
    heard = Heard()
    play = Play("deploy", lab.inventory, {"folder": str(lab.folder)}, check=True, diff=True)
    outcome = run(play, [heard], Interrupt())
    assert outcome.changed == 1
    assert not (lab.folder / "never").exists()
    assert any("+one" in event.text for event in heard.events if type(event).__name__ == "Diff")
    assert not any(isinstance(event, TaskFailed) for event in heard.events)
