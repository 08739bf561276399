# SPDX-License-Identifier: Apache-2.0
"""Two boards that stay, as boards over SSH do, so that what `netlab destroy` undoes is undone by their ledgers alone.

They are local boards which the inventory does not call so: no play makes or removes them. `made` is the other
inventory, of the same names, whose boards are made by a deploy and go with a destroy.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from tests.faults import snapshot
from tests.faults.watch import Watch

ROOT = Path(__file__).resolve().parents[2]
HOOKS = Path(__file__).resolve().parent / "hooks"
LOCKS = Path("/var/lib/netlab-testbed-locks")
LIMIT = 240.0  # seconds for one command of netlab
POLL = 0.01
SETTLES = 3.0  # seconds until what ends by itself has ended

INVENTORY = """\
all:
  hosts:
    localhost: {{ansible_connection: local}}
  vars:
    ansible_python_interpreter: {python}
    ansible_python3_interpreter: {python} # of modules that name python3 in their first line
    ansible_connection: netlab.testbed.local_board
    board_package_host: localhost
  children:
    duts: {{hosts: {{{dut}: {{board_nic: eth1, board_address: 192.168.20.2/24}}}}}}
    peers: {{hosts: {{{peer}: {{board_nic: eth1, board_address: 192.168.20.1/24}}}}}}
"""
# A guest that never answers is not waited for as long as a slow one.
IMPATIENT = 15  # seconds; one that does answer needs 4 on a quiet machine
PLAN = """\
name: faults
topologies: [{topology}]
blocks: 1
aa_pair: false
warm_up_s: 0
quiet: {{wait_s: 0}}
instruments:
  - name: netperf
    parameters: {{test: TCP_RR, duration_s: 1}}
  - name: netperf
    parameters: {{test: UDP_RR, duration_s: 1}}
"""
MADE = """\
    local_boards:
      hosts: {{{dut}: {{}}, {peer}: {{}}}}
      vars:
        local_board_cables: [{{{dut}: eth1, {peer}: eth1}}]
"""


class Lost(AssertionError):
    """A fault that was not survived."""


def until(what: str, condition: Callable[[], object], limit: float = LIMIT) -> None:
    """Waits until it is so; Lost if it never is."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise Lost(f"{what}: not within {limit:.0f} s")
        time.sleep(POLL)


