# SPDX-License-Identifier: Apache-2.0
"""When a board rolls back by itself, and when not; what a module of a deploy that is over may do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import ledger as ledger_module
from ansible_collections.netlab.testbed.plugins.module_utils import lock, modulekit, process_ops, steps
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.self_rollback import program, timer
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step
from ansible_collections.netlab.testbed.plugins.modules import packages

OVER = "192.0.2.1 50000 192.0.2.2 22"
TICKET = {"board": "", "deploy": "boot 4711 100"}


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A board's folders; `touched` in it is what the steps of this test leave."""
    run, root = tmp_path / "run", tmp_path / "lib/ledger"
    for name in ("FILE", "CODE", "READY"):
        monkeypatch.setattr(timer, name, run / Path(getattr(timer, name)).name)
    monkeypatch.setattr(timer, "FOLDER", run)
    monkeypatch.setattr(process_ops, "LOGS", run / "log")
    monkeypatch.setattr(Ledger.__init__, "__defaults__", (root, None))
    monkeypatch.setattr(lock.read, "__defaults__", (tmp_path / "locks",))
    monkeypatch.setattr(lock.outdated, "__defaults__", (tmp_path / "locks",))
    monkeypatch.setattr(ledger_module.residue, "look", dict)
    monkeypatch.setitem(
        steps.OPERATIONS,
        "test.touch",
        steps.Operation(lambda name: (tmp_path / name).touch(), "touch {name}", volatile=True),
    )
    monkeypatch.setitem(
        steps.OPERATIONS,
        "test.remove",
        steps.Operation(
            lambda name: (tmp_path / name).unlink(missing_ok=True), "remove {name}", volatile=True
        ),
    )
    yield tmp_path
    process_ops.stop(timer.NAME)


def change(scope: str = "topology", name: str = "touched") -> None:
    change = Step("test.touch", {"name": name}, undo=Step("test.remove", {"name": name}))
    steps.run_steps([change], Ledger(scope, topology="tap" if scope == "topology" else None))


def armed(within_s: float = 300.0, left_s: float | None = None) -> None:
    timer.FOLDER.mkdir(exist_ok=True)
    deadline = time.monotonic() + (within_s if left_s is None else left_s)
    content = {"deadline": deadline, "within_s": within_s, "over": OVER, "deploy": TICKET["deploy"]}
    timer.FILE.write_text(json.dumps(content), encoding="ascii")
    timer.READY.touch()


def test_what_was_changed_is_undone_once_the_deadline_has_passed(board: Path) -> None:
    armed(left_s=-1)
    change()
    change("board", "started")
    assert program.wait()
    assert program.undo()
    assert not (board / "touched").exists()
    assert not (board / "started").exists()
    left = Ledger("topology").read()
    assert left["entries"] == []
    assert left["deployment"]["state"] == "rolled back"
    assert "did not confirm the new state within 300 s" in timer.says(left["deployment"])
    assert not timer.FOLDER.exists()


class _Installing:
    """As APT is on a slow mirror: `left` is what the timer has left meanwhile."""

    left: ClassVar[list[float]] = []
    fails = False
    downloaded: ClassVar[list[str]] = []

    def __init__(self, *_: Any) -> None:
        pass

    def run(self) -> None:
        found = timer.read()
        assert found is not None
        self.left.append(found["deadline"] - time.monotonic())
        if self.fails:
            raise BoardError("no mirror answers")


