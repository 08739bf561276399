# SPDX-License-Identifier: Apache-2.0
"""Guests as libvirt has them, and the operations on them: libvirt-python on the board's own libvirtd.

Guests are transient domains: nothing of them is left once they are off, and a board that was rebooted
has none, which is what its ledger then says too.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.domain_xml import digest_of, identity
from ansible_collections.netlab.testbed.plugins.module_utils.guest_agent import AgentSilent, GuestAgent
from ansible_collections.netlab.testbed.plugins.module_utils.guest_plan import DISKS
from ansible_collections.netlab.testbed.plugins.module_utils.path_proof import PORT
from ansible_collections.netlab.testbed.plugins.module_utils.process_ops import of_this_machine
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, operation

URI = "qemu:///system"
STATE = Path("/var/lib/libvirt/qemu")
SHUTDOWN_LIMIT = 5.0  # seconds for a guest that was switched off to be gone

# It may run already: then the second one ends with an error, and that is all right.
NETSERVER = 'netserver -N -p "$1" >/dev/null 2>&1 || pidof netserver >/dev/null'

# Frames sent before the guest's kernel calls the link up are lost, and TCP tries again only after a second: it
# handles events of links at most once a second (net/core/link_watch.c). At most 5 s; the proof tells the rest.
CONFIGURE = r"""
set -e
nic=$1 address=$2 gateway=$3
ip link set dev "$nic" up
for other in $(ip -4 -o address show dev "$nic" | awk '{ print $4 }'); do
  [ "$other" = "$address" ] || ip address del "$other" dev "$nic"
done
ip -4 -o address show dev "$nic" | grep -q " $address " || ip address add "$address" dev "$nic"
[ -z "$gateway" ] || ip route replace default via "$gateway"
looks=0
while [ "$(cat "/sys/class/net/$nic/operstate")" = down ] && [ "$looks" -lt 100 ]; do
  sleep 0.05
  looks=$((looks + 1))
done
"""


class NoLibvirtd(BoardError):
    """No libvirtd answers on this board."""


@contextlib.contextmanager
def connection() -> Iterator[Any]:
    """The board's libvirtd. BoardError where there is none."""
    try:
        import libvirt
    except ImportError as error:
        raise BoardError("this board's Python has no libvirt module: package python3-libvirt") from error
    # libvirt writes each error to stderr before it raises it
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    try:
        opened = libvirt.open(URI)
    except libvirt.libvirtError as error:
        raise NoLibvirtd(f"no libvirtd answers at {URI}: {error.get_error_message()}") from error
    try:
        yield opened
    finally:
        opened.close()


def domain_named(libvirtd: Any, name: str) -> Any | None:
    """The domain, running or only defined; None where there is none of that name."""
    import libvirt

    try:
        return libvirtd.lookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def read() -> dict[str, dict[str, Any]]:
    """Every domain of the board by name: {ours, digest, running, interfaces or None where no agent answers, and for
    one of ours that runs vhost: whether the kernel moves its frames (vhost-net), and not its QEMU}."""
    found: dict[str, dict[str, Any]] = {}
    with connection() as libvirtd:
        for domain in libvirtd.listAllDomains():
            digest = digest_of(domain.XMLDesc())
            running = bool(domain.isActive())
            interfaces = None
            if digest is not None and running:
                with contextlib.suppress(AgentSilent):
                    interfaces = GuestAgent(domain).interfaces()
            found[domain.name()] = {
                "ours": digest is not None, "digest": digest, "running": running, "interfaces": interfaces,
            }  # fmt: skip
            if digest is not None and running:
                found[domain.name()]["vhost"] = has_vhost(domain.name())
    return found


def has_vhost(name: str, proc: Path = Path("/proc")) -> bool:
    """Whether vhost has a worker for a guest: a task of its QEMU, before Linux 6.4 a kernel thread named after it."""
    for pid in qemu_of(name, proc):
        word = f"vhost-{pid}\n"
        for comm in (*proc.glob(f"{pid}/task/*/comm"), *proc.glob("[0-9]*/comm")):
            with contextlib.suppress(OSError):
                if comm.read_text(encoding="utf-8", errors="replace") == word:
                    return True
    return False


@operation("domain.create", "start guest {name}", volatile=True)
def create(name: str, xml: str) -> None:
    import libvirt

    with connection() as libvirtd:
        domain = domain_named(libvirtd, name)
        if domain is not None and domain.isActive():
            if digest_of(domain.XMLDesc()) == digest_of(xml):
                return
            raise Refusal(f"a domain named {name} runs already and is not this testbed's guest")
        try:
            libvirtd.createXML(xml, 0)
        except libvirt.libvirtError as error:
            raise BoardError(f"guest {name} does not start: {error.get_error_message()}") from error


