# SPDX-License-Identifier: Apache-2.0
"""Three local boards on two cables, for tests of Open vSwitch: the switch's own, a peer, and one for a guest.

A function of this process is run on a board by name: a Python of ours runs there and is told which.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import (
    link_ops,
    link_plan,
    local_board,
    path_proof,
    process_ops,
)
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import state as ovs_state
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Step, run_steps
from ansible_collections.netlab.testbed.plugins.modules import daemon, ovs_bridge, ovs_database

ROOT = Path(__file__).resolve().parents[2]
STATE = Path("/var/lib/netlab-testbed")
LIMIT = 30.0  # seconds for one call
UPLINK, GUEST_PORT, TAP = "eth1", "eth2", "nltap1"
MAC = "02:00:00:00:00:02"  # the measured NIC's, and the bridge's
BOARD, PEER, GUEST = "192.0.2.2", "192.0.2.1", "192.0.2.101"


class Board:
    """A local board, and the Python in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        local_board.start(name)
        here, there = socket.socketpair()
        paths = os.pathsep.join([str(ROOT), str(ROOT / ".collections")])
        self._process = subprocess.Popen(
            ["nsenter", "-t", str(local_board.board_pid(name)), "-a", "--", sys.executable, "-m", __name__,
             str(there.fileno())],
            pass_fds=[there.fileno()], env={**os.environ, "PYTHONPATH": paths}, cwd=ROOT,
        )  # fmt: skip
        there.close()
        self._pipe = Connection(here.detach())

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run ``function`` there; give back what it gives, or raise what it raises."""
        self._pipe.send((function, arguments))
        if not self._pipe.poll(LIMIT):
            raise TimeoutError(f"{self.name} does not answer within {LIMIT:.0f} s")
        good, value = self._pipe.recv()
        if not good:
            raise value
        return value

    def close(self) -> None:
        """The kernel takes all that is on it: nothing needs undoing."""
        self._pipe.close()
        local_board.stop(self.name)
        self._process.wait(LIMIT)


def serve(pipe: Connection) -> None:
    # Neighbour discovery would put frames of its own into counters that tests compare.
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1", encoding="ascii")
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1", encoding="ascii")
    with contextlib.suppress(EOFError):
        while True:
            function, arguments = pipe.recv()
            try:
                answer = (True, function(*arguments))
            except Exception as error:  # noqa: BLE001  it is raised again where it was asked for
                answer = (False, error)
            pipe.send(answer)


@contextlib.contextmanager
def boards() -> Iterator[tuple[Board, Board, Board]]:
    """The switch's board, its peer and its guest, with both cables' ends as role datapath_ovs sets them."""
    with contextlib.ExitStack() as stack:
        made = []
        for role in ("dut", "peer", "guest"):
            made.append(Board(f"ovs-{os.getpid()}-{role}"))
            stack.callback(made[-1].close)
        dut, peer, guest = made
        local_board.wire(dut.name, UPLINK, peer.name, "eth1")
        local_board.wire(dut.name, GUEST_PORT, guest.name, "eth1")
        dut.call(run, "ip", "link", "set", UPLINK, "address", MAC)
        for board, address in ((peer, PEER), (guest, GUEST)):
            board.call(run, "ip", "address", "add", f"{address}/24", "dev", "eth1")
            board.call(run, "ethtool", "-K", "eth1", "tx-checksum-ip-generic", "off")
        dut.call(run, "ip", "address", "add", f"{BOARD}/24", "dev", UPLINK)
        peer.call(run, "netserver", "-4", "-L", PEER, "-p", str(path_proof.PORT))
        yield dut, peer, guest


# -- functions that run on a board -----------------------------------------------------------------------


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True).stdout


def bridge(**changes: Any) -> dict[str, Any]:
    """The bridge that the role asks for."""
    return {
        "name": "nlovs0", "datapath_type": "netdev", "fail_mode": "standalone", "mac": MAC, "uplink": UPLINK,
        "ports": [UPLINK, GUEST_PORT, TAP], "addresses": [f"{BOARD}/24"], "up": True, **changes,
    }  # fmt: skip


def start() -> list[str]:
    """Database and daemons; what was done."""
    steps = ovs_database.steps()
    run_steps(steps, Ledger("topology"))
    for wanted in ovs_client.daemons():
        wanted = {"unit": None, "limit": 20.0, **wanted}
        more = daemon.plan(daemon.current(wanted), wanted)
        run_steps(more, Ledger("topology"))
        steps += more
    return [step.says() for step in steps]


def links() -> list[str]:
    wanted = [
        {"name": UPLINK, "addresses": [], "up": True},
        {"name": TAP, "kind": "tap", "up": True},
    ]
    steps = link_plan.plan(link_ops.read(), wanted)
    run_steps(steps, Ledger("topology"))
    return [step.says() for step in steps]


def bridges(wanted: list[dict[str, Any]]) -> list[str]:
    """What the module does, in its own words."""
    steps = ovs_bridge.steps_for(wanted)
    run_steps(steps, Ledger("topology"))
    ovs_bridge.result(wanted)
    return [step.says() for step in steps]


def deploy(*wanted: dict[str, Any]) -> list[str]:
    """As the role does it."""
    return [*start(), *links(), *bridges(list(wanted) or [bridge()])]


def planned(*wanted: dict[str, Any]) -> list[str]:
    """What a run in check mode would say."""
    return [step.says() for step in ovs_bridge.steps_for(list(wanted) or [bridge()], check_mode=True)]


def rollback() -> tuple[list[str], list[str]]:
    return Ledger("topology").rollback()


def kill(*names: str) -> None:
    """As an out-of-memory killer does, waiting until they are gone."""
    for pid in [pid for name in names for pid in process_ops.marked(name)]:
        handle = os.pidfd_open(pid)
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, handle, os.WEXITED)
        os.close(handle)
    for name in names:
        assert not process_ops.marked(name)


def snapshot() -> dict[str, Any]:
    """What a rollback must bring back, to the letter."""
    keys = ("kind", "alias", "mac", "mtu", "master", "up", "promiscuous", "addresses")
    return {
        "links": {name: {key: link[key] for key in keys} for name, link in link_ops.read().items()},
        "rp_filter": {name: ovs_state.rp_filter(name).read_text() for name in link_ops.read()},
        "run": sorted(str(path) for path in Path("/run").rglob("*")),
        # an empty ledger leaves its folder and its lock
        "state": sorted(
            str(path) for path in STATE.rglob("*") if path not in (STATE / "ledger", STATE / "ledger/lock")
        ),
        "daemons": process_ops.marked("ovsdb-server") + process_ops.marked("ovs-vswitchd"),
    }


def transfer(address: str) -> None:
    """TCP both ways, as the proof does it."""
    for direction in path_proof.DIRECTIONS:
        path_proof.transfer(path_proof.on_board, address, direction)


def connects(address: str, limit: float) -> bool:
    try:
        socket.create_connection((address, path_proof.PORT), timeout=limit).close()
    except TimeoutError:
        return False
    return True


_sockets: list[socket.socket] = []


def open_udp(address: str, port: int) -> None:
    _sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    _sockets[-1].bind((address, port))


def send_udp(address: str, port: int, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(count):
            out.sendto(bytes([number]), (address, port))


def receive_udp(last: int, quiet: float) -> list[int]:
    """What came, until the datagram ``last`` and then ``quiet`` seconds without another."""
    came: list[int] = []
    taken = _sockets.pop()
    with taken, contextlib.suppress(TimeoutError):
        while True:
            taken.settimeout(quiet if last in came else LIMIT / 3)
            came += taken.recv(64)
    return came


def write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="ascii")


def steps_of(operation: str) -> list[Step]:
    """The ledger's undo steps of one operation."""
    undos = [Step.from_dict(entry["undo"]) for entry in Ledger("topology").entries() if entry["undo"]]
    return [undo for undo in undos if undo.op == operation]


if __name__ == "__main__":
    # by its own name, so that what is sent is found where it is received
    from tests.integration import ovs_lab

    ovs_lab.serve(Connection(int(sys.argv[1])))
