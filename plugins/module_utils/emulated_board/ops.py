# SPDX-License-Identifier: Apache-2.0
"""Start and stop emulated boards.

Of a board that is up there are: one QEMU process, bearing the mark of a daemon of ours; a folder below
/run/netlab-testbed/emulated-boards with its keys, console, sockets and a record; and one below
/var/lib/netlab-testbed/emulated-boards with its disks. All of it goes when the board is switched off.

The first start of a kind of board is a cold boot, and leaves a snapshot; the next ones go on from there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import process_ops
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import cable as cables
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import (
    identity,
    keys,
    machine,
    snapshot,
)
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.channel import Lines, Monitor
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.tools import Tools
from ansible_collections.netlab.testbed.plugins.module_utils.local_board import board_pid, start_time
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, operation

RECORDS = Path("/run/netlab-testbed/emulated-boards")
DISKS = Path("/var/lib/netlab-testbed/emulated-boards")
# seconds; measured: 20-37 on a quiet machine, 150 on one with five times the work it can do
BOOT_LIMIT = 600.0
RESTORE_LIMIT = 180.0
TOOL_SECONDS = 120


def daemon(name: str) -> str:
    """What its process is marked with."""
    return f"emulated-board-{name}"


def record(name: str, records: Path | None = None) -> dict[str, Any] | None:
    """What a board that is up was started with, or None where it is not up."""
    try:
        told = json.loads(((records or RECORDS) / name / "board.json").read_text(encoding="utf-8"))
        return told["with"] if start_time(int(told["pid"])) == told["start_time"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def left(name: str) -> bool:
    """Whether there is anything of a board, up or not."""
    return any((place / name).exists() for place in (RECORDS, DISKS)) or bool(
        process_ops.marked(daemon(name))
    )


def start_of(name: str) -> dict[str, Any]:
    """How a board that is up was started: {how: snapshot or cold boot, reason, kept, seconds}."""
    try:
        told = json.loads((RECORDS / name / "board.json").read_text(encoding="utf-8"))
        return dict(told.get("start", {}))
    except (OSError, ValueError):
        return {}


def started_with(board: dict[str, Any]) -> dict[str, Any]:
    """Everything that a board that is up cannot change any more: where it differs, the board is started anew. The
    cable's other end too: it went with the local board that had it."""
    peer = board.get("cable")
    return {**board, "cable": {**peer, "pid": board_pid(peer["board"])} if peer else None}


@operation("emulated_board.start", "start emulated board {name}")
def start(
    name: str,
    board: dict[str, Any],
    image: dict[str, str],
    tools: str,
    guest_images: str | None,
    snapshots: bool = True,
) -> None:
    """Returns when its SSH server answers. Without ``snapshots`` it boots, and leaves none."""
    if record(name) == started_with(board):
        return
    began = time.monotonic()
    booted = _Start(name, board, image, Tools(Path(tools)), guest_images)
    told: dict[str, Any] = {"how": "cold boot", "reason": None, "kept": False}
    found = snapshot.find(booted.key) if snapshots else None
    try:
        if not snapshots:
            told["reason"] = "no snapshots are wanted"
        elif found is None:
            told["reason"] = "there is no snapshot of such a board yet"
        else:
            try:
                booted.restore(found)
                told["how"] = "snapshot"
            except BoardError as error:
                snapshot.discard(booted.key)
                told["reason"] = told["failure"] = f"it did not start from its snapshot: {error}"
        if told["how"] == "cold boot":
            told.update(booted.boot(keep=snapshots))
        _write(name, {"start": {**told, "seconds": round(time.monotonic() - began, 1)}})
    except BaseException:
        stop(name)
        raise


def _write(name: str, told: dict[str, Any]) -> None:
    """To the record, in one step, what is new in it."""
    path = RECORDS / name / "board.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps({**known, **told}), encoding="utf-8")
    scratch.replace(path)


