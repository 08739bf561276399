# SPDX-License-Identifier: Apache-2.0
"""Write-ahead, replay, and what a ledger does when things go wrong."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import all_ops
from ansible_collections.netlab.testbed.plugins.module_utils import ledger as ledger_module
from ansible_collections.netlab.testbed.plugins.module_utils import steps as steps_module
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.steps import (
    OPERATIONS,
    BoardError,
    Operation,
    Step,
    run_steps,
)

World = list[str]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Operations on a list of words: add, drop, and one that always fails."""
    words: World = []

    def add(word: str) -> None:
        if word not in words:
            words.append(word)

    def drop(word: str) -> None:
        if word in words:
            words.remove(word)

    def burn(word: str) -> None:
        raise OSError(f"{word} is on fire")

    table = {
        "word.add": Operation(add, "add {word}"),
        "word.drop": Operation(drop, "drop {word}"),
        "word.burn": Operation(burn, "burn {word}"),
    }
    monkeypatch.setattr(steps_module, "OPERATIONS", {**OPERATIONS, **table})
    return words


def adding(word: str) -> Step:
    return Step("word.add", {"word": word}, undo=Step("word.drop", {"word": word}))


def test_a_step_says_settings_as_people_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"thing.set": Operation(print, "set {name} {settings} by {argv[0]}")}
    monkeypatch.setattr(steps_module, "OPERATIONS", table)
    settings = {"up": True, "master": "nlbr0", "gro": {"on": False}}
    said = Step("thing.set", {"name": "eth1", "settings": settings, "argv": ["ip", "link"]}).says()
    assert said == "set eth1 up=yes master=nlbr0 gro=on=no by ip"


