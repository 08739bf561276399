# SPDX-License-Identifier: Apache-2.0
"""Verdicts of probes, kept until the machine boots again: a probe that fails takes ten seconds."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.verdict import Verdict
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import boot_id, write_atomically

DEFAULT_PATH = Path("/var/cache/netlab-testbed/accelerator.json")


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor, as the kernel names it; on arm64 by the numbers of its implementer and part."""
    fields = dict(
        re.findall(r"^(model name|CPU implementer|CPU part)\s*:\s*(.*)$", cpuinfo.read_text(), re.MULTILINE)
    )
    return " ".join(fields[name] for name in sorted(fields)) or platform.machine()


def probe_key(qemu: Path, kernel: str, initramfs: str) -> str:
    """What a verdict holds for: this QEMU, this image, this processor. QEMU's version is taken by its file,
    which is another one after an upgrade: to ask the program costs 0.1 s."""
    program = qemu.resolve().stat()
    facts = [str(qemu), program.st_size, program.st_mtime_ns, kernel, initramfs, cpu_model()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


class VerdictCache:
    """One file; verdicts of an earlier boot are not read, and gone with the next that is kept."""

    def __init__(self, path: Path = DEFAULT_PATH) -> None:
        self.path = path

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One prober at a time; a second waits, and then finds the first's verdict."""
        self.path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _verdicts(self) -> dict[str, dict[str, object]]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["boot_id"] == boot_id():
                return dict(content["verdicts"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return {}

    def get(self, key: str) -> Verdict | None:
        found = self._verdicts().get(key)
        try:
            return None if found is None else Verdict(**found)  # type: ignore[arg-type]
        except TypeError:
            return None

    def put(self, key: str, verdict: Verdict) -> None:
        verdicts = {**self._verdicts(), key: asdict(verdict)}
        content = {"boot_id": boot_id(), "verdicts": verdicts}
        write_atomically(self.path, json.dumps(content, indent=1, sort_keys=True) + "\n")
