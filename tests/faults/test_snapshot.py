# SPDX-License-Identifier: Apache-2.0
"""The look at a board sees each kind of thing that a deploy could leave behind: what finds nothing proves nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.faults import snapshot

pytestmark = [pytest.mark.root, pytest.mark.needs("tini", "nsenter", "ethtool", "bpftool", "ovs-vsctl")]

# what is seen: a change, and what undoes it
CHANGES = {
    "links": ("ip link set eth1 mtu 1400", "ip link set eth1 mtu 1500"),
    "links: alias": ("ip link set eth1 alias netlab-testbed", "ip link set eth1 alias ''"),
    "links: one more": ("ip link add nlbr0 type bridge", "ip link delete nlbr0"),
    "addresses": ("ip address add 192.0.2.9/24 dev eth1", "ip address delete 192.0.2.9/24 dev eth1"),
    "addresses: IPv6": (
        "ip address add 2001:db8::9/64 dev eth1",
        "ip address delete 2001:db8::9/64 dev eth1",
    ),
    "groups": (
        "ip maddress add 01:00:5e:01:02:03 dev eth1",
        "ip maddress delete 01:00:5e:01:02:03 dev eth1",
    ),
    "routes": ("ip route add 198.51.100.0/24 dev eth1", "ip route delete 198.51.100.0/24 dev eth1"),
    "routes of IPv6": ("ip route add 2001:db8:9::/64 dev eth1", "ip route delete 2001:db8:9::/64 dev eth1"),
    "rules": ("ip rule add to 198.51.100.1 table 7", "ip rule delete to 198.51.100.1 table 7"),
    "neighbours": (
        "ip neighbour add 192.0.2.8 lladdr 02:00:00:00:00:08 dev eth1",
        "ip neighbour delete 192.0.2.8 dev eth1",
    ),
    "taps": ("ip tuntap add nltap1 mode tap", "ip tuntap delete nltap1 mode tap"),
    "namespaces": (
        "ip netns add left",
        "ip netns delete left; umount /run/netns 2>/dev/null; rmdir /run/netns 2>/dev/null",
    ),
    "queues": (
        "tc qdisc add dev eth1 root pfifo limit 7",
        "tc qdisc delete dev eth1 root",
    ),
    "filters": (
        "tc qdisc add dev eth1 clsact && tc filter add dev eth1 ingress protocol ip u32 match u32 0 0 flowid 1:1",
        "tc qdisc delete dev eth1 clsact",
    ),
    "offloads": ("ethtool -K eth1 gro on tx off", "ethtool -K eth1 gro off tx on"),
    "NIC settings": ("ethtool -L eth1 rx 2", "ethtool -L eth1 rx 1"),
    "kernel settings": ("sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.ipv4.ip_forward=0"),
    "pins": ("mkdir /sys/fs/bpf/netlab-testbed", "rmdir /sys/fs/bpf/netlab-testbed"),
    "mounts": ("mount -t tmpfs left /mnt", "umount /mnt"),
    "programs": (
        "setsid sleep 987 >/dev/null 2>&1 & echo $! > /dev/shm/pid",
        'kill "$(cat /dev/shm/pid)"; while [ -e "/proc/$(cat /dev/shm/pid)" ]; do :; done; rm /dev/shm/pid',
    ),
    "devices": ("mknod /dev/left c 10 232", "rm /dev/left"),
    "files": ("touch /run/left.pid", "rm /run/left.pid"),
    "files: of a guest": ("touch /etc/libvirt/qemu/left.xml", "rm /etc/libvirt/qemu/left.xml"),
}


@pytest.fixture(scope="module")
def board() -> Iterator[str]:
    name = f"s{os.getpid() % 100000}"
    local_board.start(name)
    for nic in snapshot.NICS.split():
        local_board.run_in_board(
            name, ["ip", "link", "add", nic, "type", "veth", "peer", "name", f"far-{nic}"]
        )
        local_board.run_in_board(name, ["ip", "link", "set", nic, "up"])
        local_board.run_in_board(name, ["ip", "link", "set", f"far-{nic}", "up"])
        local_board.run_in_board(name, ["ethtool", "-K", nic, "gro", "off"])
    yield name
    local_board.stop(name)


@pytest.mark.parametrize("kind", CHANGES)
def test_it_is_seen_and_no_more_once_undone(board: str, kind: str) -> None:
    pid = local_board.board_pid(board)
    assert pid is not None
    change, undo = CHANGES[kind]
    before = snapshot.of_board(pid)
    local_board.run_in_board(board, ["sh", "-c", change])
    try:
        found = snapshot.differences(before, snapshot.of_board(pid))
    finally:
        local_board.run_in_board(board, ["sh", "-c", f"{undo}; true"])
    assert any(line.startswith(f"{kind.partition(':')[0]}: ") for line in found), found
    assert snapshot.differences(before, snapshot.of_board(pid)) == []


def test_every_question_has_an_answer(board: str) -> None:
    """Those that no change above is about answer at all: a program that is missing tells nothing either."""
    pid = local_board.board_pid(board)
    assert pid is not None
    seen = snapshot.of_board(pid)
    assert set(seen) == set(snapshot.READERS)
    assert any("xdp" in line for line in seen["programs in the network"])
