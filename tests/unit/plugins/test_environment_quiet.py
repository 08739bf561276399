# SPDX-License-Identifier: Apache-2.0
"""Quiet or not: windows of a machine that a test makes up, and of a clock that it turns."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.environment import quiet
from ansible_collections.netlab.testbed.plugins.module_utils.environment.load import Stat
from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files

LIMITS = quiet.Limits(0.9, 0.02, 1.0)


def look(processes: dict[tuple[int, int], tuple[str, int]] | None = None, **ticks: int) -> quiet.Look:
    return quiet.Look(Stat(ticks, 1, 0), processes or {})


def test_shares_and_the_busiest() -> None:
    before = look(
        {(5, 1): ("qemu", 100), (6, 1): ("idle one", 7)}, user=1000, system=0, idle=1000, iowait=0, steal=0
    )
    after = look(
        {(5, 1): ("qemu", 130), (6, 1): ("idle one", 7), (9, 8): ("make", 20), (10, 8): ("make", 5)},
        user=1060, system=0, idle=1125, iowait=5, steal=10,
    )  # fmt: skip
    seen = quiet.window(before, after, [1, 2, 3])
    assert (seen.idle, seen.steal, seen.running) == (0.65, 0.05, 1.0)
    assert seen.busiest == (("qemu", 0.15), ("make", 0.125), (quiet.UNSEEN, 0.025))
    assert len(quiet.unmet(seen, LIMITS)) == 2


def test_a_pid_that_was_given_out_anew_is_another_process() -> None:
    before = look({(5, 1): ("old", 500)}, user=0, idle=0)
    after = look({(5, 99): ("new", 10)}, user=10, idle=90)
    assert quiet.window(before, after, []).busiest == (("new", 0.1),)


def test_the_watching_itself_does_not_count() -> None:
    before, after = look(user=0, idle=0), look(user=12, idle=88)
    assert quiet.unmet(quiet.window(before, after, [1]), LIMITS) != []
    seen = quiet.window(before, after, [1], own_ticks=10)
    assert (seen.idle, seen.running) == (0.98, 0.0)
    assert quiet.unmet(seen, LIMITS) == []


def test_the_sentence_says_what_is_wrong_and_who_does_it() -> None:
    busy = quiet.Window(0.25, 0.03, 2.4, (("make", 0.6), ("qemu", 0.1)))
    told = quiet.report(busy, LIMITS, 10.02, 0.5)
    assert told["quiet"] is False
    assert told["said"] == (
        "not quiet after 10.0 s: 25 % idle, at least 90 % is wanted; 3.0 % stolen by the host, at most 2.0 % is"
        " allowed; 2.4 running tasks, at most 1 are allowed; busiest: make 60 %, qemu 10 %"
    )
    assert told["busiest"][0] == {"name": "make", "share": 0.6}
    calm = quiet.report(quiet.Window(1.0, 0.0, 0.0, ()), LIMITS, 0.5, 0.5)
    assert (calm["quiet"], calm["said"]) == (True, "quiet: 100 % idle, 0 % stolen, 0.0 running tasks")


class Machine:
    """A /proc that goes on while the watcher sleeps: busy for so many seconds, then idle."""

    def __init__(self, root: Path, busy_s: float) -> None:
        self.root, self.busy_s, self.now = root, busy_s, 0.0
        self.user = self.idle = 0.0
        (root / "proc/42").mkdir(parents=True)
        self.write()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        busy = max(0.0, min(seconds, self.busy_s - self.now))
        self.user += 100 * busy
        self.idle += 100 * (seconds - busy)
        self.now += seconds
        self.write()

    def write(self) -> None:
        running = 3 if self.now < self.busy_s else 1
        (self.root / "proc/stat").write_text(
            f"cpu  {self.user:.0f} 0 0 {self.idle:.0f} 0 0 0 0 0 0\nprocs_running {running}\nprocs_blocked 0\n",
            encoding="ascii",
        )
        fields = f"42 (make (j2)) R 1 1 1 0 -1 0 0 0 0 0 {self.user:.0f} 0 0 0 20 0 1 0 77 0"
        (self.root / "proc/42/stat").write_text(fields, encoding="ascii")


def watch(machine: Machine, limit_s: float) -> dict[str, object]:
    return quiet.wait(
        LIMITS, limit_s, 0.5, files=Files(machine.root), clock=machine.clock, sleep=machine.sleep
    )


def test_a_quiet_machine_is_watched_once(tmp_path: Path) -> None:
    told = watch(Machine(tmp_path, 0), 10)
    assert (told["quiet"], told["waited_s"]) == (True, 0.5)


def test_it_waits_until_the_machine_is_quiet(tmp_path: Path) -> None:
    told = watch(Machine(tmp_path, 2.2), 10)
    assert (told["quiet"], told["waited_s"]) == (True, 3.0)


def test_it_stops_waiting_and_says_who_is_busy(tmp_path: Path) -> None:
    told = watch(Machine(tmp_path, 1e9), 4)
    assert (told["quiet"], told["waited_s"]) == (False, 4.0)
    assert told["busiest"] == [{"name": "make (j2)", "share": pytest.approx(1.0, abs=0.05)}]


def test_a_wait_of_nothing_watches_once(tmp_path: Path) -> None:
    told = watch(Machine(tmp_path, 1e9), 0)
    assert (told["quiet"], told["waited_s"]) == (False, 0.5)


@given(
    st.dictionaries(
        st.sampled_from(["user", "system", "idle", "iowait", "steal"]), st.integers(0, 10**6), min_size=1
    ),
    st.dictionaries(
        st.sampled_from(["user", "system", "idle", "iowait", "steal"]), st.integers(0, 10**6), min_size=1
    ),
    st.lists(st.integers(0, 99)),
    st.floats(0, 50),
)
def test_shares_are_shares(
    before: dict[str, int], after: dict[str, int], running: list[int], own: float
) -> None:
    """Also where counters go backwards, as iowait and steal do on some machines (proc_stat(5))."""
    seen = quiet.window(look(**before), look(**after), running, own)
    assert 0 <= seen.idle <= 1
    assert 0 <= seen.steal <= 1
    assert seen.running >= 0
