# SPDX-License-Identifier: Apache-2.0
"""Install Debian packages with apt-get(8).

What the machine itself does not offer is downloaded in an APT world with the component non-free added, and
given to apt-get as a file; /etc/apt stays as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.apt.debian_services import (
    UNWANTED_SERVICES,
    disable_service,
    services_held_back,
)
from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import (
    AptError,
    AptWorld,
    machine_architecture,
    run_apt,
)
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

CACHE = Path("/var/cache/netlab-testbed")
INSTALL_SECONDS = 1800
UPDATE_SECONDS = 300
QUERY_SECONDS = 60
LOCK_SECONDS = 600
# netperf is in non-free on Debian 12.
FURTHER_COMPONENTS = ("non-free",)
OPTIONS = (
    "-q", "-y", "--no-install-recommends",
    "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "-o", "Dpkg::Use-Pty=0",
    "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
)  # fmt: skip


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Two boards may have packages installed on one machine at once: the second waits."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BoardError(f"another installation has held {path} for {LOCK_SECONDS} s") from None
                time.sleep(0.1)
        yield


class Installation:
    """Getting packages that are not installed. `downloaded` are those that came from an APT world."""

    def __init__(self, missing: Sequence[str], cache: Path = CACHE) -> None:
        self.missing = list(missing)
        self.cache = cache
        self.downloaded: list[str] = []
        self._updated = False

    def run(self) -> None:
        if os.geteuid() != 0:
            raise BoardError(f"installing {', '.join(self.missing)} needs root (become: true)")
        try:
            self._install()
        except AptError as error:
            # Lists older than the mirror name files that are gone.
            if self._updated or "404" not in str(error):
                raise
            self._update()
            self._install()
        for name in self.missing:
            if name in UNWANTED_SERVICES:
                disable_service(UNWANTED_SERVICES[name])

    def _install(self) -> None:
        absent = self._without_candidate(self.missing)
        if absent and not self._updated:
            self._update()
            absent = self._without_candidate(absent)
        self.downloaded = absent
        files = self._download(absent) if absent else []
        names = [name for name in self.missing if name not in absent]
        try:
            with services_held_back():
                self._apt_get("install", *names, *map(str, files), seconds=INSTALL_SECONDS)
        finally:
            for file in files:
                file.unlink(missing_ok=True)

    def _without_candidate(self, names: Sequence[str]) -> list[str]:
        text = run_apt(["apt-cache", "policy", *names], QUERY_SECONDS)
        return sorted(set(names) - offered(text))

    def _download(self, names: Sequence[str]) -> list[Path]:
        world = AptWorld("further", machine_architecture(), FURTHER_COMPONENTS, root=self.cache / "apt")
        world.refresh()
        found = world.candidates(names)
        absent = ", ".join(sorted(set(names) - set(found)))
        if absent:
            components = ", ".join(FURTHER_COMPONENTS)
            raise BoardError(
                f"no APT source of this machine offers {absent}, nor does {components} at its mirror"
            )
        return world.download(found.values(), self.cache / "packages")

    def _update(self) -> None:
        self._apt_get("update", seconds=UPDATE_SECONDS)
        self._updated = True

    def _apt_get(self, action: str, *arguments: str, seconds: float) -> None:
        run_apt(["apt-get", *OPTIONS, action, *arguments], seconds)


def offered(policy: str) -> set[str]:
    """The packages that have a candidate, from what `apt-cache policy` printed. Pure."""
    found = re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: (.*)$", policy, re.MULTILINE)
    return {name for name, candidate in found if candidate != "(none)"}
