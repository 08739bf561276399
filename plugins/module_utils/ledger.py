# SPDX-License-Identifier: Apache-2.0
"""The board's write-ahead record of what was changed on it, with what was there before.

One JSON file per scope below ``/var/lib/netlab-testbed/ledger``: ``topology`` is replayed when another
topology is laid over the board, ``board`` only by destroy. A file is replaced atomically and fsynced
(file, then folder) before the change that it describes is made, so after any crash the file holds every
undo that may be needed, and at most one that is not: operations are idempotent for that reason.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step

FORMAT = 1
SCOPES = ("board", "topology")
ROOT = Path("/var/lib/netlab-testbed/ledger")


def boot_id() -> str:
    """This boot's identity (random(4), /proc/sys/kernel/random/boot_id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` so that after a crash it holds the old text whole or the new text whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    with open(scratch, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.replace(scratch, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Ledger:
    """One scope's file. Reading needs no lock (the replacement is atomic); writers take the folder's lock."""

    def __init__(self, scope: str, root: Path = ROOT, topology: str | None = None) -> None:
        """``topology``: what the changes are made for; noted with the first of them."""
        if scope not in SCOPES:
            raise ValueError(f"no such ledger scope: {scope!r}")
        self.scope = scope
        self.root = Path(root)
        self.path = self.root / f"{scope}.json"
        self.topology = topology

    # -- reading ---------------------------------------------------------------------------------------

    def read(self) -> dict[str, Any]:
        """The whole record; an empty one where there is none."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"format": FORMAT, "scope": self.scope, "deployment": {}, "entries": []}
        except ValueError as error:
            raise BoardError(
                f"{self.path} is not a ledger ({error}); move it away and mend the board by hand"
            ) from error
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise BoardError(
                f"{self.path} has format {data.get('format') if isinstance(data, dict) else None!r}; "
                f"this version reads format {FORMAT}"
            )
        return data

    def entries(self) -> list[dict[str, Any]]:
        return self.read()["entries"]

    def deployment(self) -> dict[str, Any]:
        """What the entries were made for: topology, state (building, ready) and what its roles noted."""
        return self.read()["deployment"]

    # -- writing ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.root / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, data: dict[str, Any]) -> None:
        write_atomically(self.path, json.dumps(data, indent=1, sort_keys=True) + "\n")

    def _leave(self) -> None:
        """Take the folders away where no scope has a record any more; called with the lock held."""
        if any((self.root / f"{scope}.json").exists() for scope in SCOPES):
            return
        (self.root / "lock").unlink(missing_ok=True)
        for folder in (self.root, self.root.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()  # only when empty

    def intend(self, step: Step) -> None:
        """Put the step and its undo on disk."""
        with self._locked():
            data = self.read()
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

    def _not_whole(self, data: dict[str, Any]) -> None:
        """Until the roles say again that it is."""
        if self.scope == "topology":
            data["deployment"]["state"] = "building"

    def note(self, **facts: Any) -> bool:
        """Merge facts into the deployment's header; True if that changed it."""
        with self._locked():
            data = self.read()
            merged = {**data["deployment"], **facts}
            if merged == data["deployment"]:
                return False
            data["deployment"] = merged
            self._write(data)
            return True

    def rollback(self) -> tuple[list[str], list[str]]:
        """Replay backwards: (what was undone, what could not be). A failed undo stays for the next try."""
        undone: list[str] = []
        failed: list[str] = []
        if self.path.exists():
            # a full disk keeps nobody from undoing
            with contextlib.suppress(OSError), self._locked():
                data = self.read()
                self._not_whole(data)
                self._write(data)
        for entry in reversed(self.entries()):
            if entry["undo"]:
                undo = Step.from_dict(entry["undo"])
                try:
                    undo.run()
                except BoardError as error:
                    failed.append(str(error))
                    continue
                undone.append(undo.says())
            with self._locked():
                data = self.read()
                data["entries"] = [other for other in data["entries"] if other["id"] != entry["id"]]
                self._write(data)
        if not failed:
            with self._locked():
                self.path.unlink(missing_ok=True)
                self._leave()
        return undone, failed
