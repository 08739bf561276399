# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces on a veth pair, servers in the far one, and an instrument's module in the near one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / ".collections"
NEAR, FAR = "192.0.2.1", "192.0.2.2"


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20).stdout


class Cable:
    """``servers`` are programs that listen at ``ports`` (such as tcp:12865) in the far namespace."""

    def __init__(self, instrument: str, servers: Sequence[Sequence[str]], ports: Sequence[str]) -> None:
        self.instrument, self.programs, self.ports = instrument, servers, ports
        self.near, self.far = (f"nltest{os.getpid()}{instrument[0]}{end}" for end in ("a", "b"))
        self.servers: list[subprocess.Popen[bytes]] = []

    def up(self) -> None:
        for space in (self.near, self.far):
            ip("netns", "add", space)
        ip(
            "link",
            "add",
            "nlnear",
            "netns",
            self.near,
            "type",
            "veth",
            "peer",
            "name",
            "nlfar",
            "netns",
            self.far,
        )
        for space, link, address in ((self.near, "nlnear", NEAR), (self.far, "nlfar", FAR)):
            ip("-n", space, "address", "add", f"{address}/24", "dev", link)
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "link", "set", link, "up")
        self.servers = [
            subprocess.Popen(
                ["ip", "netns", "exec", self.far, *argv],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for argv in self.programs
        ]
        deadline = time.monotonic() + 10
        while not self.listens():
            assert time.monotonic() < deadline, f"nobody listens at {self.ports}"
            time.sleep(0.02)

    def listens(self) -> bool:
        shown = ip("netns", "exec", self.far, "ss", "-Hltun")
        words = [line.split() for line in shown.splitlines()]
        there = {f"{line[0]}:{line[4].rpartition(':')[2]}" for line in words if line[4].startswith(FAR)}
        return set(self.ports) <= there

    def down(self) -> None:
        for space in (self.near, self.far):
            if f"{space}\n" not in ip("netns", "list").replace(" ", "\n") + "\n":
                continue
            for pid in ip("netns", "pids", space).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGTERM)
            ip("netns", "delete", space)
        for server in self.servers:
            server.wait(10)

    def packets(self) -> int:
        (link,) = json.loads(ip("-n", self.near, "-stats", "-json", "link", "show", "nlnear"))
        return int(link["stats64"]["rx"]["packets"])

    def wait_for_traffic(self, packets: int = 5000) -> None:
        """Until a run is well under way."""
        before, deadline = self.packets(), time.monotonic() + 20
        while self.packets() < before + packets:
            assert time.monotonic() < deadline, "nothing is sent"
            time.sleep(0.01)

    def lose_answers(self, seconds: float) -> None:
        """Let the far end send to a station that is not there."""
        ip("-n", self.far, "neighbour", "replace", NEAR, "lladdr", "02:00:00:00:00:99", "dev", "nlfar")
        time.sleep(seconds)
        ip("-n", self.far, "neighbour", "delete", NEAR, "dev", "nlfar")

    def module(self, folder: Path, **options: Any) -> subprocess.Popen[str]:
        """The module as Ansible runs it, in the near namespace."""
        module = f"ansible_collections.netlab.testbed.plugins.modules.{self.instrument}"
        arguments = folder / f"arguments{time.monotonic_ns()}.json"
        arguments.write_text(
            json.dumps({"ANSIBLE_MODULE_ARGS": {"board": "board1", **options}}), encoding="utf-8"
        )
        return subprocess.Popen(
            ["ip", "netns", "exec", self.near, sys.executable, "-m", module, str(arguments)],
            cwd=COLLECTIONS,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr + stdout
    return dict(json.loads(stdout))