@pytest.mark.parametrize("fails", [False, True])
def test_a_board_does_not_roll_back_while_packages_are_installed(
    board: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """They hold no ledger, and may take longer than it waits: the first change would find no timer any more."""
    armed(within_s=30.0)
    monkeypatch.setattr(packages, "Installation", _Installing)
    monkeypatch.setattr(packages, "installed", lambda _: {"clang"} if _Installing.left else set())
    monkeypatch.setattr(packages, "everything", set)
    monkeypatch.setattr(_Installing, "fails", fails)
    monkeypatch.setattr(_Installing, "left", [])
    with pytest.raises(BoardError, match="no mirror") if fails else nullcontext():
        packages.install(["clang"], board / "cache", board / "os-packages")
    (left,) = _Installing.left
    assert left > 1800
    found = timer.read()
    assert found is not None
    assert found["deadline"] - time.monotonic() <= 30


def test_a_deadline_that_was_put_off_while_the_ledger_was_held_is_kept(board: Path) -> None:
    armed(left_s=-1)
    change()
    timer.extend()
    assert not program.undo()
    assert (board / "touched").exists()
    assert timer.read()["deadline"] > time.monotonic() + 299  # type: ignore[index]


def test_a_deployment_that_is_whole_was_not_begun_to_be_changed(board: Path) -> None:
    change()
    Ledger("topology").note(state="ready")
    armed(left_s=-1)
    assert program.undo()
    assert (board / "touched").exists()
    assert Ledger("topology").deployment()["state"] == "ready"
    assert not timer.FILE.exists()


def test_who_has_disarmed_it_ends_the_waiting(board: Path) -> None:
    armed(left_s=0.2)
    timer.clean()
    assert not program.wait()


def test_only_a_new_connection_confirms(board: Path) -> None:
    armed()
    with pytest.raises(BoardError, match="still the connection of before"):
        timer.confirm(OVER)
    assert timer.FILE.exists()
    timer.confirm(OVER.replace("50000", "50001"))
    assert not timer.FILE.exists()


def test_a_deadline_is_put_off_where_there_is_one(board: Path) -> None:
    timer.extend()
    assert not timer.FILE.exists()
    armed(within_s=10, left_s=1)
    with timer.busy(500.0):
        assert timer.read()["deadline"] > time.monotonic() + 499  # type: ignore[index]
    assert timer.read()["deadline"] < time.monotonic() + 11  # type: ignore[index]
    assert timer.FILE.stat().st_mode & 0o777 == 0o600


def test_the_program_runs_and_is_ended(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really: it waits, and who disarms it finds it by its mark. It needs the folders of this test."""
    monkeypatch.setattr(timer, "PROGRAM", "timeit")  # any module that does not tell that it waits
    monkeypatch.setattr(timer, "START_LIMIT", 0.3)
    timer.arm(300.0, OVER, "")
    with pytest.raises(BoardError, match="does not start: nothing is changed without it"):
        timer.extend()
    timer.disarm()
    assert process_ops.marked(timer.NAME) == []
    assert not timer.FOLDER.exists()


def held(board: Path, **more: Any) -> None:
    holder = {"token": "boot ns 1 2", **more}
    assert lock.take([""], holder, folder=board / "locks") == {}


def test_a_module_of_the_deploy_that_holds_the_board_is_timely(board: Path) -> None:
    held(board, deploy=TICKET["deploy"])
    modulekit.timely(TICKET)
    modulekit.timely(None)


@pytest.mark.parametrize("deploy", [None, "boot 4712 200"])
def test_after_a_destroy_or_of_another_deploy_it_is_not(board: Path, deploy: str | None) -> None:
    held(board, deploy=TICKET["deploy"])
    held(board, deploy=deploy)  # the same holder, with what comes after
    with pytest.raises(BoardError, match="has ended, or somebody else has the board"):
        modulekit.timely(TICKET)


def test_where_the_lock_was_given_back_it_is_not(board: Path) -> None:
    with pytest.raises(BoardError, match="nothing is changed for it"):
        modulekit.timely(TICKET)


def test_where_the_board_has_undone_the_deploy_by_itself_it_is_not(board: Path) -> None:
    held(board, deploy=TICKET["deploy"])
    armed(left_s=-1)
    change()
    assert program.undo()
    with pytest.raises(BoardError, match="rolled back by itself at 2"):
        modulekit.timely(TICKET)
    # the next deploy opens the ledger again
    held(board, deploy="next")
    modulekit.timely({**TICKET, "deploy": "next"})
    change()
    assert Ledger("topology").deployment() == {"topology": "tap", "state": "building"}
