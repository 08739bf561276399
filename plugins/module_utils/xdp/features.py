# SPDX-License-Identifier: Apache-2.0
"""What a driver can do for XDP, as the kernel says (netdev netlink, since 6.3).

Asked in raw netlink: pyroute2 0.7.2, Debian 12's, does not know this family.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NETLINK_GENERIC = 16
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = (
    16,
    3,
    1,
    2,
)  # linux/genetlink.h
NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, NETDEV_A_DEV_XDP_FEATURES = 1, 1, 3
NETDEV_XDP_ACT_BASIC, NETDEV_XDP_ACT_NDO_XMIT = 1 << 0, 1 << 2

NETLINK_HEADER = struct.Struct("IHHII")
GENERIC_HEADER = struct.Struct("BBH")
ATTRIBUTE_HEADER = struct.Struct("HH")


@dataclass(frozen=True)
class Features:
    """``native``: the driver runs programs itself; ``takes_redirects``: it sends what is redirected to it."""

    native: bool
    takes_redirects: bool


def read_features(ifindex: int) -> Features | None:
    """None where the kernel does not say (before 6.3): there trying tells."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC) as netlink:
        netlink.settimeout(5)
        netlink.bind((0, 0))
        family = _ask(netlink, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, b"netdev\0")
        if CTRL_ATTR_FAMILY_ID not in family:
            return None
        (identity,) = struct.unpack_from("H", family[CTRL_ATTR_FAMILY_ID])
        device = _ask(netlink, identity, NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, struct.pack("I", ifindex))
    if NETDEV_A_DEV_XDP_FEATURES not in device:
        return None
    (bits,) = struct.unpack_from("Q", device[NETDEV_A_DEV_XDP_FEATURES])
    return Features(bool(bits & NETDEV_XDP_ACT_BASIC), bool(bits & NETDEV_XDP_ACT_NDO_XMIT))


def _ask(netlink: socket.socket, family: int, command: int, attribute: int, value: bytes) -> dict[int, bytes]:
    """The answer's attributes; none at all if the kernel does not know what is asked for."""
    padding = bytes(_aligned(len(value)) - len(value))
    body = GENERIC_HEADER.pack(command, 1, 0)
    body += ATTRIBUTE_HEADER.pack(ATTRIBUTE_HEADER.size + len(value), attribute) + value + padding
    netlink.send(NETLINK_HEADER.pack(NETLINK_HEADER.size + len(body), family, NLM_F_REQUEST, 1, 0) + body)
    answer = netlink.recv(65536)
    length, kind, *_rest = NETLINK_HEADER.unpack_from(answer)
    if kind == NLMSG_ERROR:
        return {}
    return dict(_attributes(answer[NETLINK_HEADER.size + GENERIC_HEADER.size : length]))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= ATTRIBUTE_HEADER.size:
        length, kind = ATTRIBUTE_HEADER.unpack_from(data)
        yield kind & 0x3FFF, data[ATTRIBUTE_HEADER.size : length]
        data = data[_aligned(length) :]


def _aligned(length: int) -> int:
    return -(-length // 4) * 4
