# SPDX-License-Identifier: Apache-2.0
"""A place where every program has ended already, for tests of the engine and of what instruments can do."""

from __future__ import annotations

from collections.abc import Sequence

# Lines of FILES as Linux 6.1 has them, most left out, and figures that tell the columns apart.
COUNTERS = """\
Ip: Forwarding DefaultTTL InReceives
Ip: 2 64 100
Tcp: RtoAlgorithm RtoMin MaxConn ActiveOpens RetransSegs InErrs
Tcp: 1 200 -1 4 7 0
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors
Udp: 10 0 2 10 1
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors
UdpLite: 9 9 9 9 9
TcpExt: SyncookiesSent TCPTimeouts TCPSpuriousRTOs
TcpExt: 0 3 0
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
0000145a 00000001 00000006 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0000000a 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       4    0    0    0     0          0         0     100       4    0    0    0     0       0          0
  eth0:  343662    5207    1    2    5     0          0         0  365000    5211    3    4    6     0       0          0
Name:	cat
Cpus_allowed:	3
Cpus_allowed_list:	0-1,4
Mems_allowed_list:	0
"""  # noqa: E501  as the kernel prints it

Ended = tuple[int, str, str]


class Done:
    """A program that has ended."""

    fd: int | None = None

    def __init__(self, argv: Sequence[str], ended: Ended | Exception, looks: int) -> None:
        self.argv, self._ended, self.looks = list(argv), ended, looks
        self.killed = 0

    def ended(self) -> Ended | None:
        if isinstance(self._ended, Exception):
            raise self._ended
        return self._ended

    def kill(self) -> None:
        self.killed += 1


class Desk:
    """Every program that is started there ends with the same, or fails in the same way."""

    def __init__(
        self, *ended: Ended | Exception, looks: int = 0, file: bytes = b"", called: str = "desk"
    ) -> None:
        self.results, self.looks, self.file = list(ended), looks, file
        self.name = f"guest {called}"
        self.ran: list[list[str]] = []
        self.programs: list[Done] = []
        self.given: list[str] = []
        self.taken: list[str] = []

    def start(self, argv: Sequence[str]) -> Done:
        result = self.results[min(len(self.ran), len(self.results) - 1)]
        self.ran.append(list(argv))
        self.programs.append(Done(argv, result, self.looks))
        return self.programs[-1]

    def read(self, files: Sequence[str]) -> str:
        return COUNTERS

    def new_file(self, label: str, suffix: str = "") -> str:
        self.given.append(f"/tmp/{label}{suffix}")
        return self.given[-1]

    def take(self, path: str) -> bytes:
        self.taken.append(path)
        return self.file
