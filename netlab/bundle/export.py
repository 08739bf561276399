# SPDX-License-Identifier: Apache-2.0
"""A run becomes a bundle: gathered, redacted, written, and read back before it is called done."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from netlab.bundle.gather import gather
from netlab.bundle.model import Header, Redaction
from netlab.bundle.read import opened
from netlab.bundle.refusals import BundleRefused
from netlab.bundle.write import write
from netlab.errors import InvalidInput, NetlabError, Problem
from netlab.results import RunStore
from netlab.results.files import sync_folder


@dataclass(frozen=True)
class Exported:
    """A bundle that is on disk. `members`: bytes of each, unpacked."""

    path: Path
    bytes: int
    header: Header
    members: dict[str, int]
    redactions: list[Redaction]


def export(
    store: RunStore, target: Path, *, keep_names: bool = False, results: bool = True, force: bool = False
) -> Exported:
    """Write the bundle of a run to `target`, whole or not at all.

    InvalidInput for a run that cannot be exported, and for a file that is there already.
    """
    if target.is_dir() or not target.parent.is_dir():
        what = "this is a folder" if target.is_dir() else "there is no such folder"
        raise InvalidInput(
            [Problem(what, str(target if target.is_dir() else target.parent), None, None, "a file's name")]
        )
    if target.exists() and not force:
        problem = Problem("the file is there already", str(target), None, None, "another name, or --force")
        raise InvalidInput([problem])
    gathered = gather(store, keep_names=keep_names, results=results)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w+b") as stream:
            write(stream, gathered.members)
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        members = _read_back(store, Path(temporary))
        if force:
            os.replace(temporary, target)
        else:
            _link(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    return Exported(target, target.stat().st_size, gathered.header, members, gathered.redactions)


def _link(temporary: str, target: Path) -> None:
    """The new name, unless somebody took it meanwhile."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        problem = Problem("the file is there already", str(target), None, None, "another name, or --force")
        raise InvalidInput([problem]) from None
    except OSError:  # a file system without hard links
        os.replace(temporary, target)
        return
    Path(temporary).unlink()


def _read_back(store: RunStore, path: Path) -> dict[str, int]:
    """Nobody gets a bundle that nobody can open. Bytes of each member."""
    try:
        with opened(path) as bundle:
            return dict(sorted(bundle.members.items()))
    except BundleRefused as error:
        problem = error.problems[0]
        where = f"{problem.key}: " if problem.key else ""
        raise NetlabError(
            f"{store.name} cannot be exported: what would be written is refused by its own reader:\n"
            f"{where}{problem.message}",
            hint=f"netlab report {store.name}   (is the run itself in order?)",
        ) from error
