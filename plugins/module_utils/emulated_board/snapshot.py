# SPDX-License-Identifier: Apache-2.0
"""Emulated boards as they are when they have booted and do not know yet who they are: kept, and started from.

<cache>/board-snapshot/<key>/{state,disk.qcow2,guest-images.ext4,about.json}

The state is QEMU's own migration stream (memory and devices), the disk the overlay as it was in that instant, over the
image. What a state can be restored into is in its key: image, guests' image, QEMU, processor, memory and devices. There
is no secret in it (identity.py). Boards have overlays over the kept disk, so that a snapshot stays as it was taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.channel import Monitor
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

SNAPSHOTS = Path("/var/cache/netlab-testbed/board-snapshot")
KEPT = 3  # of one image: other sizes of boards, other slots
SAVE_SECONDS = 60
SPARE_MIB = 1024
LOOK_SECONDS = 0.02
UNLIMITED = 1 << 40  # bytes a second


@dataclass(frozen=True)
class Snapshot:
    """One that is there."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def guest_images(self) -> Path:
        return self.folder / "guest-images.ext4"


def key(command: Sequence[str], image: str, qemu: str, guest_image: str | None) -> str:
    """``command``: of a board without a name, a port, or a place, so that it says processor, memory and devices.
    ``image``, ``qemu`` and ``guest_image`` are hashes."""
    told = json.dumps([list(command), image, qemu, guest_image])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def find(name: str, root: Path | None = None) -> Snapshot | None:
    """The snapshot of this key, if there is one."""
    folder = (root or SNAPSHOTS) / name
    if not (folder / "about.json").is_file():
        return None
    os.utime(folder)
    return Snapshot(folder)


def discard(name: str, root: Path | None = None) -> None:
    """A snapshot from which a board did not start."""
    shutil.rmtree((root or SNAPSHOTS) / name, ignore_errors=True)


def save(
    name: str, image: str, monitor: Monitor, disks: Path, memory_mib: int, root: Path | None = None
) -> None:
    """Keep the board, which stands still meanwhile (a second or two) and then goes on. BoardError where that fails:
    the board goes on all the same."""
    place = root or SNAPSHOTS
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free >> 20
    if free < memory_mib + SPARE_MIB:
        raise BoardError(f"{place} has {free} MiB free, and a snapshot may take {memory_mib} + {SPARE_MIB}")
    scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=place))
    try:
        monitor.ask("stop")
        try:
            _write_state(monitor, scratch / "state")
            for file in ("disk.qcow2", "guest-images.ext4"):
                shutil.copyfile(disks / file, scratch / file)
        finally:
            monitor.ask("cont")
        about = {"image": image, "taken": time.time()}
        (scratch / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        if not (place / name).exists():  # else another board has been quicker
            scratch.rename(place / name)
    except OSError as error:
        raise BoardError(f"a snapshot cannot be kept: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        _forget(place, image)


def go_on(monitor: Monitor) -> None:
    """Let a board run whose QEMU was started with a snapshot's state. BoardError where it cannot be read."""
    _completed(monitor, "QEMU cannot read the snapshot")
    monitor.ask("cont")  # it was saved standing still


def _write_state(monitor: Monitor, path: Path) -> None:
    monitor.ask("migrate-set-parameters", **{"max-bandwidth": UNLIMITED})
    monitor.ask("migrate", uri=f"file:{path}")
    _completed(monitor, "QEMU cannot save the board")


def _completed(monitor: Monitor, what: str) -> None:
    deadline = time.monotonic() + SAVE_SECONDS
    while (told := monitor.ask("query-migrate")).get("status") != "completed":
        if told.get("status") in ("failed", "cancelled"):
            raise BoardError(f"{what}: {told.get('error-desc', told['status'])}")
        if time.monotonic() > deadline:
            raise BoardError(f"{what} within {SAVE_SECONDS} s")
        time.sleep(LOOK_SECONDS)


def _forget(place: Path, image: str) -> None:
    """Snapshots over another image, which has gone with it, those of builders that were killed, and the oldest. A
    board that is up has its files open: their bytes stay until it is off."""
    known = []
    for folder in place.iterdir():
        try:
            if folder.name.startswith(".new-"):
                if time.time() - folder.stat().st_mtime > 10 * SAVE_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            same = json.loads((folder / "about.json").read_text(encoding="utf-8"))["image"] == image
            known.append((folder.stat().st_mtime if same else 0.0, folder))
        except (OSError, ValueError, KeyError, TypeError):
            known.append((0.0, folder))
    known.sort(reverse=True)
    for rank, (used, folder) in enumerate(known):
        if not used or rank >= KEPT:
            shutil.rmtree(folder, ignore_errors=True)
