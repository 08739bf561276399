# SPDX-License-Identifier: Apache-2.0
"""The board's write-ahead record of what was changed on it, with what was there before.

One JSON file per scope below ``/var/lib/netlab-testbed/ledger``: ``topology`` is replayed when another
topology is laid over the board, ``board`` only by destroy. A file is replaced atomically and fsynced
(file, then folder) before the change that it describes is made, so after any crash the file holds every
undo that may be needed, and at most one that is not: operations are idempotent for that reason.

Whoever changes the board or undoes changes holds the ledger's folder, flock(2), from planning to the last step. So
an undo waits for a module that goes on although nobody hears it any more (its connection was cut), and undoes that
too; and a lock of this kind ends with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import residue
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step

FORMAT = 1
SCOPES = ("board", "topology")
ROLLED_BACK = "rolled back"  # the state of a deployment that the board has undone by itself
BEFORE = "before.json"  # what the board was like before the first change
ROOT = Path("/var/lib/netlab-testbed/ledger")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
LONGEST = 300.0  # seconds to wait for a module that still changes the board; its steps have shorter limits
POLL = 0.02  # seconds
LARGEST = 16 << 20  # bytes; an entry has some hundred

_held: dict[Path, int] = {}  # of this process: folders, and how many times over


def boot_id() -> str:
    """This boot's identity (random(4), /proc/sys/kernel/random/boot_id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace ``path`` so that after a crash it holds the old content whole or the new content whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    try:
        with open(scratch, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
            out.write(content.encode() if isinstance(content, str) else content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(scratch, path)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink()  # where the disk is full, this is the room that others need
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def damage(data: dict[str, Any]) -> str:
    """What is of another kind than a ledger has it, by its key; empty where nothing is."""
    if not isinstance(data.get("deployment"), dict):
        return "deployment: no mapping"
    if not isinstance(data.get("entries"), list):
        return "entries: no list"
    for number, entry in enumerate(data["entries"]):
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), int):
            return f"entries[{number}]: no entry with an id"
        if not isinstance(entry.get("boot_id"), str):
            return f"entries[{number}].boot_id: no text"
        undo = entry.get("undo")
        if undo is not None and not (
            isinstance(undo, dict) and isinstance(undo.get("op"), str) and isinstance(undo.get("args"), dict)
        ):
            return f"entries[{number}].undo: no operation with its arguments"
    return ""


class NoRoom(BoardError):
    """The disk is full, or may only be read."""


