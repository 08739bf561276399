# SPDX-License-Identifier: Apache-2.0
"""Every fault at every moment that is tried. What a moment is called: see hooks/board/fault_gate.py.

What is not tried again, and why:

- kill -9 of netlab and of ansible are tried at each boundary of a deploy's tasks, of a destroy's and of a bench's first
  trial; at those of the second trial, which are the same tasks, one thing in its turn. Of the interrupts (once, twice,
  ten times) one in its turn, in a deploy at half of the boundaries: they differ in how often the rollback is pressed,
  and that is the same rollback of one ledger at boundaries that follow each other.
- Inside each step of a module, on both sides of the change, the module is killed, in every topology. All else that can
  happen there is tried on both sides on the dut of `host` (its peer runs the same modules at the same time, each over
  its own ledger: there the module is killed): whatever it was, what follows reads the ledger, in every topology.
- A destroy of other topologies replays the entries by the same loop, so it is `host` that has all faults at each entry;
  tap with a guest stands for libvirt's undos.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

# Boundaries of tasks, one more than tasks; steps of modules by board, as far as no guest is needed. Counted once, by
# hand: test_every_moment_is_counted looks whether a deploy comes by others, and is part of the whole.
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
WRITES = {"deploy": 4, "destroy": 3}  # of the dut's ledger, for host
BENCH_TRIALS = range(34, 44)  # tasks of a bench of host, from the first that measures to its end
FIRST_TRIAL_ENDS = 40
LINES = 2  # of results, that a bench of our plan writes

INTERRUPTS = ("SIGINT", "SIGINT x2", "SIGINT x10")
KILLS = ("kill -9 netlab", "kill -9 ansible")
SIGNALS = (*KILLS, *INTERRUPTS)
INSIDE = ("kill -9 module", "kill -9 ansible", "kill -9 netlab", "module goes on alone", "SIGINT")
PLACES = ("disk full", "NIC vanishes", "clock steps back", "another deploy")
CUT = "connection cut"  # on boards over SSH
RACES = ("another deploy at once", "a destroy at once", "another deploy at once that waits")
BEFORE_MEASURING = "before Measurement"
WHILE_MEASURING = "while netperf runs"
AT_ONCE = "from the start"
LOCKED_FROM = 6  # the task that takes the boards' locks
SIDES = {"intended": "before a change", "done": "after a change", "torn": "ledger torn"}
SAMPLE = 10
SEED = 5


@dataclass(frozen=True)
class Trial:
    """`command`: deploy, destroy or bench, of `topology`; `guest`: whether one has to run at that moment."""

    fault: str
    command: str
    topology: str
    at: str
    guest: bool = False

    @property
    def moment(self) -> str:
        """As the gate calls it; a line of results is the wrapper's, whatever plays."""
        whole = self.at.startswith(("netlab ", "environment ", "status "))
        return self.at if whole else f"{self.command} {self.at}"

    @property
    def when(self) -> str:
        """A kind of moment."""
        if self.at == AT_ONCE:
            return self.at
        if self.command != "bench":
            return f"{self.command}: {SIDES.get(self.at.rpartition(' ')[2], 'between tasks')}"
        if self.at == WHILE_MEASURING:
            return "bench: in a trial"
        return f"bench: {'writing results' if self.at.startswith('netlab line') else 'between tasks'}"

    @property
    def name(self) -> str:
        return f"{self.fault} @ {self.topology}: {self.command} {self.at}"


def everything() -> list[Trial]:
    """In the order in which they are tried; the slow ones first, so that both workers end at about the same time."""
    return [*_guests(), *_bench(), *_races(), *_cut(), *_host(), *_torn(), *_inside_others()]


def _host() -> Iterator[Trial]:
    for task in range(1, DEPLOY_TASKS + 1):
        for fault in (*KILLS, *INTERRUPTS[task % 6 : task % 6 + 1]):
            yield Trial(fault, "deploy", "host", f"task {task}")
    yield from _inside_host("deploy")
    for task in range(4, DEPLOY_TASKS + 1, 4):
        for fault in PLACES:
            # at the last boundary the boards are given back
            if fault != "another deploy" or LOCKED_FROM < task < DEPLOY_TASKS:
                yield Trial(fault, "deploy", "host", f"task {task}")
    for task in range(1, DEPLOY_TASKS + 1, 5):
        yield Trial("init killed", "deploy", "host", f"task {task}")
    for number in range(1, STEPS["host"]["dut"] + 1):
        for command in ("deploy", "destroy"):
            yield Trial("disk full", command, "host", f"dut step {number} intended")
        yield Trial("init killed", "deploy", "host", f"dut step {number} done")
        yield Trial("NIC vanishes", "destroy", "host", f"dut step {number} intended")
    for task in range(1, DESTROY_TASKS + 1):
        for fault in (*KILLS, INTERRUPTS[task % 3]):
            yield Trial(fault, "destroy", "host", f"task {task}")
    yield from _inside_host("destroy")


def _inside_host(command: str) -> Iterator[Trial]:
    for board, at in _steps("host"):
        for fault in INSIDE if board == "dut" else INSIDE[:1]:
            yield Trial(fault, command, "host", f"{board} {at}")


