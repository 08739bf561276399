# SPDX-License-Identifier: Apache-2.0
"""Who may change a board: one lock a board, a small JSON file on the board itself.

It lies beside ``/var/lib/netlab-testbed`` and not inside: a local board has its own of that, which goes with it,
while this folder is the one of the machine that makes it. So a local board has a lock before there is such a board,
and it is the same file from inside and from outside. A machine that is a board itself has the lock ``ITSELF``.

Whether a holder still lives only its own machine can tell: see lock_holder.py, which runs on the controller.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.netlab.testbed.plugins.module_utils.ledger import write_atomically
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

FOLDER = Path("/var/lib/netlab-testbed-locks")
FORMAT = 1
ITSELF = ""  # the name of a machine's own lock; others bear the name of the board that it makes
DEPLOY = "deploy"  # in a lock: the deploy whose modules may change the board; of a destroy none may
YOUNG = 10.0  # seconds; a lock this old is held, one that is younger may be given back because another was not free
POLL = 0.1  # seconds between two looks at a lock that is waited for
LARGEST = 65536  # bytes of a lock file that are read
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Holder = dict[str, Any]


def file_name(board: str) -> str:
    """One file a board, whatever the board is called."""
    name = f"board-{quote(board, safe='')}.json" if board != ITSELF else "this.json"
    if len(name) > 200:
        raise BoardError(f"the name of board {board[:40]}... is too long for a lock")
    return name


def read(board: str, folder: Path = FOLDER) -> Holder | None:
    """Who holds the board. A file that is no lock is one that nobody knows the holder of."""
    path = folder / file_name(board)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(content)
        if isinstance(found, dict) and found.get("format") == FORMAT and isinstance(found.get("token"), str):
            return found
    digest = hashlib.sha256(content).hexdigest()[:16]
    return {"format": FORMAT, "token": f"damaged {digest}", "damaged": str(path)}


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else changes a lock meanwhile. The folder is made, and goes when it is empty."""
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # whoever left last took it away
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), folder.stat()):
                    try:
                        yield
                    finally:
                        with contextlib.suppress(OSError):
                            folder.rmdir()  # only when empty
                    return
        finally:
            os.close(handle)


def _age(held: Mapping[str, Any]) -> float:
    """Seconds since it was taken, by this machine's clock; one that was stepped back makes it old."""
    taken = held.get("taken")
    age = time.time() - taken if isinstance(taken, int | float) else YOUNG
    return age if age >= 0 else YOUNG


def take(
    boards: Iterable[str],
    holder: Mapping[str, Any],
    replacing: Collection[str] = (),
    *,
    best_effort: bool = False,
    meeting: bool = False,
    folder: Path = FOLDER,
) -> dict[str, Holder]:
    """Take the boards' locks, all or none; who holds those that are not free, none if they are taken now.

    ``replacing``: tokens of holders that are no more. ``best_effort``: go on where the disk is full.

    ``meeting``: the run takes boards of other machines at the same moment, and so may meet another run that has
    taken one of those and now finds this one taken. Of the two the one that asked first waits here, and the other
    gives way at once (wait-die): so one of them goes on, and neither waits for ever.
    """
    names = sorted(set(boards))
    while True:
        held = _try(names, holder, replacing, best_effort, folder)
        if not held or not meeting or not all(_gives_way(other, holder) for other in held.values()):
            return held
        time.sleep(POLL)


def _gives_way(other: Mapping[str, Any], holder: Mapping[str, Any]) -> bool:
    asked, its = holder.get("asked"), other.get("asked")
    if not isinstance(asked, int | float) or not isinstance(its, int | float):
        return False
    return (asked, str(holder["token"])) < (its, str(other["token"])) and _age(other) < YOUNG


def _try(
    names: list[str], holder: Mapping[str, Any], replacing: Collection[str], best_effort: bool, folder: Path
) -> dict[str, Holder]:
    tokens = {holder["token"], *replacing}
    try:
        with _alone(folder):
            found = {name: read(name, folder) for name in names}
            held = {name: other for name, other in found.items() if other and other["token"] not in tokens}
            if held:
                return held
            for name, other in found.items():
                if other is None or other["token"] != holder["token"]:
                    _write(name, holder, folder)
                elif other.get(DEPLOY) != holder.get(DEPLOY):
                    _put(name, {**other, DEPLOY: holder.get(DEPLOY)}, folder)
    except OSError as error:
        if best_effort and error.errno in NO_ROOM:
            return others(names, holder["token"], folder)
        raise BoardError(f"cannot take the lock of this board in {folder}: {error.strerror}") from error
    return {}


def _write(name: str, holder: Mapping[str, Any], folder: Path) -> None:
    now = time.time()
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    _put(name, {**holder, "format": FORMAT, "board": name, "since": since, "taken": now}, folder)


def _put(name: str, lock: Mapping[str, Any], folder: Path) -> None:
    write_atomically(folder / file_name(name), json.dumps(lock, indent=1, sort_keys=True) + "\n")


def others(boards: Iterable[str], token: str, folder: Path = FOLDER) -> dict[str, Holder]:
    """Who else holds these boards."""
    found = {name: read(name, folder) for name in sorted(set(boards))}
    return {name: held for name, held in found.items() if held and held["token"] != token}


def outdated(ticket: Mapping[str, Any], folder: Path = FOLDER) -> str:
    """Why a module with this ticket comes too late: its deploy has ended. Empty where it may go on.

    Asked by who holds the ledger. A destroy, or a rollback, takes the ticket out of the lock before it waits for the
    ledger: so a module that was started before, and comes to the board only after, changes nothing any more.
    """
    held = read(str(ticket["board"]), folder)
    if held is not None and held.get(DEPLOY) == ticket["deploy"]:
        return ""
    return (
        "the deploy that this is part of has ended, or somebody else has the board: nothing is changed for it"
    )


def wait_until_free(
    boards: Iterable[str], token: str, limit: float, folder: Path = FOLDER
) -> dict[str, Holder]:
    """Wait, at most ``limit`` seconds, until nobody else holds these boards; who does at the end. Takes nothing."""
    names = list(boards)
    end = time.monotonic() + limit
    while (held := others(names, token, folder)) and time.monotonic() < end:
        time.sleep(POLL)
    return held


def give_back(boards: Iterable[str], tokens: Collection[str], folder: Path = FOLDER) -> list[str]:
    """Give back what one of these tokens holds; which boards these were. A full disk is no obstacle."""
    if not folder.is_dir():
        return []
    given = []
    with _alone(folder):
        for name in sorted(set(boards)):
            held = read(name, folder)
            if held and held["token"] in tokens:
                (folder / file_name(name)).unlink(missing_ok=True)
                given.append(name)
            # of a holder that was killed while it wrote
            (folder / f"{file_name(name)}.new").unlink(missing_ok=True)
    return given


# What a module takes that changes a board, or the machine that makes it, as its first or last task.
OPTION: dict[str, Any] = {
    "lock": {
        "type": "dict",
        "options": {
            "boards": {"type": "list", "elements": "str", "required": True},
            "holder": {"type": "dict", "required": True},
            "replacing": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "best_effort": {"type": "bool", "default": False},
            "meeting": {"type": "bool", "default": False},
            "release": {"type": "bool", "default": False},
        },
    }
}
