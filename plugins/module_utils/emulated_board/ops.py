# SPDX-License-Identifier: Apache-2.0
"""Start and stop emulated boards.

Of a board that is up there are: one QEMU process, bearing the mark of a daemon of ours; a folder below
/run/netlab-testbed/emulated-boards with its keys, console and a record; and one below
/var/lib/netlab-testbed/emulated-boards with its disks. All of it goes when the board is switched off.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import process_ops
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import cable as cables
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import keys, machine
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.tools import Tools
from ansible_collections.netlab.testbed.plugins.module_utils.local_board import board_pid, start_time
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, operation

RECORDS = Path("/run/netlab-testbed/emulated-boards")
DISKS = Path("/var/lib/netlab-testbed/emulated-boards")
BOOT_LIMIT = 300.0  # seconds; measured: 20-37 on a quiet machine
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


def started_with(board: dict[str, Any]) -> dict[str, Any]:
    """Everything that a board that is up cannot change any more: where it differs, the board is started anew. The
    cable's other end too: it went with the local board that had it."""
    peer = board.get("cable")
    return {**board, "cable": {**peer, "pid": board_pid(peer["board"])} if peer else None}


@operation("emulated_board.start", "start emulated board {name}")
def start(
    name: str, board: dict[str, Any], image: dict[str, str], tools: str, guest_images: str | None
) -> None:
    """Returns when its SSH server answers."""
    if record(name) == started_with(board):
        return
    stop(name)
    folder, disks = RECORDS / name, DISKS / name
    RECORDS.mkdir(mode=0o755, parents=True, exist_ok=True)
    DISKS.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o755)
    disks.mkdir(mode=0o700)
    try:
        keys.make(folder, name, board["port"])
        _make_disks(Tools(Path(tools)), disks, image, guest_images)
        process = _launch(name, board, image, Tools(Path(tools)), folder, disks)
        told = {"pid": process.pid, "start_time": start_time(process.pid), "with": started_with(board)}
        scratch = folder / "board.json.new"
        scratch.write_text(json.dumps(told), encoding="utf-8")
        scratch.replace(folder / "board.json")
        _await_ssh(name, process, board["port"], folder / "console")
    except BaseException:
        stop(name)
        raise


def _make_disks(tools: Tools, disks: Path, image: dict[str, str], guest_images: str | None) -> None:
    overlay = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image["disk"], str(disks / "disk.qcow2")]
    _run([*tools.command("qemu-img"), *overlay])
    # The guests' image, built on this machine: the board has no way to the packages that it is made of.
    source, raw = disks / "guest-images", disks / "guest-images.ext4"
    source.mkdir(mode=0o711)
    if guest_images:
        shutil.copytree(
            guest_images, source / Path(guest_images).name, ignore=shutil.ignore_patterns(".*", "lock")
        )
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    with raw.open("wb") as file:
        file.truncate((size >> 20) * (1 << 20) + (16 << 20))
    _run(
        [
            *tools.command("mke2fs"),
            "-q",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-m",
            "0",
            "-d",
            str(source),
            str(raw),
        ]
    )
    shutil.rmtree(source)


def _run(argv: list[str]) -> None:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
    )
    if done.returncode:
        raise BoardError(f"{Path(argv[3]).name}: {done.stderr.strip()[-400:]}")


def _launch(
    name: str, board: dict[str, Any], image: dict[str, str], tools: Tools, folder: Path, disks: Path
) -> subprocess.Popen[bytes]:
    wanted = machine.Board(name, board["nic"], board["port"], board["memory_mib"], board["vcpus"])
    tap = (
        cables.open_tap(board["cable"]["board"], board["cable"]["interface"]) if board.get("cable") else None
    )
    process_ops.LOGS.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = process_ops.LOGS / f"{daemon(name)}.log"  # which stop() removes
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", process_ops.MARK: daemon(name)}
    try:
        with log.open("wb") as out:
            return subprocess.Popen(
                machine.command(tools.qemu, wanted, image, folder, disks, tap),
                env=environment, start_new_session=True, cwd="/", pass_fds=[] if tap is None else [tap],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
    finally:
        if tap is not None:
            os.close(tap)


def _await_ssh(name: str, process: subprocess.Popen[bytes], port: int, console: Path) -> None:
    deadline = time.monotonic() + BOOT_LIMIT
    while not answers(port):
        if process.poll() is not None:
            said = (
                _end_of(process_ops.LOGS / f"{daemon(name)}.log") or f"its console ends: {_end_of(console)}"
            )
            raise BoardError(f"emulated board {name}: QEMU ended with status {process.returncode}: {said}")
        if time.monotonic() > deadline:
            said = _end_of(console)
            raise BoardError(
                f"emulated board {name} has no SSH after {BOOT_LIMIT:.0f} s; its console ends: {said}"
            )
        time.sleep(0.2)


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