def _cut() -> Iterator[Trial]:
    """From where the boards are locked: before that, nothing was changed."""
    for task in range(LOCKED_FROM, DEPLOY_TASKS, 3):
        yield Trial(CUT, "deploy", "host", f"task {task}")
    for board, at in _steps("host"):
        if board == "dut":  # whose cable it is
            yield Trial(CUT, "deploy", "host", f"{board} {at}")
    for at in ("task 2", "task 3", "dut step 1 intended", "dut step 1 done", "dut step 2 done"):
        yield Trial(CUT, "destroy", "host", at)
    for at in (WHILE_MEASURING, "netlab line 1 done", "status task 2"):
        yield Trial(CUT, "bench", "host", at)


def _torn() -> Iterator[Trial]:
    """The ledger's file half written."""
    for command, count in WRITES.items():
        for number in range(1, count + 1):
            yield Trial("kill -9 module", command, "host", f"dut write {number} torn")
            yield Trial(INSIDE[1:3][number % 2], command, "host", f"dut write {number} torn")
    yield Trial("kill -9 module", "deploy", "host", "machine write 1 torn")  # that is the locks' file


def _steps(topology: str) -> Iterator[tuple[str, str]]:
    for board, count in STEPS[topology].items():
        for number in range(1, count + 1):
            for side in ("intended", "done"):
                yield board, f"step {number} {side}"


def _inside_others() -> Iterator[Trial]:
    for topology in (name for name in STEPS if name != "host"):
        for board, at in _steps(topology):
            yield Trial("kill -9 module", "deploy", topology, f"{board} {at}")


def _guests() -> Iterator[Trial]:
    yield Trial("guest never answers", "deploy", "tap", "dut step 8 done", guest=True)
    killed = ("libvirtd killed", "libvirtd restarted", "guest killed")
    for fault in (*KILLS, "SIGINT", *killed):
        for at in ("dut step 9 intended", "dut step 9 done"):
            yield Trial(fault, "deploy", "tap", at, guest=True)
    for fault in INTERRUPTS[1:]:
        yield Trial(fault, "deploy", "tap", "dut step 9 done", guest=True)
    for fault in killed:
        yield Trial(fault, "destroy", "tap", "task 2", guest=True)
    for fault in ("libvirtd killed", "kill -9 module", "module goes on alone"):
        for at in ("dut step 1 intended", "dut step 1 done", "dut step 3 intended"):
            yield Trial(fault, "destroy", "tap", at, guest=True)
    yield Trial("guest killed", "destroy", "tap", "dut step 1 intended", guest=True)  # that step ends it
    yield Trial("guest never answers", "destroy", "tap", "dut step 1 intended", guest=True)


def _bench() -> Iterator[Trial]:
    for fault in ("guest killed", "guest never answers", "libvirtd killed", *KILLS, INTERRUPTS[0]):
        yield Trial(fault, "bench", "tap", BEFORE_MEASURING, guest=True)
    for fault in (
        *SIGNALS,
        *("kill -9 module", "instrument killed", "init killed", "NIC vanishes", "clock steps back"),
        *("another deploy", "another bench", "disk full", "results disk full", "results read-only"),
    ):
        yield Trial(fault, "bench", "host", WHILE_MEASURING)
    for task in BENCH_TRIALS:
        yield Trial(SIGNALS[task % 5], "bench", "host", f"task {task}")
        if task <= FIRST_TRIAL_ENDS:
            for fault in (kill for kill in KILLS if kill != SIGNALS[task % 5]):
                yield Trial(fault, "bench", "host", f"task {task}")
    for number in range(1, LINES + 1):
        for side in ("begun", "torn", "done"):
            for fault in ("kill -9 netlab", "results disk full"):
                yield Trial(fault, "bench", "host", f"netlab line {number} {side}")
        for fault in ("kill -9 ansible", INTERRUPTS[number], "clock steps back"):
            yield Trial(fault, "bench", "host", f"netlab line {number} torn")
        for side in ("begun", "done"):
            yield Trial("results read-only", "bench", "host", f"netlab line {number} {side}")
    for fault in ("results disk full", "results read-only"):
        yield Trial(fault, "bench", "host", AT_ONCE)
        yield Trial(fault, "bench", "host", "status task 2")
    for at in ("environment task 5", "status task 2"):
        for fault in (*KILLS, "SIGINT"):
            yield Trial(fault, "bench", "host", at)


def _races() -> Iterator[Trial]:
    for command in ("deploy", "destroy", "bench"):
        for fault in RACES:
            yield Trial(fault, command, "host", AT_ONCE)


# On the emulated board: an interrupt, a killed module and a cut connection around what only there is changed.
SRIOV_STEPS = 12
ON_EMULATED = [
    Trial(fault, "deploy", "sriov", f"dut step {number} done")
    for fault, number in (
        *(("kill -9 module", number) for number in (1, 3, 5, 7)),
        ("kill -9 netlab", 6),
        ("connection cut", 7),
        ("SIGINT", SRIOV_STEPS),
        ("power cut", 8),
    )
]


def sample(trials: list[Trial], count: int = SAMPLE, seed: int = SEED) -> list[Trial]:
    """The same few each time, as different moments as there are, and none that needs a guest."""
    shuffled = [trial for trial in trials if not trial.guest]
    random.Random(seed).shuffle(shuffled)
    chosen = list({trial.when: trial for trial in reversed(shuffled)}.values())[:count]
    chosen += [trial for trial in shuffled if trial not in chosen][: count - len(chosen)]
    return [trial for trial in trials if trial in chosen]
