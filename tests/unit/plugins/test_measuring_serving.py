# SPDX-License-Identifier: Apache-2.0
"""Servers in guests are known by their sockets, started once, and waited for."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import process_ops
from ansible_collections.netlab.testbed.plugins.module_utils.measuring import serving
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Server
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.on_board import OnBoard
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.serving import listens, serve
from tests.unit.plugins.desk import Desk, Done

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:3242 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 9973 1
   1: 6614A8C0:0840 0114A8C0:E1F2 01 00000000:00000000 00:00000000 00000000     0        0 9974 1
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:2B67 00000000000000000000000000000000:0000 0A 00000000:00000000
"""


@pytest.mark.parametrize(
    ("transport", "port", "found"),
    [("tcp", 12866, True), ("tcp", 11111, True), ("tcp", 2112, False), ("udp", 12866, False)],
)
def test_a_socket_without_a_peer_listens(transport: str, port: int, found: bool) -> None:
    assert listens(TCP, transport, port) is found


class Guest(Desk):
    """A guest whose server listens once it was started, unless it ends."""

    def __init__(self, works: bool = True) -> None:
        super().__init__((1, "", "address in use"))
        self.works = works

    def start(self, argv: Sequence[str]) -> Done:
        program = super().start(argv)
        if self.works:
            program.ended = lambda: None  # type: ignore[method-assign]
        return program

    def read(self, files: Sequence[str]) -> str:
        return TCP if self.works and self.ran else ""


SERVERS = [Server(["netserver", "-D"], "tcp")]


def test_it_is_started_once() -> None:
    guest = Guest()
    assert serve(guest, SERVERS, 12866, check_mode=False)
    assert guest.ran == [[*serving.QUIET, "netserver", "-D"]]
    assert not serve(guest, SERVERS, 12866, check_mode=False)
    assert len(guest.ran) == 1


def test_check_mode_starts_nothing() -> None:
    guest = Guest()
    assert serve(guest, SERVERS, 12866, check_mode=True)
    assert guest.ran == []


def test_one_that_ends_is_an_error_in_its_own_words() -> None:
    with pytest.raises(MeasurementError, match='netserver ended before it listened: "address in use"'):
        serve(Guest(works=False), SERVERS, 12866, check_mode=False)


def test_one_that_never_listens_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LIMIT_S", 0.2)
    with pytest.raises(MeasurementError, match="sleep does not listen at udp port 9"):
        serve(OnBoard(), [Server(["sleep", "20"], "udp")], 9, check_mode=False)


def test_a_real_server_over_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert process_ops.answers(f"udp:127.0.0.1:{port}")
        assert not process_ops.answers(f"udp:127.0.0.2:{port}")
    assert not process_ops.answers(f"udp:127.0.0.1:{port}")
    script = (
        "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        f"s.bind(('127.0.0.1', {port})); time.sleep(3)"
    )
    assert serve(OnBoard(), [Server([sys.executable, "-c", script], "udp")], port, check_mode=False)
    assert process_ops.answers(f"udp:127.0.0.1:{port}")
