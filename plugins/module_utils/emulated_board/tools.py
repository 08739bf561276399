# SPDX-License-Identifier: Apache-2.0
"""The programs that an emulated board needs on this machine: QEMU of the distribution's newest, and mmdebstrap.

They are downloaded in an APT world with the distribution's backports (Debian 12's own QEMU has no igb NIC) and only
unpacked, into a folder of the cache: nothing is installed, and a QEMU that the machine has stays as it is. What runs
from there runs with the libraries that it was unpacked with.
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
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import (
    AptStale,
    AptWorld,
    Package,
    machine_architecture,
)
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.build import unpack
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

CACHE = Path("/var/cache/netlab-testbed")
PACKAGES = (
    "e2fsprogs",
    "mmdebstrap",
    "qemu-system-arm",
    "qemu-system-common",
    "qemu-system-data",
    "qemu-user",
    "qemu-utils",
)
# Of what the packages hold, what is no use here: other emulators and documents, two thirds of it all.
KEPT_QEMU = ("qemu-aarch64", "qemu-img", "qemu-system-aarch64")
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale")


@dataclass(frozen=True)
class Tools:
    """Unpacked programs at ``root``."""

    root: Path

    def command(self, program: str) -> list[str]:
        """How to run a program of the tools: by their own loader, with their own libraries (ld.so(8))."""
        places = [self.root / place / program for place in ("usr/bin", "usr/sbin", "sbin")]
        path = next((path for path in places if path.exists()), None)
        loaders = [*self.root.glob("lib*/ld-linux*.so.*"), *self.root.glob("usr/lib*/ld-linux*.so.*")]
        if path is None or not loaders:
            raise BoardError(
                f"the tools in {self.root} have no {program}; remove that folder, and deploy again"
            )
        folders = [str(folder) for folder in sorted(self.root.glob("lib/*-linux-gnu"))]
        folders += [str(folder) for folder in sorted(self.root.glob("usr/lib/*-linux-gnu"))]
        return [str(loaders[0]), "--library-path", ":".join(folders), str(path)]

    @property
    def interpreter(self) -> Path:
        """Runs programs for arm64; linked statically."""
        return self.root / "usr/bin/qemu-aarch64"

    @property
    def qemu(self) -> list[str]:
        return [*self.command("qemu-system-aarch64"), "-L", str(self.root / "usr/share/qemu")]

    @property
    def bootstrap(self) -> list[str]:
        return ["perl", str(self.root / "usr/bin/mmdebstrap")]


class ToolStore:
    """Where they are kept: a folder for each set of packages' versions, and which is current."""

    def __init__(self, cache: Path = CACHE) -> None:
        self.cache = cache
        self.path = cache / "emulator"

    def current(self) -> Tools | None:
        """Those that are there; no program is run."""
        try:
            current = json.loads((self.path / "current.json").read_text(encoding="utf-8"))
            root = self.path / current["hash"]
            return Tools(root) if current["packages"] == list(PACKAGES) and root.is_dir() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def build(self, refresh: bool = False) -> tuple[bool, Tools]:
        """(whether they are others than before, the tools)."""
        with self._locked():
            before = self.current()
            if before is not None and not refresh:
                return False, before
            debian = machine_architecture()
            world = AptWorld(f"emulator-{debian}", debian, ("main",), backports=True, root=self.cache / "apt")
            world.refresh(max_age=0) if refresh else world.refresh()
            scratch = Path(tempfile.mkdtemp(prefix=".build-", dir=self.path))
            try:
                tools = self._unpacked(world, scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            return before != tools, tools

    def _unpacked(self, world: AptWorld, scratch: Path) -> Tools:
        try:
            packages = _chosen(world)
            files = world.download(packages, scratch / "packages")
        except AptStale:
            packages = _chosen(world)
            files = world.download(packages, scratch / "packages")
        versions = {package.name: package.version for package in packages}
        name = hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:32]
        final = self.path / name
        if not final.is_dir():
            tree = scratch / "tree"
            unpack(files, tree)
            _thin_out(tree)
            tree.chmod(0o755)
            tree.rename(final)
        told = self.path / "current.json.new"
        told.write_text(
            json.dumps({"hash": name, "packages": list(PACKAGES), "versions": versions}, indent=2) + "\n"
        )
        os.replace(told, self.path / "current.json")
        return Tools(final)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
        with (self.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self.path.glob(".build-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield


def _chosen(world: AptWorld) -> list[Package]:
    chosen = world.library_closure(PACKAGES)
    missing = sorted(set(PACKAGES) - set(chosen))
    if missing:
        raise BoardError(f"the APT sources offer no {', '.join(missing)}")
    version = chosen["qemu-system-arm"].version
    if int(version.partition(":")[2].partition(".")[0] or 0) < 8:
        raise BoardError(
            f"the newest QEMU that the APT sources and their backports offer is {version}: an emulated board needs 8.0,"
            " which brought the SR-IOV capable NIC igb"
        )
    return list(chosen.values())


def _thin_out(tree: Path) -> None:
    for place in UNUSED:
        shutil.rmtree(tree / place, ignore_errors=True)
    for path in (tree / "usr/bin").glob("qemu-*"):
        if path.name not in KEPT_QEMU:
            path.unlink()
