# SPDX-License-Identifier: Apache-2.0
"""An instrument's server in a guest, for flows from other guests. It ends with the guest, which is ours.

A server is known by its socket: nobody else's programs run in a guest that is built here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Server
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place

LIMIT_S = 20.0
LOOK_S = 0.05
ANYWHERE = "0.0.0.0"  # noqa: S104  a guest has the measured NIC only
LISTENING = {"tcp": "0A", "udp": "07"}  # states of a socket without a peer, include/net/tcp_states.h
# Output nobody reads would be kept by the agent for as long as the guest lives.
QUIET = ["sh", "-c", 'exec "$@" >/dev/null', "sh"]


def listens(text: str, transport: str, port: int) -> bool:
    """Whether /proc/net/tcp, udp, tcp6 or udp6 lists such a socket (proc_net_tcp.txt: address, state). Pure."""
    for line in text.splitlines():
        words = line.split()
        if len(words) > 3 and words[1].endswith(f":{port:04X}") and words[3] == LISTENING[transport]:
            return True
    return False


def _there(place: Place, server: Server, port: int) -> bool:
    files = [f"/proc/net/{server.transport}{family}" for family in ("", "6")]
    return listens(place.read(files), server.transport, port)


def serve(place: Place, servers: Sequence[Server], port: int, check_mode: bool) -> bool:
    """See that all listen; whether any had to be started. MeasurementError where one does not get there."""
    missing = [server for server in servers if not _there(place, server, port)]
    if check_mode:
        return bool(missing)
    programs = [place.start([*QUIET, *server.argv]) for server in missing]
    deadline = time.monotonic() + LIMIT_S
    for server, program in zip(missing, programs, strict=True):
        while not _there(place, server, port):
            ended = program.ended()
            if ended is not None:
                said = quote((ended[2] or ended[1]).strip() or f"status {ended[0]}")
                raise MeasurementError(f"{place.name}: {server.argv[0]} ended before it listened: {said}")
            if time.monotonic() > deadline:
                program.kill()
                raise MeasurementError(
                    f"{place.name}: {server.argv[0]} does not listen at {server.transport} port {port}"
                )
            time.sleep(LOOK_S)
    return bool(missing)
