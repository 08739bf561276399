# SPDX-License-Identifier: Apache-2.0
"""Commands inside a guest, through the QEMU guest agent: qemu-ga(8), guest-exec of qga/qapi-schema.json.

The agent's channel needs no network in the guest, so the measured path carries measured traffic only.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import json
import re
import time
from collections.abc import Iterator
from typing import Any, Protocol

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

AGENT_LIMIT = 10  # seconds for one answer of the agent; a TCG guest under load takes a second at most
OUTPUT_LIMIT = 16 * 1024 * 1024  # qemu-ga keeps at most 16 MiB of a command's output


# As the kernel takes one, netdevice(7), less what a shell or a path would make something else of.
INTERFACE = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._@+:-]{1,15}")


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


class Domain(Protocol):
    """What is needed of libvirt.virDomain."""

    def name(self) -> str: ...


class AgentSilent(BoardError):
    """The agent is not there (yet): the guest is booting, hangs, or has no agent."""


class GuestAgent:
    """The agent of one running domain. Every call is bounded in time."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain

    def call(self, command: str, arguments: dict[str, Any] | None = None, limit: int = AGENT_LIMIT) -> Any:
        """One agent command; its ``return`` member. AgentSilent where nobody answers."""
        import libvirt
        import libvirt_qemu

        request = json.dumps({"execute": command, "arguments": arguments or {}})
        try:
            reply = libvirt_qemu.qemuAgentCommand(self.domain, request, limit, 0)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_AGENT_UNRESPONSIVE:
                raise AgentSilent(f"guest {self.domain.name()}: its agent does not answer") from error
            raise BoardError(f"guest {self.domain.name()}: {command}: {error.get_error_message()}") from error
        with self._shaped(command, reply):
            return json.loads(reply)["return"]

    @contextlib.contextmanager
    def _shaped(self, command: str, reply: Any) -> Iterator[None]:
        """A guest may answer anything: what is no answer is an error in words."""
        try:
            yield
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            shown = str(reply)[:200]
            raise BoardError(
                f"guest {self.domain.name()}: {command}: not an agent's reply: {shown!r}"
            ) from error

    def ping(self) -> bool:
        try:
            self.call("guest-ping")
        except AgentSilent:
            return False
        return True

    def wait(self, limit: float) -> None:
        """Until the agent answers, at most ``limit`` seconds."""
        deadline = time.monotonic() + limit
        while not self.ping():
            if time.monotonic() > deadline:
                raise AgentSilent(f"guest {self.domain.name()}: no agent answers after {limit:.0f} s")
            time.sleep(0.02)

    def interfaces(self) -> list[dict[str, Any]]:
        """[{name, mac, addresses: ["192.0.2.1/24", ...]}] of the guest's interfaces."""
        found = []
        reply = self.call("guest-network-get-interfaces")
        with self._shaped("guest-network-get-interfaces", reply):
            for entry in reply:
                addresses = [
                    str(ipaddress.IPv4Interface(f"{address['ip-address']}/{address['prefix']}"))
                    for address in entry.get("ip-addresses", [])
                    if address.get("ip-address-type") == "ipv4"
                ]
                mac, name = str(entry.get("hardware-address", "")).lower(), entry["name"]
                if not isinstance(name, str) or not INTERFACE.fullmatch(name):
                    raise ValueError(name)
                found.append({"name": name, "mac": mac, "addresses": addresses})
        return found

    def start(self, argv: list[str], input: bytes | None = None) -> int:  # noqa: A002  subprocess's own word
        """Start a program in the guest, its output captured; its pid there."""
        arguments: dict[str, Any] = {"path": argv[0], "arg": argv[1:], "capture-output": True}
        if input is not None:
            arguments["input-data"] = base64.b64encode(input).decode("ascii")
        reply = self.call("guest-exec", arguments)
        with self._shaped("guest-exec", reply):
            return _whole(reply["pid"])

    def collect(self, pid: int) -> tuple[int, str, str] | None:
        """(status, stdout, stderr) of a started program, or None while it runs. A signal n is status 128+n."""
        status = self.call("guest-exec-status", {"pid": pid})
        with self._shaped("guest-exec-status", status):
            if status["exited"] is not True:
                return None
            if status.get("out-truncated") or status.get("err-truncated"):
                raise BoardError(
                    f"guest {self.domain.name()}: the program wrote over {OUTPUT_LIMIT >> 20} MiB"
                )
            # it ended by itself, or by a signal: that neither is said is not that all went well
            code = _whole(status["exitcode"]) if "exitcode" in status else 128 + _whole(status["signal"])
            out, err = (
                base64.b64decode(status.get(key, ""), validate=True).decode("utf-8", errors="replace")
                for key in ("out-data", "err-data")
            )
            return code, out, err

    def run(
        self,
        argv: list[str],
        timeout: float,
        input: bytes | None = None,  # noqa: A002
        first_look: float = 0.0,
    ) -> tuple[int, str, str]:
        """Run a program to its end. The guest is left alone for ``first_look`` seconds, then asked at growing steps.

        BoardError when it is still running after ``timeout`` seconds.
        """
        pid = self.start(argv, input)
        began = time.monotonic()
        pause = 0.01
        time.sleep(min(first_look, timeout))
        while True:
            done = self.collect(pid)
            if done is not None:
                return done
            if time.monotonic() - began > timeout:
                raise BoardError(f"guest {self.domain.name()}: {argv[0]} still runs after {timeout:.0f} s")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)
