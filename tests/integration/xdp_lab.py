# SPDX-License-Identifier: Apache-2.0
"""A board, a peer and two guests made of network namespaces, for tests of the XDP bridge.

Each is a forked process that has entered namespaces of its own and runs what it is asked to: a function of
this process, called there. When it ends, the kernel removes its interfaces and mounts with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import multiprocessing
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
ETH_P_ALL = 0x0003
LIMIT_S = 20.0

UPLINK, VETH_PORT, TAP_PORT = "eth1", "nlveth1", "nltap1"
ADDRESSES = {"board": "192.0.2.1", "peer": "192.0.2.2", "guest1": "192.0.2.11", "guest2": "192.0.2.12"}
BROADCAST = "ff:ff:ff:ff:ff:ff"

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _enter_namespaces() -> None:
    """A network of its own, and a view of /sys that shows it."""
    _checked(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    _checked(_libc.unshare(CLONE_NEWNET | CLONE_NEWNS))
    _checked(_libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    _checked(_libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None))
    # Neighbour discovery would put frames of its own into counters that tests compare.
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1", encoding="ascii")


def _serve(pipe: Connection) -> None:
    _enter_namespaces()
    pipe.send((True, None))
    with contextlib.suppress(EOFError):
        while True:
            function, arguments = pipe.recv()
            try:
                pipe.send((True, function(*arguments)))
            except Exception as error:  # noqa: BLE001  it is raised again where it was asked for
                pipe.send((False, error))


class Station:
    """One machine of the lab."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end,), daemon=True)
        self._process.start()
        far_end.close()
        self._answer()

    def _answer(self) -> Any:
        if not self._pipe.poll(LIMIT_S):
            raise TimeoutError(f"no answer within {LIMIT_S} s")
        good, value = self._pipe.recv()
        if not good:
            raise value
        return value

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ask(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have it begin; ``answer`` waits."""
        self._pipe.send((function, arguments))

    def answer(self) -> Any:
        return self._answer()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run ``function`` there and give back what it gives, or raise what it raises."""
        self.ask(function, *arguments)
        return self._answer()

    def close(self) -> None:
        """The kernel tears it down: whatever was done in there needs no undoing."""
        self._pipe.close()
        self._process.kill()
        self._process.join(LIMIT_S)


# -- functions that run on a station ---------------------------------------------------------------------


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise AssertionError(f"{command}: {done.stderr}")
    return done.stdout


def ip_json(*arguments: str) -> Any:
    return json.loads(run("ip", "-json", *arguments))


def prepare_end(name: str, address: str | None) -> None:
    """One end of a cable: computing its checksums itself, and receiving by NAPI.

    NAPI comes with GRO, and only GRO that is switched on while the end is up tells the far end of it.
    """
    run("ip", "link", "set", name, "up")
    run("ethtool", "-K", name, "tx-checksumming", "off", "gro", "on")
    if address:
        run("ip", "address", "add", f"{address}/24", "dev", name)


_held_taps: list[int] = []


def open_tap(name: str, address: str | None = None) -> None:
    """A tap that is there as long as this station; its other side is driven by ``pump``."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    _held_taps.append(tap)
    run("ip", "link", "set", name, "up")
    if address:
        run("ip", "address", "add", f"{address}/24", "dev", name)


def held_tap() -> int:
    return _held_taps[-1]


_sniffers: dict[str, socket.socket] = {}


def listen(name: str) -> None:
    """Collect every frame that comes in on this interface from now on."""
    if name in _sniffers:
        _sniffers.pop(name).close()
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sniffer.bind((name, ETH_P_ALL))
    _sniffers[name] = sniffer


def heard(name: str, token: bytes, limit: float) -> bool:
    """Whether a frame with this content came in, or comes in within ``limit`` seconds."""
    sniffer = _sniffers[name]
    deadline = time.monotonic() + limit
    while (left := deadline - time.monotonic()) > 0 or select.select([sniffer], [], [], 0)[0]:
        if not select.select([sniffer], [], [], max(0.0, left))[0]:
            break
        frame, (_name, _protocol, kind, *_rest) = sniffer.recvfrom(65535)
        if kind != socket.PACKET_OUTGOING and token in frame:
            return True
    return False


def send_frame(name: str, destination: str, source: str, payload: bytes, protocol: int = 0x88B5) -> None:
    """0x88b5: IEEE 802 local experimental, which no stack answers."""
    header = bytes.fromhex(destination.replace(":", "")) + bytes.fromhex(source.replace(":", ""))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((name, 0))
        out.send(header + protocol.to_bytes(2, "big") + payload.ljust(46, b"\0"))


def tcp_server(port: int, size: int) -> int:
    """Take one connection, read ``size`` bytes, send them back; how many came."""
    with socket.create_server(("0.0.0.0", port)) as server:
        server.settimeout(LIMIT_S / 2)
        connection, _peer = server.accept()
        with connection:
            connection.settimeout(LIMIT_S / 2)
            received = bytearray()
            while len(received) < size and (chunk := connection.recv(65536)):
                received += chunk
            connection.sendall(received)
            return len(received)


def tcp_client(address: str, port: int, size: int) -> bool:
    """Send ``size`` bytes and read them back; whether they are the same."""
    sent = os.urandom(size)
    deadline = time.monotonic() + LIMIT_S / 2
    while True:
        try:
            connection = socket.create_connection((address, port), timeout=LIMIT_S / 2)
            break
        except ConnectionRefusedError:  # the server is not there yet
            if time.monotonic() > deadline:
                raise
    with connection:
        writer = threading.Thread(target=connection.sendall, args=(sent,))
        writer.start()
        received = bytearray()
        while len(received) < size and (chunk := connection.recv(65536)):
            received += chunk
        writer.join()
    return bytes(received) == sent


# -- the lab ---------------------------------------------------------------------------------------------


class Lab:
    """``board`` has UPLINK (to ``peer``), VETH_PORT (to ``guest1``) and TAP_PORT (to ``guest2``)."""

    def __init__(self) -> None:
        self.board, self.peer, self.guest1, self.guest2 = (Station() for _ in range(4))
        self._cable(UPLINK, self.peer)
        self._cable(VETH_PORT, self.guest1)
        self.board.call(prepare_end, UPLINK, ADDRESSES["board"])
        self.board.call(prepare_end, VETH_PORT, None)
        self.peer.call(prepare_end, "eth0", ADDRESSES["peer"])
        self.guest1.call(prepare_end, "eth0", ADDRESSES["guest1"])
        self.board.call(open_tap, TAP_PORT)
        self.guest2.call(open_tap, "eth0", ADDRESSES["guest2"])
        self._stop_pump, self._pump = self._connect_taps()
        stations = (self.peer, self.guest1, self.guest2)
        self.macs = [station.call(mac_of, "eth0") for station in stations]

    def _cable(self, name: str, far: Station) -> None:
        self.board.call(
            run, "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(far.pid)
        )

    def _connect_taps(self) -> tuple[int, threading.Thread]:
        """Copy frames between the board's tap and the guest's: QEMU's part in a real guest."""
        ends = [_borrow(self.board.pid, self.board.call(held_tap))]
        ends.append(_borrow(self.guest2.pid, self.guest2.call(held_tap)))
        stopped, stop = os.pipe()
        thread = threading.Thread(target=_copy_frames, args=(*ends, stopped), daemon=True)
        thread.start()
        return stop, thread

    def tcp(self, client: Station, server: Station, address: str, size: int = 300_000) -> bool:
        """``size`` bytes from client to server and back."""
        server.ask(tcp_server, 5201, size)
        try:
            return bool(client.call(tcp_client, address, 5201, size))
        finally:
            assert server.answer() == size

    def close(self) -> None:
        os.write(self._stop_pump, b"x")
        self._pump.join(LIMIT_S)
        os.close(self._stop_pump)
        for station in (self.board, self.peer, self.guest1, self.guest2):
            station.close()


def mac_of(name: str) -> str:
    return str(ip_json("link", "show", "dev", name)[0]["address"])


def _borrow(pid: int, descriptor: int) -> int:
    """The same open file as another process has (pidfd_getfd(2), number 438 on every architecture)."""
    process = os.pidfd_open(pid)
    try:
        borrowed = _libc.syscall(438, process, descriptor, 0)
        if borrowed < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return int(borrowed)
    finally:
        os.close(process)


def _copy_frames(one: int, other: int, stopped: int) -> None:
    across = {one: other, other: one}
    while True:
        ready, _, _ = select.select([one, other, stopped], [], [])
        if stopped in ready:
            break
        for end in ready:
            with contextlib.suppress(BlockingIOError):
                os.write(across[end], os.read(end, 65535))
    for end in (one, other, stopped):
        os.close(end)


@contextlib.contextmanager
def lab() -> Iterator[Lab]:
    built = Lab()
    try:
        yield built
    finally:
        built.close()
