# SPDX-License-Identifier: Apache-2.0
"""Where guest images are kept: a folder for each, named by its content, and for each architecture which is
current.

<root>/<arch>/<hash>/{kernel,initramfs,recipe.json}
<root>/<arch>/current.json     replaced in one step, so a reader sees the old image or the new, never half of
one
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEFAULT_ROOT = Path("/var/cache/netlab-testbed/guest-image")
HASH_LENGTH = 32  # hexadecimal digits: 128 bits of a SHA-256


def image_hash(kernel: bytes, initramfs: bytes) -> str:
    """The image's name: a digest of the two digests."""
    both = hashlib.sha256(kernel).digest() + hashlib.sha256(initramfs).digest()
    return hashlib.sha256(both).hexdigest()[:HASH_LENGTH]


class Store:
    """The images of one architecture."""

    def __init__(self, arch: str, root: Path = DEFAULT_ROOT) -> None:
        self.path = root / arch

    @property
    def _current(self) -> Path:
        return self.path / "current.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One builder at a time; a second waits, and then finds the first's image."""
        self._make_reachable()
        with (self.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_reachable(self) -> None:
        """Make the folders, and let every user pass through them: where libvirt is as its distribution set it
        up, QEMU runs as a user of its own and opens the kernel by its path. There is nothing secret in an
        image."""
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in (self.path.parent.parent, self.path.parent, self.path):
            mode = stat.S_IMODE(folder.stat().st_mode)
            if mode & 0o111 != 0o111:
                folder.chmod(mode | 0o111)

    def current(self, recipe_digest: str) -> dict[str, Any] | None:
        """The current image if it was built by this recipe and is whole: a JSON read and two stats."""
        current = self._read_current()
        if current.get("recipe_digest") != recipe_digest:
            return None
        try:
            folder = self.path / current["hash"]
            if any((folder / name).stat().st_size != size for name, size in current["sizes"].items()):
                return None
            return self._described(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _described(self, folder: Path) -> dict[str, Any]:
        return {
            "kernel": str(folder / "kernel"),
            "initramfs": str(folder / "initramfs"),
            "hash": folder.name,
            "recipe": json.loads((folder / "recipe.json").read_text(encoding="utf-8")),
        }

    def publish(
        self, kernel: bytes, initramfs: bytes, recipe: dict[str, Any], recipe_digest: str
    ) -> dict[str, Any]:
        """Keep an image and make it the current one. Called with the lock held."""
        folder = self.path / image_hash(kernel, initramfs)
        contents = {"kernel": kernel, "initramfs": initramfs}
        if not all(_holds(folder / name, content) for name, content in contents.items()):
            with self.scratch() as scratch:
                for name, content in contents.items():
                    _write_durably(scratch / name, content)
                    (scratch / name).chmod(0o644)
                scratch.chmod(0o755)
                shutil.rmtree(folder, ignore_errors=True)
                scratch.rename(folder)
        # The same bytes can come of other versions: a package may change where the guest takes nothing from
        # it.
        _replace(folder / "recipe.json", recipe)
        before = self._read_current().get("hash")
        sizes = {name: len(content) for name, content in contents.items()}
        _replace(self._current, {"hash": folder.name, "recipe_digest": recipe_digest, "sizes": sizes})
        # The one before stays: guests that run have it as their kernel until they are started anew.
        self._remove_all_but({folder.name, before})
        return self._described(folder)

    def _remove_all_but(self, kept: set[str | None]) -> None:
        for folder in self.path.iterdir():
            if folder.is_dir() and folder.name not in kept and not folder.name.startswith("."):
                shutil.rmtree(folder)

    def _read_current(self) -> dict[str, Any]:
        try:
            current = json.loads(self._current.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return current if isinstance(current, dict) else {}

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the store's own filesystem, removed afterwards whatever happens. Called with the lock
        held, so that one left by a builder that was killed can be removed first."""
        for left in self.path.glob(".build-*"):
            shutil.rmtree(left, ignore_errors=True)
        path = Path(tempfile.mkdtemp(prefix=".build-", dir=self.path))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def _replace(path: Path, content: dict[str, Any]) -> None:
    """Write JSON so that a reader finds the old text or the new; untouched where it says so already."""
    text = (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()
    if not _holds(path, text):
        temporary = path.with_name(path.name + ".new")
        _write_durably(temporary, text)
        os.replace(temporary, path)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