class Ledger:
    """One scope's file. Reading needs no lock (the replacement is atomic); who writes is alone."""

    def __init__(self, scope: str, root: Path = ROOT, topology: str | None = None) -> None:
        """``topology``: what the changes are made for; noted with the first of them."""
        if scope not in SCOPES:
            raise ValueError(f"no such ledger scope: {scope!r}")
        self.scope = scope
        self.root = Path(root)
        self.path = self.root / f"{scope}.json"
        self.topology = topology
        self.residue: list[dict[str, str]] | None = None  # once a rollback has undone all that there was

    # -- reading ---------------------------------------------------------------------------------------

    def read(self) -> dict[str, Any]:
        """The whole record; an empty one where there is none."""
        try:
            with self.path.open("rb") as file:
                content = file.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise ValueError(f"larger than {LARGEST} bytes")
            data = json.loads(content)
        except FileNotFoundError:
            return {"format": FORMAT, "scope": self.scope, "deployment": {}, "entries": []}
        except (ValueError, RecursionError) as error:
            raise BoardError(
                f"{self.path} is not a ledger ({error}); move it away and mend the board by hand"
            ) from error
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise BoardError(
                f"{self.path} has format {data.get('format') if isinstance(data, dict) else None!r}; "
                f"this version reads format {FORMAT}"
            )
        if wrong := damage(data):
            raise BoardError(
                f"{self.path} is not a ledger ({wrong}); move it away and mend the board by hand"
            )
        return data

    def entries(self) -> list[dict[str, Any]]:
        return self.read()["entries"]

    def deployment(self) -> dict[str, Any]:
        """What the entries were made for: topology, state (building, ready) and what its roles noted."""
        return self.read()["deployment"]

    # -- writing ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes this board meanwhile. The folder is made, and goes when no scope has a record.

        BoardError where another process goes on changing the board, or nothing can be written.
        """
        if _held.get(self.root):
            _held[self.root] += 1
            try:
                yield
            finally:
                _held[self.root] -= 1
            return
        handle = self._hold()
        _held[self.root] = 1
        try:
            yield
        finally:
            del _held[self.root]
            self._leave()
            os.close(handle)

    def _hold(self) -> int:
        """The folder, held; a descriptor that programs started meanwhile do not inherit."""
        end = time.monotonic() + LONGEST
        while True:
            try:
                # one by one: mkdir -p would leave the first one open to all
                for folder in (self.root.parent, self.root):
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                continue  # whoever left last took it away
            except OSError as error:
                raise BoardError(f"cannot keep a ledger in {self.root}: {error.strerror}") from error
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(handle), self.root.stat()):
                    return handle
            os.close(handle)
            if time.monotonic() > end:
                raise BoardError(
                    f"another process still changes this board: {self.root} is held for {LONGEST:.0f} s"
                )
            time.sleep(POLL)

    def _write(self, data: dict[str, Any]) -> None:
        self._put(self.path, data)

    @staticmethod
    def _put(path: Path, data: dict[str, Any]) -> None:
        try:
            write_atomically(path, json.dumps(data, indent=1, sort_keys=True) + "\n")
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise NoRoom(f"cannot write {path}: {error.strerror}") from error

    def _leave(self) -> None:
        """Take the folders away where no scope has a record any more; called by who is alone."""
        for name in (*(f"{scope}.json" for scope in SCOPES), BEFORE):
            # of a writer that was killed
            (self.root / f"{name}.new").unlink(missing_ok=True)
        if not self._any():
            (self.root / BEFORE).unlink(missing_ok=True)
        for folder in (self.root, self.root.parent):
            try:
                folder.rmdir()  # only when empty
            except OSError:
                return

    def intend(self, step: Step) -> None:
        """Put the step and its undo on disk."""
        with self.alone():
            self._remember()
            data = self._opened()
            number = data["entries"][-1]["id"] + 1 if data["entries"] else 1
            data["entries"].append(
                {
                    "id": number,
                    "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "boot_id": boot_id(),
                    "step": step.as_dict(),
                    "undo": step.undo.as_dict() if step.undo else None,
                }
            )
            self._not_whole(data)
            if self.topology is not None:
                data["deployment"].setdefault("topology", self.topology)
            self._write(data)

    def _remember(self) -> None:
        """How the board is, before the first change to it."""
        if self._any():
            return
        try:
            seen = residue.look()
        except (OSError, ValueError, subprocess.SubprocessError):
            return  # without ip(8) nothing is compared at the end, and all the same undone
        self._put(self.root / BEFORE, seen)

    def _compare(self) -> list[dict[str, str]] | None:
        """What is not as it was before the first change, see residue.py; None while something is left to undo."""
        before = self.root / BEFORE
        if self._any() or not before.exists():
            return None
        try:
            return residue.compare(json.loads(before.read_text(encoding="utf-8")), residue.look())
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            return [{"what": f"what the board was like cannot be compared: {error}", "why": ""}]

    def _any(self) -> bool:
        """Whether there is a record of any scope."""
        return any((self.root / f"{scope}.json").exists() for scope in SCOPES)

    def _not_whole(self, data: dict[str, Any]) -> None:
        """Until the roles say again that it is."""
        if self.scope == "topology":
            data["deployment"]["state"] = "building"

    def note(self, **facts: Any) -> bool:
        """Merge facts into the deployment's header; True if that changed it."""
        with self.alone():
            data = self._opened()
            merged = {**data["deployment"], **facts}
            if merged == data["deployment"]:
                return False
            data["deployment"] = merged
            self._write(data)
            return True

    def _opened(self) -> dict[str, Any]:
        """The record as one that is gone on with: what became of an earlier deployment is told no longer."""
        data = self.read()
        if data["deployment"].get("state") == ROLLED_BACK:
            data["deployment"] = {}
        return data

    def forget(self, operation: str) -> None:
        """Take out the entries of an operation that nothing is left to undo of."""
        with self.alone():
            data = self.read()
            kept = [entry for entry in data["entries"] if entry["step"]["op"] != operation]
            if kept or data["deployment"]:
                if kept != data["entries"]:
                    self._write({**data, "entries": kept})
            else:
                self.path.unlink(missing_ok=True)

    def close(self, **facts: Any) -> None:
        """After a rollback that nobody asked for: say so in the record, for whoever comes next."""
        with self.alone():
            data = self.read()
            data["deployment"] = {"state": ROLLED_BACK, **facts}
            with contextlib.suppress(NoRoom):
                self._write(data)

    def rollback(self) -> tuple[list[str], list[str]]:
        """Replay backwards: (what was undone, what could not be). A failed undo stays for the next try."""
        if not self.root.exists():
            return [], []
        with self.alone():  # which takes away what a writer that was killed has left, if that is all there is
            return self._rollback() if self.path.exists() else ([], [])

    def _rollback(self) -> tuple[list[str], list[str]]:
        undone: list[str] = []
        failed: list[str] = []
        data = self.read()
        boot = boot_id()
        self._not_whole(data)
        # A full disk keeps nobody from undoing: undone once more, if need be, is as good as once.
        with contextlib.suppress(NoRoom):
            self._write(data)
        for entry in reversed(list(data["entries"])):
            if entry.get("undo"):
                undo = Step.from_dict(entry["undo"])
                gone = undo.volatile and entry["boot_id"] != boot
                try:
                    if not gone:
                        undo.run()
                except BoardError as error:
                    failed.append(str(error))
                    continue
                undone.append(f"{undo.says()} (the reboot did)" if gone else undo.says())
            data["entries"].remove(entry)
            with contextlib.suppress(NoRoom):
                self._write(data)
        if not failed:
            self.path.unlink(missing_ok=True)
            self.residue = self._compare()
        return undone, failed
