# SPDX-License-Identifier: Apache-2.0
"""A board that may lose its connection undoes everything by itself, unless the controller confirms in time.

A program of our own waits on the board until a deadline and then replays the ledgers. It is started before the first
change, in a session of its own, so it outlives the connection, the module and whoever had both started; a reboot ends
it, as it ends what the deploy has done to the kernel. The deadline is by the clock that nobody can set
(CLOCK_MONOTONIC of clock_gettime(2)), and each module that changes the board puts it off: a controller that still
calls modules still is there. Only a confirmation takes it away, and that comes over a connection made anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipimport import zipimporter

from ansible_collections.netlab.testbed.plugins.module_utils import process_ops
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger, write_atomically
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step, operation

NAME = "self-rollback"
FOLDER = Path("/run/netlab-testbed")
FILE = FOLDER / "self-rollback.json"  # there while the timer runs
CODE = FOLDER / "self-rollback.zip"  # the program's own: what a module came in goes when that module ends
READY = FOLDER / "self-rollback.ready"
START_LIMIT = 60.0  # seconds; measured: 0.3, and 20 times that on an emulated board
POLL = 0.02  # seconds
SCOPE = "board"  # of the ledger: to lay another topology over the board does not end it
PROGRAM = "ansible_collections.netlab.testbed.plugins.module_utils.self_rollback.program"


def read() -> dict[str, Any] | None:
    """The timer as it is armed: ``deadline`` (monotonic seconds), ``within_s``, ``over`` (a connection), ``deploy``."""
    try:
        found = json.loads(FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def extend(at_least_s: float = 0.0) -> None:
    """Put the deadline off, where there is one: the controller is still there. For the calls that change a board.

    Returns once the program waits, and raises BoardError where it never does: nothing is changed without it.
    """
    if FILE.exists() and (armed := read()):
        _wait_started()
        left = max(float(armed["within_s"]), at_least_s)
        write_atomically(FILE, json.dumps({**armed, "deadline": time.monotonic() + left}))


@contextlib.contextmanager
def busy(at_most_s: float) -> Iterator[None]:
    """For work that holds no ledger and may take longer than the limit."""
    extend(at_most_s)
    try:
        yield
    finally:
        extend()


def step(within_s: float, over: str, deploy: str) -> Step:
    """The arming, to be put into the ledger as any other change."""
    args = {"within_s": within_s, "over": over, "deploy": deploy}
    return Step("self_rollback.arm", args, undo=Step("self_rollback.disarm"))


@operation("self_rollback.arm", "let the board roll back by itself within {within_s:g} s", volatile=True)
def arm(within_s: float, over: str, deploy: str) -> None:
    """What an earlier deploy has armed is replaced. Who changes something calls `extend` first, which waits until the
    program does: it comes up while the controller makes its next call, which is seconds on a slow board."""
    disarm()
    try:
        write_atomically(
            FILE,
            json.dumps(
                {
                    "deadline": time.monotonic() + within_s,
                    "within_s": within_s,
                    "over": over,
                    "deploy": deploy,
                }
            ),
        )
        _start(_code())
    except BaseException:
        disarm()
        raise


def _code() -> str:
    """Where the program finds this collection: a copy of the pack that this module came in, or the sources."""
    loader = globals().get("__loader__")
    if isinstance(loader, zipimporter):
        write_atomically(CODE, Path(loader.archive).read_bytes())
        return str(CODE)
    return os.pathsep.join(path for path in sys.path if path)


def _start(code: str) -> None:
    environment = {
        **process_ops.plain_environment(),
        process_ops.MARK: NAME,
        "PYTHONPATH": code,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = [sys.executable, "-m", PROGRAM]
    if process_ops.has_systemd():  # which may end all of a session's programs with it: KillUserProcesses=
        named = [f"--setenv={key}={value}" for key, value in environment.items()]
        unit = f"--unit=netlab-testbed-self-rollback-{os.getpid()}-{time.monotonic_ns()}"
        done = subprocess.run(
            ["systemd-run", "--quiet", "--collect", unit, *named, *argv],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_LIMIT, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BoardError(f"the timer that rolls back cannot be started: {done.stderr.strip()}")
    else:
        subprocess.Popen(
            argv, env=environment, cwd="/", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def _wait_started() -> None:
    end = time.monotonic() + START_LIMIT
    while not READY.exists():
        if time.monotonic() > end:
            raise BoardError("the timer that rolls back does not start: nothing is changed without it")
        time.sleep(POLL)


@operation("self_rollback.disarm", "no longer roll back by itself", volatile=True)
def disarm() -> None:
    """To be called by who holds the ledger: then the program only waits, and is not in the middle of anything."""
    if os.environ.get(process_ops.MARK) != NAME:  # who is in the middle of undoing, and ends after that
        process_ops.stop(NAME)
        clean()


def clean() -> None:
    """Nothing is armed any more."""
    for path in (FILE, READY, CODE):
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.new").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        FOLDER.rmdir()  # only when empty


def confirm(over: str) -> None:
    """The controller has come over ``over``: the board keeps what it has. BoardError where that proves nothing."""
    armed = read()
    if armed is None:
        return
    if over and armed["over"] == over:
        raise BoardError("this is still the connection of before the change: it proves nothing of a new one")
    disarm()
    Ledger(SCOPE).forget("self_rollback.arm")


def says(deployment: dict[str, Any]) -> str:
    """What became of a board that has rolled back by itself."""
    return (
        f"rolled back by itself at {deployment.get('rolled_back')}, since the controller did not confirm "
        f"the new state within {deployment.get('within_s', 0):g} s"
    )