class _Start:
    """One board, from switched off to where its SSH server answers."""

    def __init__(
        self, name: str, board: dict[str, Any], image: dict[str, str], tools: Tools, guest_images: str | None
    ) -> None:
        self.name, self.board, self.image, self.tools = name, board, image, tools
        self.guest_images = guest_images
        self.folder, self.disks = RECORDS / name, DISKS / name
        self.machine = machine.Board(name, board["nic"], board["port"], board["memory_mib"], board["vcpus"])
        self.key = snapshot.key(
            machine.kind(self.machine, image), image["hash"], tools.root.name, board["guest_image"]
        )

    def boot(self, keep: bool) -> dict[str, Any]:
        """Cold. ``keep``: leave a snapshot; where that fails the board is up all the same, and says why."""
        host_key = self._fresh()
        _make_guest_images(self.tools, self.disks, self.guest_images)
        files = machine.Files(self.folder, self.disks / "disk.qcow2", self.disks / "guest-images.ext4")
        _make_overlay(self.tools, Path(self.image["disk"]), files.disk)
        told: dict[str, Any] = {}
        deadline = time.monotonic() + BOOT_LIMIT
        with self._launched(files, deadline) as (port, alive):
            _expect(port, identity.READY)
            if keep:
                try:
                    with Monitor(self.folder / "qmp", deadline, alive) as monitor:
                        snapshot.save(
                            self.key, self.image["hash"], monitor, self.disks, self.board["memory_mib"]
                        )
                    told = {"kept": True}
                except BoardError as error:
                    told = {"failure": f"no snapshot was kept: {error}"}
            self._introduce(port, host_key, alive, deadline, restored=False)
        return told

    def restore(self, found: snapshot.Snapshot) -> None:
        host_key = self._fresh()
        files = machine.Files(self.folder, self.disks / "disk.qcow2", found.guest_images, found.state)
        _make_overlay(self.tools, found.disk, files.disk)
        deadline = time.monotonic() + RESTORE_LIMIT
        with self._launched(files, deadline) as (port, alive):
            with Monitor(self.folder / "qmp", deadline, alive) as monitor:
                snapshot.go_on(monitor)
            self._introduce(port, host_key, alive, deadline, restored=True)

    def _fresh(self) -> tuple[str, str]:
        """Nothing of before, new folders, new keys."""
        stop(self.name)
        RECORDS.mkdir(mode=0o755, parents=True, exist_ok=True)
        DISKS.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o755)
        self.disks.mkdir(mode=0o700)
        return keys.make(self.folder, self.name, self.board["port"])

    @contextlib.contextmanager
    def _launched(
        self, files: machine.Files, deadline: float
    ) -> Iterator[tuple[Lines, Callable[[], str | None]]]:
        """QEMU runs; the port at which the board is told who it is."""
        peer = self.board.get("cable")
        tap = cables.open_tap(peer["board"], peer["interface"]) if peer else None
        process_ops.LOGS.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = process_ops.LOGS / f"{daemon(self.name)}.log"  # which stop() removes
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", process_ops.MARK: daemon(self.name)}
        try:
            with log.open("wb") as out:
                process = subprocess.Popen(
                    machine.command(self.tools.qemu, self.machine, self.image, files, tap),
                    env=environment, start_new_session=True, cwd="/", pass_fds=[] if tap is None else [tap],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                )  # fmt: skip
        finally:
            if tap is not None:
                os.close(tap)
        told = {
            "pid": process.pid,
            "start_time": start_time(process.pid),
            "with": started_with(self.board),
        }
        _write(self.name, told)

        def ended() -> str | None:
            if process.poll() is None:
                return None
            said = _end_of(log) or f"its console ends: {_end_of(self.folder / 'console')}"
            return f"emulated board {self.name}: QEMU ended with status {process.returncode}: {said}"

        try:
            with Lines(self.folder / "identity", deadline, ended) as port:
                yield port, ended
        except BoardError as error:
            if ended() or str(error).startswith("emulated board"):
                raise
            said = _end_of(self.folder / "console")
            raise BoardError(f"emulated board {self.name}: {error}; its console ends: {said}") from error

    def _introduce(
        self,
        port: Lines,
        made: tuple[str, str],
        ended: Callable[[], str | None],
        deadline: float,
        restored: bool,
    ) -> None:
        """Tell the board who it is, and wait for its SSH server."""
        name, nic = self.machine.name, self.machine.nic
        who = identity.Identity(name, *made, nic, machine.mac_address(name, nic))
        port.send(identity.line(identity.script(who, restored)))
        _expect(port, identity.DONE)
        while not answers(self.machine.port):
            if reason := ended():
                raise BoardError(reason)
            if time.monotonic() > deadline:
                raise BoardError("no SSH server answers in time")
            time.sleep(0.1)


def _expect(port: Lines, word: str) -> None:
    said = port.receive()
    if said != word:
        raise BoardError(f"the board says {said!r}")


def _make_overlay(tools: Tools, below: Path, overlay: Path) -> None:
    options = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(below), str(overlay)]
    _run([*tools.command("qemu-img"), *options])


def _make_guest_images(tools: Tools, disks: Path, guest_images: str | None) -> None:
    """The guests' image, built on this machine: the board has no way to the packages that it is made of."""
    source, raw = disks / "guest-images", disks / "guest-images.ext4"
    source.mkdir(mode=0o711)
    if guest_images:
        ignored = shutil.ignore_patterns(".*", "lock")
        shutil.copytree(guest_images, source / Path(guest_images).name, ignore=ignored)
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    with raw.open("wb") as file:
        file.truncate((size >> 20) * (1 << 20) + (16 << 20))
    options = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", str(source), str(raw)]
    _run([*tools.command("mke2fs"), *options])
    shutil.rmtree(source)


def _run(argv: list[str]) -> None:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
    )
    if done.returncode:
        raise BoardError(f"{Path(argv[3]).name}: {done.stderr.strip()[-400:]}")


def _end_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip()[-500:] if path.exists() else ""


def answers(port: int, limit: float = 5.0) -> bool:
    """Whether an SSH server speaks at the forwarded port. QEMU takes the connection before anybody on the board does,
    so only the server's own first words count."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=limit) as connection,
    ):
        return connection.recv(4) == b"SSH-"
    return False


@operation("emulated_board.stop", "switch emulated board {name} off")
def stop(name: str) -> None:
    """As if by its switch: what is on its overlay is given up, so there is nothing to save."""
    process_ops.stop(daemon(name))
    for place in (RECORDS, DISKS):
        if (place / name).exists():
            shutil.rmtree(place / name)
        for folder in (place, place.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()  # only when empty
