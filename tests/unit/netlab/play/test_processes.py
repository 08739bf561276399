# SPDX-License-Identifier: Apache-2.0
"""Processes in sessions of their own are found and killed all the same."""

from __future__ import annotations

import os
import subprocess
import time

from netlab.play import processes


def test_a_session_below_a_session_is_killed() -> None:
    tree = subprocess.Popen(["setsid", "sh", "-c", "setsid sleep 97 & sleep 98 & wait"])
    deadline = time.monotonic() + 10
    while len(below := processes.below(tree.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(below) == 2
    processes.kill_below(tree.pid)
    assert tree.wait(timeout=5) < 0
    while any(pid in processes.parents() for pid in below) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(pid in processes.parents() for pid in below)


def test_a_process_that_has_ended_is_no_error() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait(timeout=5)
    processes.kill_below(ended.pid)


def test_only_what_is_below_is_found() -> None:
    assert os.getpid() in processes.below(os.getppid())
    assert os.getppid() not in processes.below(os.getpid())
