# SPDX-License-Identifier: Apache-2.0
"""Keeps what Ansible packs to send to boards from one run to the next.

Ansible packs each module with the module_utils that it imports, 0.12 s for every module in every run, and keeps
the packs in its run's own temporary folder. A deploy uses a dozen modules. Here this collection's packs (nobody
else's) are put into that folder before the first task, and new ones are taken out of it after the last.

A pack that is kept has byte code beside its sources: a board whose Python is of the controller's version need not
compile a hundred files for every task (45 of 120 ms here, more on a slow board). Another Python passes it over, by
its magic number (PEP 3147, zipimport).

What could change a pack is in the name of the folder that holds it: Ansible's and Python's versions, and size
and time of every module and module_utils file. Where Ansible lays its packs elsewhere, nothing is found, and
nothing but time is lost.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: module_cache
type: aggregate
short_description: Packs of this collection's modules, kept from run to run
description:
  - Saves the time that Ansible takes to pack the same modules again in every run.
  - Packs are kept below C($XDG_CACHE_HOME/netlab-testbed/modules), by default in C(~/.cache), for their owner only.
requirements:
  - enable in configuration
author: netlab-testbed maintainers (@netlab-testbed)
"""

import base64
import contextlib
import dataclasses
import functools
import hashlib
import importlib.util
import io
import marshal
import os
import pickle
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible import constants  # type: ignore[attr-defined]  # made of the configuration at run time
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__ as ansible_version

PLUGINS = Path(__file__).resolve().parent.parent
OURS = "ansible_collections.netlab.testbed.plugins.modules."
KEPT = 3  # versions of the collection whose packs stay: switching between two checkouts is common


def state_of_sources(plugins: Path = PLUGINS) -> str:
    """A name for all that a pack is made from."""
    made = hashlib.sha256(f"{ansible_version} {sys.version}".encode())
    for folder in ("modules", "module_utils"):
        for path in sorted((plugins / folder).rglob("*.py")):
            seen = path.stat()
            made.update(f"\n{path} {seen.st_size} {seen.st_mtime_ns}".encode())
    return made.hexdigest()[:24]


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "netlab-testbed" / "modules"


def private(folder: Path) -> bool:
    """Whether only we can write there: a pack is a pickle, which whoever writes it makes us run."""
    with contextlib.suppress(OSError):
        seen = folder.lstat()
        return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and not seen.st_mode & 0o022
    return False


def packs(folder: Path) -> Iterator[Path]:
    """The packs of our modules in a folder; not those half written, nor the locks beside them."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name.startswith(OURS) and not path.name.endswith((".lock", "-part")):
                yield path


@functools.cache
def byte_code(source: bytes, name: str) -> bytes:
    """A .pyc that is taken without a look at its source's time, which depends on a board's time zone (PEP 552)."""
    code = compile(source, name, "exec", dont_inherit=True)
    unchecked_hash = (0b01).to_bytes(4, "little")
    return (
        importlib.util.MAGIC_NUMBER
        + unchecked_hash
        + importlib.util.source_hash(source)
        + marshal.dumps(code)
    )


def with_byte_code(archive: bytes) -> bytes:
    """A zip of Python sources with the byte code of each beside it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry, content)
            if entry.filename.endswith(".py"):
                compiled = zipfile.ZipInfo(f"{entry.filename}c", entry.date_time)
                compiled.compress_type = zipfile.ZIP_DEFLATED
                new.writestr(compiled, byte_code(content, entry.filename))
    return made.getvalue()


def compiled_pack(pack: bytes) -> bytes:
    """A pack as Ansible pickles it, its archive (base64) with byte code."""
    unpacked = pickle.loads(pack)  # noqa: S301  Ansible wrote it in this very run
    archive = with_byte_code(base64.b64decode(unpacked.zip_data))
    return pickle.dumps(dataclasses.replace(unpacked, zip_data=base64.b64encode(archive)))


class CallbackModule(CallbackBase):
    """Fills Ansible's folder at the start, and takes new packs out of it at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "netlab.testbed.module_cache"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ansibles = Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache"
        self.kept = cache_folder() / state_of_sources()

    def v2_playbook_on_start(self, playbook: Any) -> None:  # noqa: ARG002 - the signature is Ansible's
        if not (private(self.kept.parent) and private(self.kept)):
            return
        with contextlib.suppress(OSError):
            self.ansibles.mkdir(parents=True, exist_ok=True)
            for pack in packs(self.kept):
                (self.ansibles / pack.name).symlink_to(pack)

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002 - the signature is Ansible's
        new = [pack for pack in packs(self.ansibles) if not pack.is_symlink()]
        if not new:
            return
        # a full disk, a home that cannot be written: packed again next time
        with contextlib.suppress(OSError):
            self.kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (private(self.kept.parent) and private(self.kept)):
                return
            for pack in new:
                with tempfile.NamedTemporaryFile(dir=self.kept, prefix=".", delete=False) as copy:
                    copy.write(compiled_pack(pack.read_bytes()))
                os.replace(copy.name, self.kept / pack.name)
            self._forget()

    def _forget(self) -> None:
        versions = sorted(self.kept.parent.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in versions[KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)