@operation("domain.remove", "remove guest {name}", volatile=True)
def remove(name: str) -> None:
    """Switched off. Never a domain without our mark. Where no libvirtd answers: its QEMU ended, its folders removed."""
    import libvirt

    try:
        with connection() as libvirtd:
            domain = domain_named(libvirtd, name)
            if domain is None:
                return
            if digest_of(domain.XMLDesc()) is None:
                raise Refusal(f"domain {name} is not this testbed's: left as it is")
            # Nothing in a guest of ours outlives it: pulling the plug is the quick and sure way.
            with contextlib.suppress(libvirt.libvirtError):
                domain.destroy()
            _wait_gone(libvirtd, name)
    except NoLibvirtd:
        _end_qemu(name)
        _clear_state(name)


def _wait_gone(libvirtd: Any, name: str) -> None:
    deadline = time.monotonic() + SHUTDOWN_LIMIT
    while domain_named(libvirtd, name) is not None:
        if time.monotonic() > deadline:
            raise BoardError(f"guest {name} does not go")
        time.sleep(0.01)


def qemu_of(name: str, proc: Path = Path("/proc")) -> list[int]:
    """Pids of the QEMU that libvirt started for this guest, known by the guest's UUID (``-uuid``): ours alone.

    Guests of the same name have the same one; those of local boards that live on this one are not meant.
    """
    word = identity(name).encode()
    pids = []
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"qemu-system" in words[0] and word in words and of_this_machine(entry):
                    pids.append(int(entry.name))
    return pids


def _end_qemu(name: str) -> None:
    """What libvirt does at last, where it is not there to do it: SIGKILL. A libvirtd that comes back finds it gone."""
    for pid in qemu_of(name):
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                if pid in qemu_of(name):  # still the one that was found
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                if not select.select([handle], [], [], SHUTDOWN_LIMIT)[0]:
                    raise BoardError(f"guest {name} (pid {pid}) does not go, and no libvirtd answers")
            finally:
                os.close(handle)


def _clear_state(name: str, folder: Path = STATE, proc: Path = Path("/proc")) -> None:
    """The folders that libvirt gives a domain while it runs, with its key and its sockets. A libvirtd that comes back
    would remove them; ours does not come back. ``domain-ID-NAME``, of a long name the first 20 characters
    (virDomainDefGetShortName), so that one may be somebody else's, who then has a QEMU that speaks of it."""
    spoken_of = b""
    for cmdline in proc.glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            spoken_of += cmdline.read_bytes()
    for entry in (*folder.glob("domain-*"), *folder.glob("channel/target/domain-*")):
        named = re.fullmatch(rf"domain-\d+-{re.escape(name[:20])}", entry.name)
        if named and f"/{entry.name}/".encode() not in spoken_of:
            shutil.rmtree(entry)


@operation("domain.configure", "give guest {name} {address}", volatile=True)
def configure(name: str, mac: str, address: str, gateway: str, limit: float) -> None:
    """Wait for the guest's agent, set its address, start the far end that proofs and instruments talk to."""
    with connection() as libvirtd:
        domain = domain_named(libvirtd, name)
        if domain is None:
            raise BoardError(f"guest {name} is gone: see its log in /var/log/libvirt/qemu/{name}.log")
        agent = GuestAgent(domain)
        _wait_for(domain, agent, limit)
        found = agent.interfaces()
        nics = [nic["name"] for nic in found if nic["mac"] == mac.lower()]
        if not nics:
            others = ", ".join(f"{nic['name']} ({nic['mac']})" for nic in found if nic["name"] != "lo")
            raise BoardError(
                f"guest {name} has no interface with address {mac}: "
                + (f"it has {others}" if others else "it lacks a driver for it")
            )
        code, out, err = agent.run(["/bin/sh", "-c", CONFIGURE, "sh", nics[0], address, gateway], timeout=20)
        if code:
            raise BoardError(f"guest {name}: cannot set {address} on {nics[0]}: {(err or out).strip()}")
        code, out, err = agent.run(["/bin/sh", "-c", NETSERVER, "sh", str(PORT)], 20)
        if code:
            raise BoardError(f"guest {name}: netserver does not start in it; is netperf installed there?")


def _wait_for(domain: Any, agent: GuestAgent, limit: float) -> None:
    begun = time.monotonic()
    deadline = begun + limit
    while not agent.ping():
        if not domain.isActive():
            raise BoardError(f"guest {domain.name()} went off while booting")
        if time.monotonic() > deadline:
            raise BoardError(f"guest {domain.name()}: no agent answers after {limit:.0f} s")
        # Each question is work for libvirtd and its log, which a guest that is slow to boot could use itself: where
        # nothing but emulation runs both, asking every 20 ms took a third of the board.
        time.sleep(min(max(0.02, (time.monotonic() - begun) / 20), 1.0))


@operation("disk.overlay", "lay {path} over {base}")
def overlay(path: str, base: str) -> None:
    """A copy-on-write layer, so that the user's own disk is never written to: qemu-img(1)."""
    # a distribution's QEMU runs as a user of its own, and is given the file itself by libvirt
    Path(path).parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    done = subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, path],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BoardError(f"cannot lay a disk over {base}: {done.stderr.strip()}")


@operation("disk.remove", "remove {path}")
def remove_disk(path: str) -> None:
    if Path(path).parent != DISKS:
        raise Refusal(f"{path} is not one of this testbed's disks")
    Path(path).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        DISKS.rmdir()
