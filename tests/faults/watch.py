# SPDX-License-Identifier: Apache-2.0
"""Whether boards can be entered, and what manages them is as it was, looked at all the time while a fault is tried."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY = 0.5  # seconds between two looks
MANAGED = ("192.0.2.", "198.51.100.")  # addresses of management NICs, of documentation's networks (RFC 5737)
LIMIT = 5.0  # seconds that an answer may take on a busy machine


class Watch:
    """`boards`: the pid of each board's init; one that has ended is no longer asked."""

    def __init__(self) -> None:
        self.boards: dict[str, int] = {}
        self.silent: list[str] = []
        self.looks = 0

    @contextmanager
    def on(self) -> Iterator[None]:
        self.silent, self.looks = [], 0
        over = threading.Event()
        thread = threading.Thread(target=self._look_until, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look_until(self, over: threading.Event) -> None:
        while not over.wait(EVERY):
            for board, pid in list(self.boards.items()):
                if why := trouble(pid):
                    self.silent.append(f"{board}: {why}")
                self.looks += 1


def trouble(pid: int) -> str:
    """Why the board with this init does not answer; empty where it does, and where it is no more."""
    enter = ["nsenter", "-t", str(pid), "-a", "--", "ip", "-json", "address", "show"]
    try:
        done = subprocess.run(enter, capture_output=True, timeout=LIMIT, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error) if Path(f"/proc/{pid}/ns/net").exists() else ""
    links = {link["ifname"]: link for link in json.loads(done.stdout) if link}
    if "127.0.0.1" not in str(links.get("lo")):
        return "no loopback"
    management = links.get("mgmt0")
    if management is None or "UP" not in management["flags"] or "master" in management:
        return f"the management NIC is {management}"
    if not any(address["local"].startswith(MANAGED) for address in management["addr_info"]):
        return "the management NIC has lost its address"
    return ""
