# SPDX-License-Identifier: Apache-2.0
"""Where images of emulated boards are kept: a folder each, named by its content, and which is current.

<cache>/board-image/<hash>/{kernel,initramfs,disk.qcow2,recipe.json}
<cache>/board-image/current.json     replaced in one step
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FILES = ("kernel", "initramfs", "disk.qcow2")


class Store:
    """The images of this machine."""

    def __init__(self, cache: Path) -> None:
        self.path = cache / "board-image"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One builder at a time; a second waits, and then finds the first's image."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
        with (self.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def current(self, digest: str) -> dict[str, Any] | None:
        """The current image, if it was built by this recipe and is whole: a JSON read and a stat a file."""
        try:
            current = json.loads((self.path / "current.json").read_text(encoding="utf-8"))
            folder = self.path / current["hash"]
            whole = all((folder / name).stat().st_size == size for name, size in current["sizes"].items())
            return described(folder) if whole and current["recipe_digest"] == digest else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def publish(self, scratch: Path, recipe: dict[str, Any], digest: str) -> dict[str, Any]:
        """Make of the files in ``scratch`` the current image. Called with the lock held. An older image goes, unless
        a board that is up has its disk open: then its bytes stay until that board is off."""
        name = content_hash([scratch / name for name in FILES])
        folder = self.path / name
        (scratch / "recipe.json").write_text(
            json.dumps(recipe, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
        if not folder.is_dir():
            scratch.chmod(0o755)
            scratch.rename(folder)
        sizes = {file: (folder / file).stat().st_size for file in FILES}
        told = self.path / "current.json.new"
        told.write_text(
            json.dumps({"hash": name, "recipe_digest": digest, "sizes": sizes}, indent=2) + "\n",
            encoding="utf-8",
        )
        os.replace(told, self.path / "current.json")
        for other in self.path.iterdir():
            if other.is_dir() and other.name != name and not other.name.startswith("."):
                shutil.rmtree(other)
        return described(folder)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the store's own filesystem, removed afterwards. Called with the lock held, so that one left by
        a builder that was killed can be removed first."""
        for left in self.path.glob(".build-*"):
            shutil.rmtree(left, ignore_errors=True)
        path = Path(tempfile.mkdtemp(prefix=".build-", dir=self.path))
        path.chmod(0o755)  # apt's own user reads what it downloads
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def content_hash(paths: list[Path]) -> str:
    """A digest of the files' digests: 128 bits in hexadecimal."""
    together = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            together.update(hashlib.file_digest(file, "sha256").digest())
    return together.hexdigest()[:32]


def described(folder: Path) -> dict[str, Any]:
    return {
        "kernel": str(folder / "kernel"),
        "initramfs": str(folder / "initramfs"),
        "disk": str(folder / "disk.qcow2"),
        "hash": folder.name,
        "recipe": json.loads((folder / "recipe.json").read_text(encoding="utf-8")),
    }