def test_the_undo_is_on_disk_when_the_change_fails(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    failing = Step("word.burn", {"word": "x"}, undo=Step("word.drop", {"word": "x"}))
    with pytest.raises(BoardError, match="burn x: x is on fire"):
        run_steps([adding("a"), failing, adding("never")], ledger)
    assert world == ["a"]
    assert [entry["undo"]["args"]["word"] for entry in ledger.entries()] == ["a", "x"]


def test_replay_goes_backwards_and_leaves_no_file(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    run_steps([adding("a"), adding("b"), adding("c")], ledger)
    undone, failed = ledger.rollback()
    assert undone == ["drop c", "drop b", "drop a"]
    assert failed == []
    assert world == []
    assert not ledger.root.exists()


def test_a_failing_undo_stays_and_the_others_are_done(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    stuck = Step("word.add", {"word": "b"}, undo=Step("word.burn", {"word": "b"}))
    run_steps([adding("a"), stuck, adding("c")], ledger)
    undone, failed = ledger.rollback()
    assert undone == ["drop c", "drop a"]
    assert failed == ["burn b: b is on fire"]
    assert [entry["undo"]["op"] for entry in ledger.entries()] == ["word.burn"]


def test_what_could_not_all_be_undone_is_not_ready(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    run_steps([Step("word.add", {"word": "b"}, undo=Step("word.burn", {"word": "b"}))], ledger)
    ledger.note(topology="tap", state="ready")
    ledger.rollback()
    assert ledger.deployment() == {"topology": "tap", "state": "building"}


def test_replaying_twice_is_as_good_as_once(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    run_steps([adding("a")], ledger)
    entries = ledger.path.read_text()
    ledger.rollback()
    tmp_path.mkdir(exist_ok=True)
    ledger.path.write_text(entries)  # as after a crash between the undo and the ledger's own update
    assert ledger.rollback() == (["drop a"], [])
    assert world == []


def test_a_step_without_undo_is_recorded_and_has_nothing_to_replay(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    run_steps([adding("a"), Step("word.add", {"word": "b"})], ledger)
    assert [entry["step"]["args"]["word"] for entry in ledger.entries()] == ["a", "b"]
    assert ledger.rollback() == (["drop a"], [])
    assert not ledger.path.exists()


def test_any_change_takes_ready_back(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    ledger.note(topology="tap", state="ready")
    run_steps([adding("a")], ledger)
    assert ledger.deployment() == {"topology": "tap", "state": "building"}


def test_notes_tell_whether_they_changed_anything(tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    assert ledger.note(topology="tap")
    assert not ledger.note(topology="tap")


def test_ledgers_are_for_root_alone(tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path / "deep" / "ledger")
    ledger.note(topology="tap")
    assert ledger.path.stat().st_mode & 0o777 == 0o600
    assert ledger.root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "{", "[]", '"ledger"', '{"format": 99, "entries": []}'])
def test_what_is_not_a_ledger_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    ledger = Ledger("topology", tmp_path)
    ledger.path.write_text(text)
    with pytest.raises(BoardError, match=r"topology\.json"):
        ledger.rollback()
    assert ledger.path.read_text() == text


def test_operations_of_another_version_are_named(tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path)
    step = {"op": "warp.engage", "args": {}}
    entry = {"id": 1, "at": "", "boot_id": "", "step": step, "undo": step}
    record = {"format": 1, "scope": "topology", "deployment": {}, "entries": [entry]}
    ledger.path.write_text(json.dumps(record))
    undone, failed = ledger.rollback()
    assert undone == []
    assert failed == ["unknown operation 'warp.engage': this ledger is from another version"]
    assert ledger.path.exists()


def test_what_was_begun_and_never_whole_says_so(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path, topology="tap")
    run_steps([adding("a")], ledger)
    assert ledger.deployment() == {"topology": "tap", "state": "building"}


def test_the_topology_noted_first_stays(world: World, tmp_path: Path) -> None:
    Ledger("topology", tmp_path).note(topology="tap", state="ready")
    run_steps([adding("a")], Ledger("topology", tmp_path, topology="ovs"))
    assert Ledger("topology", tmp_path).deployment()["topology"] == "tap"


def test_what_outlives_a_topology_is_not_a_deployment(world: World, tmp_path: Path) -> None:
    run_steps([adding("a")], Ledger("board", tmp_path))
    assert Ledger("board", tmp_path).deployment() == {}


def full(*_arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_nothing_is_changed_where_its_undo_cannot_be_written(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module.os, "fsync", full)
    with pytest.raises(BoardError, match=r"cannot write .*\.json: No space left on device"):
        run_steps([adding("a")], Ledger("topology", tmp_path / "ledger"))
    assert world == []
    assert not (tmp_path / "ledger").exists()


def test_a_full_disk_keeps_nobody_from_undoing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger("topology", tmp_path / "ledger")
    run_steps([adding("a"), adding("b")], ledger)
    monkeypatch.setattr(ledger_module.os, "fsync", full)
    assert ledger.rollback() == (["drop b", "drop a"], [])
    assert world == []
    assert not ledger.root.exists()


def test_an_undo_waits_for_a_module_that_goes_on_alone(world: World, tmp_path: Path) -> None:
    """As when the connection is cut in the middle of it: what it does after that is undone as well."""
    ledger = Ledger("topology", tmp_path / "ledger")
    begun, go_on = threading.Event(), multiprocessing.get_context("fork").Event()
    read, write = os.pipe()
    module = os.fork()
    if module == 0:
        with ledger.alone():
            ledger.intend(adding("a"))
            os.write(write, b"x")
            go_on.wait(30)
            ledger.intend(adding("b"))
        os._exit(0)
    os.read(read, 1)
    undone: list[str] = []

    def undo() -> None:
        begun.set()
        undone.extend(ledger.rollback()[0])

    undoing = threading.Thread(target=undo)
    undoing.start()
    begun.wait(30)
    undoing.join(0.2)
    assert undoing.is_alive()
    go_on.set()
    undoing.join(30)
    os.waitpid(module, 0)
    assert undone == ["drop b", "drop a"]


def test_who_waits_for_ever_says_for_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "LONGEST", 0.1)
    tmp_path.joinpath("topology.json").write_text("{}", encoding="utf-8")
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(BoardError, match="another process still changes this board"):
            Ledger("topology", tmp_path).rollback()
    finally:
        os.close(handle)


def test_what_a_killed_writer_has_left_goes(world: World, tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path / "ledger")
    run_steps([adding("a")], ledger)
    (ledger.root / "topology.json.new").write_text("{", encoding="utf-8")
    ledger.rollback()
    assert not ledger.root.exists()


def test_what_a_writer_has_left_that_was_killed_before_there_was_a_ledger_goes_too(tmp_path: Path) -> None:
    ledger = Ledger("topology", tmp_path / "ledger")
    ledger.root.mkdir()
    (ledger.root / "before.json").write_text("{}", encoding="utf-8")
    (ledger.root / "topology.json.new").write_text("{", encoding="utf-8")
    assert ledger.rollback() == ([], [])
    assert not ledger.root.exists()


def test_what_an_undo_has_missed_is_told(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = {"links": {}, "mounts": [], "pins": [], "namespaces": [], "programs": [], "files": []}
    monkeypatch.setattr(ledger_module.residue, "look", lambda: {**looks, "programs": list(world)})
    ledger = Ledger("topology", tmp_path / "ledger")
    run_steps([adding("a"), Step("word.add", {"word": "b"})], ledger)
    run_steps([adding("c")], Ledger("board", tmp_path / "ledger"))
    ledger.rollback()
    assert ledger.residue is None  # there is more to undo
    board = Ledger("board", tmp_path / "ledger")
    board.rollback()
    assert board.residue == [{"what": "program b is new", "why": ""}]
    assert not ledger.root.exists()


def test_what_lived_in_another_boots_kernel_is_gone_with_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not replayed, and so no error either; files and services are."""
    table = {
        **steps_module.OPERATIONS,
        "kernel.burn": Operation(steps_module.OPERATIONS["word.burn"].function, "take {word} away", True),
    }
    monkeypatch.setattr(steps_module, "OPERATIONS", table)
    ledger = Ledger("topology", tmp_path / "ledger")
    in_kernel = Step("word.add", {"word": "link"}, undo=Step("kernel.burn", {"word": "link"}))
    monkeypatch.setattr(ledger_module, "boot_id", lambda: "yesterday's")
    run_steps([adding("file"), in_kernel], ledger)
    monkeypatch.setattr(ledger_module, "boot_id", lambda: "today's")
    assert ledger.rollback() == (["take link away (the reboot did)", "drop file"], [])
    assert world == ["link"]


def test_what_lives_in_this_boots_kernel_is_undone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {
        **steps_module.OPERATIONS,
        "word.drop": Operation(steps_module.OPERATIONS["word.drop"].function, "drop {word}", True),
    }
    monkeypatch.setattr(steps_module, "OPERATIONS", table)
    ledger = Ledger("topology", tmp_path / "ledger")
    run_steps([adding("link")], ledger)
    assert ledger.rollback() == (["drop link"], [])
    assert world == []


def test_what_outlives_a_boot_is_decided_for_each_operation() -> None:
    """The undos that are run after a reboot; a new operation is to be thought about."""
    assert all_ops.__all__
    lasting = {name for name, known in OPERATIONS.items() if not known.volatile}
    ours = {name for name in lasting if not name.startswith(("local_board.", "emulated_board.", "word."))}
    assert ours == {
        *("service.start", "service.stop"),
        *("disk.overlay", "disk.remove"),
        *("ovs.database_create", "ovs.database_remove"),
        "xdp.compile",
    }
