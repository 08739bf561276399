# SPDX-License-Identifier: Apache-2.0
"""The measured cable of an emulated board: a tap that is the peer's own NIC, its other end held by QEMU.

The tap is born in the peer's network namespace, under the name that the inventory gives to the peer's measured NIC;
what the peer sends through it, the emulated NIC receives. It goes when QEMU ends, or with the peer.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.machine import mac_address
from ansible_collections.netlab.testbed.plugins.module_utils.local_board import board_pid, run_in_board
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

# linux/if_tun.h, linux/sched.h
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
CLONE_NEWNET = 0x40000000


@contextmanager
def _network_of(pid: int) -> Iterator[None]:
    """This thread in the network namespace of a process: setns(2), which Python has from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as own, open(f"/proc/{pid}/ns/net", "rb") as other:
        if libc.setns(other.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns to the network of process {pid}")
        try:
            yield
        finally:
            if libc.setns(own.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns back")


def open_tap(board: str, interface: str) -> int:
    """A descriptor of a new tap on a local board, which is up; the caller closes it. BoardError where it cannot be."""
    pid = board_pid(board)
    if pid is None:
        raise BoardError(f"local board {board} is not up, and a cable ends there")
    try:
        with _network_of(pid):
            # a tap belongs to the network in which the device was opened
            descriptor = os.open("/dev/net/tun", os.O_RDWR)
            try:
                flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
                fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", interface.encode(), flags))
            except OSError:
                os.close(descriptor)
                raise
    except OSError as error:
        raise BoardError(f"cannot make {interface} of local board {board} a cable's end: {error}") from error
    # always the same: the peer keeps its address when the emulated board is switched off and on
    run_in_board(board, ["ip", "link", "set", interface, "address", mac_address(board, interface), "up"])
    return descriptor
