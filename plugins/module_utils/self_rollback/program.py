# SPDX-License-Identifier: Apache-2.0
"""The program that waits on the board: see timer.py. Ended by a signal, it leaves everything as it is."""

from __future__ import annotations

import contextlib
import os
import signal
import time

# registers every operation, from a pack that may go later
from ansible_collections.netlab.testbed.plugins.module_utils import all_ops  # noqa: F401
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import SCOPES, Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.self_rollback import timer
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

AGAIN = 5.0  # seconds; where somebody goes on changing the board, or what is said cannot be written


def wait() -> bool:
    """Until the deadline, which may be put off meanwhile; False once there is none any more."""
    while armed := timer.read():
        left = float(armed["deadline"]) - time.monotonic()
        if left <= 0:
            return True
        time.sleep(left)
    return False


def undo() -> bool:
    """Replays the ledgers, and leaves in them what happened. False where the controller came just in time.

    A deployment that is whole was not begun to be changed: it stays.
    """
    topology = Ledger("topology")
    with topology.alone():
        armed = timer.read()
        if armed is None or float(armed["deadline"]) > time.monotonic():
            return False
        if topology.deployment().get("state") in (None, "ready"):
            Ledger(timer.SCOPE).forget("self_rollback.arm")
            timer.clean()
            return True
        for scope in sorted(SCOPES, reverse=True):
            Ledger(scope).rollback()
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        topology.close(rolled_back=now, within_s=armed["within_s"], deploy=armed["deploy"])
        timer.clean()
    return True


def main() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)
    timer.READY.touch(mode=0o600)
    while wait():
        with contextlib.suppress(BoardError):
            if undo():
                return
            continue
        time.sleep(AGAIN)


if __name__ == "__main__":
    main()
