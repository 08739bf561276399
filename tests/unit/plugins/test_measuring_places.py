# SPDX-License-Identifier: Apache-2.0
"""Programs on a board and in a guest: how they are started, waited for, and ended."""

from __future__ import annotations

import itertools
import time

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.measuring import waiting
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.counters import FILES
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    TimeOver,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.in_guest import InGuest
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.on_board import OnBoard
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.waiting import run, wait_for_end

# --- on the board ------------------------------------------------------------------------------------------


def test_on_the_board_a_program_runs_under_the_locale_c() -> None:
    assert run(OnBoard(), ["sh", "-c", "echo $LC_ALL; echo odd >&2; exit 3"], 5) == (3, "C\n", "odd\n")


def test_on_the_board_time_is_limited() -> None:
    begun = time.monotonic()
    with pytest.raises(TimeOver, match="sleep was still running after 0 s"):
        run(OnBoard(), ["sleep", "30"], 0.1)
    assert time.monotonic() - begun < 5


def test_on_the_board_a_missing_program_is_named() -> None:
    with pytest.raises(MeasurementError, match="no-such-program is not installed on this board"):
        run(OnBoard(), ["no-such-program"], 1)


# --- in a guest --------------------------------------------------------------------------------------------


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


class Agent:
    """A guest's agent whose program ends after a while; notes when it was asked."""

    def __init__(self, clock: Clock, takes_s: float) -> None:
        self.clock, self.ends = clock, clock.now + takes_s
        self.asked: list[float] = []
        self.begun = clock.now
        self.killed: list[list[str]] = []

    def start(self, argv: list[str], input: bytes | None = None) -> int:  # noqa: A002
        return 42

    def collect(self, pid: int) -> tuple[int, str, str] | None:
        assert pid == 42
        self.asked.append(self.clock.now - self.begun)
        return (0, "out", "err") if self.clock.now >= self.ends else None

    def run(self, argv: list[str], timeout: float) -> tuple[int, str, str]:
        if argv[0] == "kill":
            self.killed.append(argv)
            self.ends = self.clock.now
        return 0, " ".join(argv), ""


def in_guest(monkeypatch: pytest.MonkeyPatch, takes_s: float) -> tuple[InGuest, Agent]:
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    agent = Agent(clock, takes_s)
    return InGuest(agent, "guest1"), agent  # type: ignore[arg-type]


def test_a_run_of_known_length_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    place, agent = in_guest(monkeypatch, 10.1)
    assert run(place, ["netperf"], 25, 10) == (0, "out", "err")
    assert agent.asked[0] >= 10
    assert agent.asked[-1] < 10.15


def test_a_run_of_unknown_length_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    place, agent = in_guest(monkeypatch, 10)
    program = place.start(["netperf"])
    wait_for_end([program], 25)
    pauses = [later - earlier for earlier, later in itertools.pairwise([0.0, *agent.asked])]
    assert pauses[0] <= 0.05
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(pauses))
    assert max(pauses) <= 0.25 + 1e-9
    assert program.looks == len(agent.asked) - 1 < 50


def test_a_run_without_end_is_killed_and_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    place, agent = in_guest(monkeypatch, 1000)
    with pytest.raises(TimeOver, match="netperf was still running after 3 s"):
        run(place, ["netperf"], 3, None)
    assert agent.killed == [["kill", "-KILL", "42"]]
    assert 3 <= agent.asked[-1] < 3.5


def test_a_guests_files_are_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    place, _ = in_guest(monkeypatch, 0)
    assert place.read(FILES) == " ".join(("cat", *FILES))


def test_children_tell_by_themselves_that_they_ended_early() -> None:
    """A run that fails at once is not waited for as long as it was expected to take."""
    begun = time.monotonic()
    assert run(OnBoard(), ["false"], 30, expected_s=20)[0] == 1
    assert time.monotonic() - begun < 5


def test_a_guest_is_left_alone_although_a_child_beside_it_has_ended() -> None:
    agent = Agent(Clock(), 0)
    beside = InGuest(agent, "guest1").start(["netperf"])  # type: ignore[arg-type]
    begun = time.monotonic()
    agent.asked.clear()
    ended = wait_for_end([OnBoard().start(["true"]), beside], 5, expected_s=0.3)
    assert [rc for rc, _, _ in ended] == [0, 0]
    assert time.monotonic() - begun >= 0.3
    assert len(agent.asked) == 1


def test_output_of_a_child_that_nobody_reads_does_not_stop_it() -> None:
    rc, out, _ = run(OnBoard(), ["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"], 20)
    assert (rc, len(out)) == (0, 1_000_000)


def test_a_file_is_taken_once() -> None:
    place = OnBoard()
    path = place.new_file("test")
    run(place, ["sh", "-c", f"echo told >{path}"], 5)
    assert place.take(path) == b"told\n"
    assert place.take(path) == b""
