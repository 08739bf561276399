# SPDX-License-Identifier: Apache-2.0
"""A guest under TCG with nothing between it and the test but QEMU: its agent's socket and its console."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MACHINES = {"x86_64": ["-M", "q35"], "aarch64": ["-M", "virt", "-cpu", "cortex-a57"]}
BOOT_SECONDS = 60.0  # on a machine whose every core is busy; quiet: 1.6
ANSWER_SECONDS = 20.0


class TcgGuest:
    """A running guest. `seconds` is how long it took until its agent answered."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.console = folder / "console"
        self._agent = socket.socket(socket.AF_UNIX)
        self._path = str(folder / "agent")
        self._received = b""
        self.seconds = 0.0

    def wait_for_agent(self, started: float) -> None:
        deadline = started + BOOT_SECONDS
        while True:
            assert self.process.poll() is None, self.process.communicate()[1].decode()
            assert time.monotonic() < deadline, (
                f"no agent; console: {self.console.read_text(errors='replace')}"
            )
            try:
                self._agent.connect(self._path)
                break
            except OSError:
                time.sleep(0.01)
        while time.monotonic() < deadline:
            self._agent.settimeout(0.2)
            # An agent that is not up yet never sees the request: it is asked again.
            with contextlib.suppress(TimeoutError):
                self._agent.sendall(b'{"execute": "guest-ping"}\n')
                self._line()
                self.seconds = time.monotonic() - started
                self._drain()
                return
        raise AssertionError(f"no agent; console: {self.console.read_text(errors='replace')}")

    def _line(self) -> bytes:
        while b"\n" not in self._received:
            chunk = self._agent.recv(65536)
            assert chunk, "QEMU closed the agent's channel"
            self._received += chunk
        line, _newline, self._received = self._received.partition(b"\n")
        return line

    def _drain(self) -> None:
        """Answers to pings that were asked twice."""
        with contextlib.suppress(TimeoutError):
            while True:
                self._line()

    def ask(self, command: str, **arguments: Any) -> Any:
        self._agent.settimeout(ANSWER_SECONDS)
        self._agent.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        answer = json.loads(self._line())
        assert "error" not in answer, answer
        return answer["return"]

    def run(self, *argv: str) -> tuple[int, str, str]:
        """(exit status, stdout, stderr) of a program in the guest."""
        pid = self.ask("guest-exec", path=argv[0], arg=list(argv[1:]), **{"capture-output": True})["pid"]
        deadline = time.monotonic() + BOOT_SECONDS
        while not (status := self.ask("guest-exec-status", pid=pid))["exited"]:
            assert time.monotonic() < deadline, f"{argv} does not end"
            time.sleep(0.05)
        out, err = (base64.b64decode(status.get(key, "")).decode() for key in ("out-data", "err-data"))
        return status["exitcode"], out, err

    def power_off(self) -> int:
        """QEMU's exit status, once the guest has powered itself off."""
        request = {"execute": "guest-shutdown", "arguments": {"mode": "powerdown"}}
        self._agent.sendall(json.dumps(request).encode() + b"\n")
        return self.process.wait(timeout=ANSWER_SECONDS)


@contextlib.contextmanager
def tcg_guest(image: dict[str, Any], folder: Path, name: str = "guest1") -> Iterator[TcgGuest]:
    """Boot an image; the guest is killed at the end if it is still there."""
    command = [
        f"qemu-system-{image['arch']}", "-accel", "tcg", *MACHINES[image["arch"]], "-m", "192",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-kernel", image["kernel"], "-initrd", image["initramfs"],
        "-append", f"{image['kernel_command_line']} netlab.hostname={name}",
        "-serial", f"file:{folder / 'console'}", "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=agent,path={folder / 'agent'},server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net,romfile=",
    ]  # fmt: skip
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    guest = TcgGuest(process, folder)
    try:
        guest.wait_for_agent(started)
        yield guest
    finally:
        guest._agent.close()
        process.kill()
        process.wait(timeout=10)
        if process.stderr:
            process.stderr.close()
