# SPDX-License-Identifier: Apache-2.0
"""Programs in a guest, through its agent: no network but the measured one, and that carries nothing of ours."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from ansible_collections.netlab.testbed.plugins.module_utils.guest_agent import GuestAgent
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import (
    MAXIMUM_FILE,
    READ_LIMIT_S,
    Ended,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.waiting import wait_for_end
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

CHUNK = 2 * 1024 * 1024  # bytes of a file at a time: libvirt passes on 4 MiB of text, and this is base64


class AgentsProgram:
    """A program that a guest's agent started. Each look wakes the guest for about a transaction."""

    fd: int | None = None

    def __init__(self, agent: GuestAgent, argv: Sequence[str]) -> None:
        self.argv = list(argv)
        self.looks = 0
        self._agent = agent
        self._pid = agent.start(self.argv)
        self._result: Ended | None = None

    def ended(self) -> Ended | None:
        if self._result is None:
            self._result = self._agent.collect(self._pid)
            self.looks += self._result is None
        return self._result

    def kill(self) -> None:
        """End it and collect it, so that the agent forgets it and nothing disturbs the next trial."""
        if self._result is None:
            self._agent.run(["kill", "-KILL", str(self._pid)], timeout=READ_LIMIT_S)
            wait_for_end([self], READ_LIMIT_S)


class InGuest:
    """A running guest as a place. Its /tmp is memory, in the guests that are built here."""

    def __init__(self, agent: GuestAgent, name: str) -> None:
        self._agent = agent
        self.name = f"guest {name}"

    def start(self, argv: Sequence[str]) -> AgentsProgram:
        return AgentsProgram(self._agent, argv)

    def read(self, files: Sequence[str]) -> str:
        return self._agent.run(["cat", *files], timeout=READ_LIMIT_S)[1]

    def new_file(self, label: str, suffix: str = "") -> str:
        return f"/tmp/netlab-testbed-{label}{suffix}"  # noqa: S108  nobody else is in the guest

    def take(self, path: str) -> bytes:
        """BoardError where it is longer than a measurement's file can be."""
        try:
            handle = self._agent.call("guest-file-open", {"path": path, "mode": "r"})
        except BoardError:
            return b""
        content = b""
        try:
            while len(content) <= MAXIMUM_FILE:
                part = self._agent.call("guest-file-read", {"handle": handle, "count": CHUNK})
                content += base64.b64decode(part["buf-b64"])
                if part["eof"] or not part["count"]:
                    return content
        finally:
            self._agent.call("guest-file-close", {"handle": handle})
            self._agent.run(["rm", "-f", path], timeout=READ_LIMIT_S)
        raise BoardError(f"{self.name}: {path} is longer than {MAXIMUM_FILE >> 20} MiB")