def environments() -> Iterator[tuple[int, bytes]]:
    """Of every process."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            yield int(environment.parent.name), environment.read_bytes()


def mount(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=10)


class Lab:
    """One worker's boards, inventories and folders."""

    def __init__(self, name: str) -> None:
        self.name, self.dut, self.peer = name, f"{name}dut", f"{name}peer"
        self.folder = Path(tempfile.mkdtemp(prefix=f"netlab-faults-{name}-"))
        self.gate = self.folder / "gate"
        self.stays, self.made = self.folder / "stays.yml", self.folder / "made.yml"
        words = {"python": HOOKS / "board" / "python3", "dut": self.dut, "peer": self.peer}
        self.words = words
        self.impatience(None)
        self.carries: str | None = (
            None  # what the standing boards carry; "" if they are as new, None if nobody knows
        )
        self.results = self.folder / "results"
        self.results.mkdir()
        self.before: dict[str, dict[str, set[str]]] = {}
        self.watch = Watch()
        self.clear()

    def impatience(self, seconds: int | None) -> None:
        """How long a guest may take to answer; None: as long as usual."""
        limit = "" if seconds is None else f"    guest_boot_limit_s: {seconds}\n"
        text = INVENTORY.replace("  children:\n", f"{limit}  children:\n")
        self.stays.write_text(text.format(**self.words), encoding="utf-8")
        self.made.write_text((text + MADE).format(**self.words), encoding="utf-8")

    # -- boards ----------------------------------------------------------------------------------------

    def pid(self, board: str) -> int:
        found = local_board.board_pid(board)
        if found is None:
            raise Lost(f"board {board} is not up")
        return found

    @staticmethod
    def is_up(board: str) -> bool:
        return local_board.board_pid(board) is not None

    def inside(self, board: str, *argv: str) -> str:
        return local_board.run_in_board(board, list(argv))

    def raise_boards(self) -> None:
        """New boards, and a look at them before anybody changed anything."""
        self.remove_boards()
        self.make()
        self.before = self.look()
        self.watch.boards = {board: self.pid(board) for board in (self.dut, self.peer)}
        self.carries = ""

    def make(self) -> None:
        for board in (self.dut, self.peer):
            local_board.start(board)
        for link in ("eth1", "mgmt0"):  # the measured cable, and the one that nobody may touch
            local_board.wire(self.dut, link, self.peer, link)
        for board, address in ((self.dut, "192.0.2.2/24"), (self.peer, "192.0.2.1/24")):
            self.inside(board, "ip", "address", "add", address, "dev", "mgmt0")
            # a size that can be made smaller, and given back
            self.inside(board, "mount", "-o", "remount,size=16m", "/var/lib/netlab-testbed")

    def remove_boards(self) -> None:
        self.watch.boards = {}
        for board in (self.dut, self.peer):
            local_board.stop(board)

    def look(self) -> dict[str, dict[str, set[str]]]:
        return {board: snapshot.of_board(self.pid(board)) for board in (self.dut, self.peer)}

    def left(self) -> list[str]:
        """What is not as it was before the first change, on the boards and on the machine that keeps their locks.

        Somebody who is ending is waited for: a process that nobody holds any more, an address on its way.
        """
        end = time.monotonic() + SETTLES
        while found := [line for line in self._differences() if not self.explained(line)]:
            if time.monotonic() > end:
                break
            time.sleep(0.1)
        return found

    def explained(self, difference: str) -> bool:
        """Whether that is none of netlab's."""
        return False

    def _differences(self) -> Iterator[str]:
        yield from self._left_on_boards()
        yield from self._left_here()

    def _left_on_boards(self) -> Iterator[str]:
        for board, then in self.before.items():
            for difference in snapshot.differences(then, snapshot.of_board(self.pid(board))):
                yield f"{board}: {difference}"

    def _left_here(self) -> Iterator[str]:
        for board in (self.dut, self.peer):
            if self.locked(board):
                yield f"lock of {board}"
        for pid, environment in environments():
            if f"ANSIBLE_FAULTS={self.folder}".encode() in environment:
                words = (
                    Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
                yield f"process {pid}: {words}"

    def locked(self, board: str) -> bool:
        return bool(list(LOCKS.glob(f"board-{board}.json*")))

    # -- commands --------------------------------------------------------------------------------------

    def start(self, *words: str, inventory: Path | None = None) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{HOOKS / 'board'}",
            "ANSIBLE_FAULTS": str(self.gate),
            "ANSIBLE_CALLBACK_PLUGINS": str(HOOKS / "callback"),
            "NETLAB_LOGS": str(self.folder / "logs"),
            "NETLAB_RESULTS": str(self.results),
            "TMPDIR": str(self.scratch),
            "NO_COLOR": "1",
        }
        return subprocess.Popen(
            self.argv(*words, inventory=inventory or self.stays),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )

    def argv(self, *words: str, inventory: Path) -> list[str]:
        return [sys.executable, "-m", "netlab", *words, "-i", str(inventory)]

    def end(self, program: subprocess.Popen[str]) -> tuple[int, str]:
        """Its status and all that it said."""
        try:
            said, _ = program.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            program.kill()
            program.communicate()
            raise Lost(f"the command did not end within {LIMIT:.0f} s") from None
        if "Traceback (most recent call last)" in said:
            raise Lost(f"a traceback:\n{said[-3000:]}")
        return program.returncode, said

    def call(self, *words: str, inventory: Path | None = None, allowed: tuple[int, ...] = (0,)) -> str:
        """A command that has to succeed, with nobody in its way; what it said."""
        self.clear()
        status, said = self.end(self.start(*words, inventory=inventory))
        if status not in allowed:
            raise Lost(f"netlab {' '.join(words)} ended with {status}:\n{said[-3000:]}")
        return said

    def beside(self, *words: str) -> tuple[int, str]:
        """Another command, whom nobody stops, while one of ours goes on."""
        gate, self.gate = self.gate, self.folder / "gate of the other"
        try:
            self.clear()
            return self.end(self.start(*words))
        finally:
            self.gate = gate

    def plan(self, topology: str) -> str:
        """The path of a small plan."""
        path = self.folder / "plan.yml"
        path.write_text(PLAN.format(topology=topology), encoding="utf-8")
        return str(path)

    # -- results ---------------------------------------------------------------------------------------

    def no_results(self) -> None:
        self._unmount_results()
        shutil.rmtree(self.results)
        self.results.mkdir()

    def _unmount_results(self) -> None:
        place = f" {self.results} "
        while place in Path("/proc/self/mountinfo").read_text(encoding="utf-8"):
            mount("umount", "--lazy", str(self.results))

    def small_results(self) -> None:
        """A disk of their own, which can be filled."""
        mount("mount", "-t", "tmpfs", "-o", "size=1m", "faults", str(self.results))

    def results_may_be_written(self, may: bool) -> None:
        """By a mount that refuses, as root passes over a folder's mode; a file that is open already stays so."""
        if may:
            mount("umount", "--lazy", str(self.results))
        else:
            mount("mount", "--bind", str(self.results), str(self.results))
            mount("mount", "-o", "remount,bind,ro", str(self.results))

    # -- moments ---------------------------------------------------------------------------------------

    @property
    def scratch(self) -> Path:
        folder = self.folder / "tmp"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def clear(self) -> None:
        """Nobody is to stop anywhere. Who goes on alone may be writing to the gate at this moment."""
        old = self.folder / "gate of before"
        shutil.rmtree(old, ignore_errors=True)
        with suppress(FileNotFoundError):
            self.gate.rename(old)
        self.gate.mkdir(mode=0o700)
        shutil.rmtree(old, ignore_errors=True)

    def arm(self, moment: str) -> None:
        """The next who comes by this moment stops there."""
        self.clear()
        (self.gate / "wanted").write_text(moment, encoding="utf-8")

    def reach(self, moment: str, program: subprocess.Popen[str]) -> int:
        """Waits until somebody has; the pid of that process as this machine has it."""
        reached = self.gate / "reached"
        until(moment, lambda: reached.exists() or program.poll() is not None)
        if not reached.exists():
            _, said = self.end(program)
            raise Lost(f"{moment} was never reached:\n{said[-3000:]}")
        told = json.loads(reached.read_text(encoding="utf-8"))
        return self._outside(told["pid"], told["space"])

    def _outside(self, inner: int, space: str) -> int:
        """A process of a board has another number here: NSpid of proc_pid_status(5), and the mark of our gate."""
        mark = f"ANSIBLE_FAULTS={self.gate}".encode()
        for pid, environment in environments():
            if mark not in environment:
                continue
            with suppress(OSError, StopIteration):
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
                numbers = next(line for line in status.splitlines() if line.startswith("NSpid:"))
                if int(numbers.split()[-1]) == inner and str(Path(f"/proc/{pid}/ns/pid").readlink()) == space:
                    return pid
        raise Lost(f"nobody has the pid {inner} in {space}")

    def module(self, board: str) -> int | None:
        """The pid of a module that runs on a board now."""
        here = Path(f"/proc/{self.pid(board)}/ns/pid").readlink()
        mark = f"ANSIBLE_FAULTS={self.gate}".encode()
        for pid, environment in environments():
            with suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8")
                if (
                    mark in environment
                    and name.startswith("python")
                    and Path(f"/proc/{pid}/ns/pid").readlink() == here
                ):
                    return pid
        return None

    def go_on(self) -> None:
        (self.gate / "go").touch()

    def ansible(self) -> int:
        return int((self.gate / "ansible").read_text(encoding="utf-8"))

    def playbook(self) -> str:
        return (self.gate / "playbook").read_text(encoding="utf-8")

    def passed(self) -> list[str]:
        return (self.gate / "passed").read_text(encoding="utf-8").splitlines()

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def processes(self, board: str, program: str) -> Iterator[int]:
        """Of a board, the processes with this name, as this machine numbers them."""
        here = Path(f"/proc/{self.pid(board)}/ns/pid").readlink()
        for comm in Path("/proc").glob("[0-9]*/comm"):
            try:
                name = comm.read_text(encoding="utf-8").strip()
                if name.startswith(program) and (comm.parent / "ns/pid").readlink() == here:
                    yield int(comm.parent.name)
            except OSError:
                continue

    def measuring(self, board: str) -> list[int]:
        """The instrument's processes that measure now: one that is only asked for its version is none."""
        found = []
        for pid in self.processes(board, "netperf"):
            with suppress(OSError):
                if b"_RR" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    # -- states ----------------------------------------------------------------------------------------

    def clean(self) -> None:
        """Boards that carry nothing: new ones, which is quicker than a destroy."""
        if self.carries != "":
            self.raise_boards()

    def deployed(self, topology: str) -> None:
        if self.carries != topology:
            self.clean()
            self.call("deploy", "-t", topology)
            self.carries = topology

    @contextmanager
    def watched(self) -> Iterator[None]:
        """The boards answer all the time, or it is Lost."""
        with self.watch.on():
            yield
        if self.watch.silent:
            raise Lost(f"the management path did not answer: {self.watch.silent[:3]}")

    def close(self) -> None:
        self.remove_boards()
        self._unmount_results()
        shutil.rmtree(self.folder, ignore_errors=True)
