# SPDX-License-Identifier: Apache-2.0
"""Every fault at every moment that is tried. What a moment is called: see hooks/board/fault_gate.py."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

# Boundaries of tasks, one more than tasks; steps of modules by board, as far as no guest is needed. Counted once, by
# hand: a moment that is no longer reached fails its test, but a task more is not tried until it is counted here.
DEPLOY_TASKS = 24
DESTROY_TASKS = 4
STEPS = {
    "host": {"dut": 2, "peer": 2},
    "tap": {"dut": 8},
    "macvtap": {"dut": 5},
    "ovs": {"dut": 14},
    "xdp": {"dut": 9},
    "user": {"dut": 3},
}
SIGNALS = ("kill -9 netlab", "kill -9 ansible", "SIGINT", "SIGINT x2", "SIGINT x10")
INSIDE = ("kill -9 module", "kill -9 ansible", "kill -9 netlab", "module goes on alone", "SIGINT")
PLACES = ("disk full", "NIC vanishes", "clock steps back", "another deploy")
SAMPLE = 8
SEED = 5


@dataclass(frozen=True)
class Trial:
    """`command`: deploy or destroy, of `topology`; `guest`: whether one has to run at that moment."""

    fault: str
    command: str
    topology: str
    at: str
    guest: bool = False

    @property
    def moment(self) -> str:
        return f"{self.command} {self.at}"

    @property
    def name(self) -> str:
        return f"{self.fault} @ {self.topology}: {self.moment}"


def everything() -> list[Trial]:
    """In the order in which they are tried: what leaves boards as another one wants them comes together."""
    return [*_host(), *_inside_others(), *_guests()]


def _host() -> Iterator[Trial]:
    for task in range(1, DEPLOY_TASKS + 1):
        for fault in SIGNALS:
            yield Trial(fault, "deploy", "host", f"task {task}")
    for task in range(1, DESTROY_TASKS + 1):
        for fault in SIGNALS:
            yield Trial(fault, "destroy", "host", f"task {task}")
    for board, at in _steps("host"):
        for fault in INSIDE:
            yield Trial(fault, "deploy", "host", f"{board} {at}")
            yield Trial(fault, "destroy", "host", f"{board} {at}")
    for task in range(4, DEPLOY_TASKS + 1, 4):
        for fault in PLACES:
            if fault != "another deploy" or task > LOCKED_FROM:
                yield Trial(fault, "deploy", "host", f"task {task}")
    for task in range(1, DEPLOY_TASKS + 1, 5):
        yield Trial("init killed", "deploy", "host", f"task {task}")


LOCKED_FROM = 6  # the task that takes the boards' locks


def _steps(topology: str) -> Iterator[tuple[str, str]]:
    for board, count in STEPS[topology].items():
        for number in range(1, count + 1):
            for side in ("intended", "done"):
                yield board, f"step {number} {side}"


def _inside_others() -> Iterator[Trial]:
    """The module is killed at each moment, and one other thing happens there, each in its turn."""
    turn = 0
    for topology in (name for name in STEPS if name != "host"):
        for board, at in _steps(topology):
            yield Trial("kill -9 module", "deploy", topology, f"{board} {at}")
            yield Trial(INSIDE[1:][turn % 4], "deploy", topology, f"{board} {at}")
            turn += 1


def _guests() -> Iterator[Trial]:
    for fault in (*SIGNALS, "libvirtd killed", "guest killed"):
        for at in ("dut step 9 intended", "dut step 9 done"):
            yield Trial(fault, "deploy", "tap", at, guest=True)
        yield Trial(fault, "destroy", "tap", "task 4", guest=True)
    for fault in ("libvirtd killed", "guest killed", "kill -9 module", "module goes on alone"):
        for at in ("dut step 1 intended", "dut step 1 done", "dut step 3 intended"):
            yield Trial(fault, "destroy", "tap", at, guest=True)


def sample(trials: list[Trial], count: int = SAMPLE, seed: int = SEED) -> list[Trial]:
    """The same few each time, none that needs a guest."""
    chosen = set(random.Random(seed).sample([trial for trial in trials if not trial.guest], count))
    return [trial for trial in trials if trial in chosen]
