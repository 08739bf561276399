# SPDX-License-Identifier: Apache-2.0
"""Locks of boards: all or none, whose a lock is, and who may take it over."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import lock, lock_holder
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from ansible_collections.netlab.testbed.plugins.plugin_utils.locking import refusal

ME = {
    "user": "ada", "host": "desk", "machine_id": "m1", "boot_id": "b1", "pid_namespace": "pid:[1]", "pid": 7,
    "start_time": "100", "token": "mine", "purpose": "netlab deploy", "asked": 1000.0,
}  # fmt: skip
OTHER = {**ME, "pid": 8, "token": "other", "asked": 2000.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def taken(folder: Path, *boards: str, by: dict[str, Any] = ME, **options: Any) -> dict[str, Any]:
    return lock.take(boards, by, folder=folder, **options)


@pytest.mark.parametrize(
    ("held", "running", "stands", "plainly", "broken"),
    [
        ({"token": "mine"}, None, "mine", True, True),
        ({}, True, "alive", False, False),
        ({"user": "bob"}, True, "alive", False, False),
        ({}, False, "gone", True, True),
        ({"user": "bob"}, False, "gone", False, True),
        ({"boot_id": "b0"}, True, "gone", True, True),
        ({"boot_id": "b0", "user": "bob"}, True, "gone", False, True),
        ({"host": "lab"}, False, "unknown", False, True),
        ({"machine_id": "m2"}, False, "unknown", False, True),
        ({"pid_namespace": "pid:[2]"}, False, "unknown", False, True),
        ({"damaged": "/a/lock"}, False, "unknown", False, True),
    ],
)
def test_who_may_take_a_lock(
    held: dict[str, Any], running: bool | None, stands: str, plainly: bool, broken: bool
) -> None:
    found = {**OTHER, **held}
    stand = lock_holder.standing(found, ME, running)
    assert stand == stands
    assert lock_holder.may_take(found, ME, stand, break_lock=False) is plainly
    assert lock_holder.may_take(found, ME, stand, break_lock=True) is broken


def test_without_a_machine_id_another_boot_may_be_another_machine() -> None:
    me = {**ME, "machine_id": ""}
    assert lock_holder.standing({**OTHER, "machine_id": "", "boot_id": "b0"}, me, False) == "unknown"


def test_a_process_that_runs_and_one_whose_number_is_another_s_now() -> None:
    mine = lock_holder.holder_of(os.getpid(), "tests")
    asks = {**mine, "token": "somebody who asks"}
    assert lock_holder.standing(mine, asks) == "alive"
    assert lock_holder.standing({**mine, "start_time": "1", "token": "long ago"}, asks) == "gone"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        theirs = lock_holder.holder_of(child.pid, "cat")
        assert lock_holder.standing(theirs, asks) == "alive"
        child.communicate()
    assert lock_holder.standing(theirs, asks) == "gone"


def test_a_holder_that_was_killed_runs_as_long_as_what_it_started() -> None:
    held = {**lock_holder.holder_of(os.getpid(), "tests"), "pid": 2**22 + 1, "token": f"test {os.getpid()}"}
    assert not lock_holder.runs(held)
    environment = {**os.environ, lock_holder.MARK: held["token"]}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=environment) as child:
        deadline = time.monotonic() + 10
        while not lock_holder.runs(held):  # until its exec
            assert time.monotonic() < deadline
        child.communicate(b"\n")
    assert not lock_holder.runs(held)


def test_the_wrapper_marks_what_it_starts_with_its_token() -> None:
    from netlab.play.processes import mark

    assert mark() == lock_holder.holder_of(os.getpid(), "tests")["token"]


def test_who_it_is_in_words() -> None:
    held = {**ME, "since": "2026-11-22T10:40:07Z"}
    now = 1795344007.0 + 12 * 60
    assert lock_holder.says(held, "alive", now) == (
        "in use by ada on desk (pid 7) since 2026-11-22T10:40:07Z (12 min ago): netlab deploy"
    )
    assert lock_holder.says(held, "gone", now).startswith("locked by a process that is gone, of ada on desk")
    assert "cannot be read" in lock_holder.says({"damaged": "/x"}, "unknown", now)


def test_a_purpose_is_one_line_of_bounded_length() -> None:
    held = lock_holder.holder_of(os.getpid(), "netlab\n deploy \x1b[31m" + "x" * 1000)
    assert held["purpose"].startswith("netlab deploy [31mx")
    assert len(held["purpose"]) == lock_holder.LONGEST


def test_taken_and_given_back(folder: Path) -> None:
    assert taken(folder, "a", "b") == {}
    (one, two) = sorted(folder.iterdir())
    assert [path.stat().st_mode & 0o777 for path in (folder, one, two)] == [0o700, 0o600, 0o600]
    read = json.loads(one.read_text())
    assert {key: read[key] for key in ME} == ME
    assert read["board"] == "a"
    assert abs(time.time() - read["taken"]) < 60
    assert taken(folder, "a", "b") == {}, "it is mine already"
    assert lock.give_back(["a", "b"], {"other"}, folder) == []
    assert lock.give_back(["a", "b"], {"mine"}, folder) == ["a", "b"]
    assert not folder.exists()


def test_taking_once_more_leaves_since_as_it_was(folder: Path) -> None:
    taken(folder, "a")
    first = (folder / lock.file_name("a")).read_bytes()
    taken(folder, "a", by={**ME, "asked": 5000.0})
    assert (folder / lock.file_name("a")).read_bytes() == first


def test_all_or_none(folder: Path) -> None:
    taken(folder, "b", by={**OTHER, "asked": 1.0})
    held = taken(folder, "a", "b", "c")
    assert list(held) == ["b"]
    assert held["b"]["token"] == "other"
    assert [path.name for path in folder.iterdir()] == [lock.file_name("b")]


def test_a_holder_that_is_no_more_is_replaced_and_only_that_one(folder: Path) -> None:
    taken(folder, "a", by={**OTHER, "asked": 1.0})
    assert list(taken(folder, "a", replacing=["somebody"])) == ["a"]
    assert taken(folder, "a", replacing=["other"]) == {}
    read = lock.read("a", folder)
    assert read is not None
    assert read["token"] == "mine"


def test_of_two_that_meet_the_one_that_asked_first_waits_for_the_other_to_give_way(folder: Path) -> None:
    taken(folder, "a", by=OTHER)
    first: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: first.append(taken(folder, "a", meeting=True)))
    waiting.start()
    waiting.join(3 * lock.POLL)
    assert waiting.is_alive()
    lock.give_back(["a"], {"other"}, folder)
    waiting.join(10)
    assert first == [{}]
    assert list(taken(folder, "a", by=OTHER, meeting=True)) == ["a"], "the later one is refused at once"


def test_nobody_waits_for_a_lock_that_is_old(folder: Path) -> None:
    taken(folder, "a", by=OTHER)
    path = folder / lock.file_name("a")
    for age in (lock.YOUNG, -3600):  # the second: the clock was stepped back
        path.write_text(json.dumps({**json.loads(path.read_text()), "taken": time.time() - age}))
        assert list(taken(folder, "a", meeting=True)) == ["a"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 2}', b"\xff\xfe", b"[" * 60000])
def test_a_file_that_is_no_lock_is_nobody_s_to_take(folder: Path, content: bytes) -> None:
    folder.mkdir(mode=0o700)
    (folder / lock.file_name("a")).write_bytes(content)
    held = taken(folder, "a")
    assert held["a"]["damaged"] == str(folder / lock.file_name("a"))
    assert lock_holder.standing(held["a"], ME) == "unknown"
    assert taken(folder, "a", replacing=[held["a"]["token"]]) == {}


def test_names_make_no_other_file(folder: Path) -> None:
    names = ["../a", "a/b", "a\nb", ".", "this", lock.ITSELF, "ä"]
    assert taken(folder, *names) == {}
    assert len(list(folder.iterdir())) == len(names)
    assert {path.parent for path in folder.rglob("*")} == {folder}
    with pytest.raises(BoardError, match="too long"):
        taken(folder, "x" * 300)


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lock, "write_atomically", full)
    with pytest.raises(BoardError, match=r"cannot take the lock .*: No space left"):
        taken(folder, "a")
    assert taken(folder, "a", best_effort=True) == {}
    monkeypatch.undo()
    taken(folder, "b", by=OTHER)
    monkeypatch.setattr(lock, "write_atomically", full)
    old = {**ME, "asked": 9000.0}
    assert list(taken(folder, "a", "b", by=old, best_effort=True)) == ["b"], "somebody else's still counts"


def test_waiting_takes_nothing(folder: Path) -> None:
    taken(folder, "a", by=OTHER)
    assert list(lock.wait_until_free(["a"], "mine", 0.0, folder)) == ["a"]
    giving = threading.Timer(2 * lock.POLL, lambda: lock.give_back(["a"], {"other"}, folder))
    giving.start()
    assert lock.wait_until_free(["a"], "mine", 30.0, folder) == {}
    giving.join()
    assert not folder.exists()


def test_one_of_many_processes_gets_it(folder: Path) -> None:
    """Ten at once, over and over: the folder goes and comes between them, and two never hold the same board."""
    inside: list[int] = []
    most: list[int] = []

    def run(number: int) -> None:
        me = {**ME, "token": str(number), "asked": time.time()}
        for _ in range(20):
            if not lock._try(["a", "b"], me, (), False, folder):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)
                assert lock.give_back(["a", "b"], {str(number)}, folder) == ["a", "b"]

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(run, range(10)))  # raises what one of them raised
    assert set(most) == {1}
    assert not folder.exists()


def test_boards_of_one_holder_are_told_together() -> None:
    far = {**OTHER, "host": "lab", "since": "2026-11-22T10:40:07Z"}
    refused = refusal({"b": far, "a": far, "c": {**ME, "token": "mine"}}, ME, break_lock=False)
    assert [(entry["boards"], entry["standing"]) for entry in refused] == [(["a", "b"], "unknown")]
    assert refusal({"a": far}, ME, break_lock=True) == []
