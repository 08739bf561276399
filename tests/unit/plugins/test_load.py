# SPDX-License-Identifier: Apache-2.0
"""Loads: started and running before the block, stopped after it, whatever happens; and what they say they did."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.load import bulk, bulk_load, running, stress
from ansible_collections.netlab.testbed.plugins.module_utils.load.bulk import Stretch
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    ParameterError,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.on_board import OnBoard

BULK: dict[str, Any] = {
    "name": "B", "kind": "bulk", "guest": None, "peer_address": "192.0.2.1", "control_port": 12866, "limit_s": 30,
}  # fmt: skip
STRESS: dict[str, Any] = {"name": "cpu", "kind": "stress", "guest": None, "stressor": "cpu", "limit_s": 20}


def interim(*stretches: Stretch, units: str = "10^6bits/s") -> str:
    """As netperf -D -k prints them (netlib.c, display_demo)."""
    lines = [
        f"NETPERF_INTERIM_RESULT[{number}]={rate:.2f}\nNETPERF_UNITS[{number}]={units}\n"
        f"NETPERF_INTERVAL[{number}]={ended - began:.3f}\nNETPERF_ENDING[{number}]={ended:.3f}\n"
        for number, (began, ended, rate) in enumerate(stretches)
    ]
    return "".join(lines)


# What Debian's netperf 2.7.0 printed until it was killed: the last line is cut.
RECORDED = """\
NETPERF_INTERIM_RESULT[0]=43898.97
NETPERF_UNITS[0]=10^6bits/s
NETPERF_INTERVAL[0]=0.250
NETPERF_ENDING[0]=1795355604.150
NETPERF_INTERIM_RESULT[1]=46898.12
NETPERF_UNITS[1]=10^6bits/s
NETPERF_INTERVAL[1]=0.267
NETPERF_ENDING[1]=1795355604.417
NETPERF_INTERIM_RESULT[2]=49917.48
NETPERF_UNITS[2]=10^6bits/s
NETPERF_INTERV"""


class Program:
    """A program of a place that is not there."""

    fd = None
    looks = 0

    def __init__(self, argv: Sequence[str], text: str, ends_by_itself: bool) -> None:
        self.argv = list(argv)
        self._text = text
        self._over = ends_by_itself
        self.killed = False

    def ended(self) -> tuple[int, str, str] | None:
        return (0 if self._over else 137, self._text, "") if self._over or self.killed else None

    def kill(self) -> None:
        self.killed = True


class Guest:
    """A guest whose NIC counts on by ``step`` bytes with each look."""

    name = "guest guest2"

    def __init__(self, text: str = "", step: int = 200_000, ends_by_itself: bool = False) -> None:
        self.programs: list[Program] = []
        self._text = text
        self._ends = ends_by_itself
        self._bytes = itertools.count(1000, step)

    def start(self, argv: Sequence[str]) -> Program:
        self.programs.append(Program(argv, self._text, self._ends))
        return self.programs[-1]

    def read(self, files: Sequence[str]) -> str:
        assert tuple(files) == ("/proc/net/dev",)
        received = next(self._bytes)
        return (
            "Inter-|   Receive                    |  Transmit\n"
            f"    lo: 999999999 1 0 0 0 0 0 0 999999999 1 0 0 0 0 0 0\n"
            f"  eth0: {received} 1 0 0 0 0 0 0 77 1 0 0 0 0 0 0\n"
        )

    def new_file(self, label: str) -> str:
        raise AssertionError(label)

    def take(self, path: str) -> bytes:
        raise AssertionError(path)


def around(load: Mapping[str, Any], place: Any) -> Any:
    return running.running([load], lambda guest: contextlib.nullcontext(place))


# -- netperf -------------------------------------------------------------------------------------------


def test_bulk_is_bounded_and_tells_its_rate_as_it_goes() -> None:
    command = bulk.command(BULK)
    assert command[command.index("-l") + 1] == "30"
    assert command[command.index("-t") + 1] == "TCP_MAERTS"
    assert "-D" in command[: command.index("--")]


@pytest.mark.parametrize("wrong", [{"test": "TCP_RR"}, {"peer_address": "peer"}, {"peer_address": "1,2"}])
def test_bulk_that_cannot_be_is_refused_by_its_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"load B: {next(iter(wrong))}"):
        bulk.command(BULK | wrong)


def test_what_netperf_said_before_it_was_killed_counts_and_a_line_cut_off_does_not() -> None:
    found = bulk.stretches(RECORDED)
    assert [stretch.mbit_per_s for stretch in found] == [43898.97, 46898.12]
    assert found[0].began == pytest.approx(1795355603.9)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "NETPERF_ENDING[0]=1", interim(Stretch(0, 1, 5), units="KB/s")]
)
def test_other_words_are_no_rate(text: str) -> None:
    assert bulk.stretches(text) == []


def test_the_rate_is_that_of_the_time_asked_about() -> None:
    told = [Stretch(0, 10, 100), Stretch(10, 20, 300)]
    assert bulk.mean_rate(told, 0, 20) == pytest.approx(200)
    assert bulk.mean_rate(told, 9, 11) == pytest.approx(200)
    assert bulk.mean_rate(told, 12, 18) == pytest.approx(300)
    assert bulk.mean_rate(told, 10, 30) == pytest.approx(150)  # nothing was moved in the second half
    assert bulk.mean_rate(told, 5, 5) is None


@given(
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 1e5)), max_size=8),
    st.floats(0, 20),
    st.floats(0.01, 20),
)
def test_a_mean_rate_is_never_above_the_highest(
    parts: list[tuple[float, float]], began: float, length: float
) -> None:
    told, at = [], 0.0
    for seconds, rate in parts:
        told.append(Stretch(at, at + seconds, rate))
        at += seconds
    rate = bulk.mean_rate(told, began, began + length)
    assert rate is not None
    assert 0 <= rate <= max((part.mbit_per_s for part in told), default=0.0) * (1 + 1e-9)


def test_bytes_are_counted_where_they_are_asked_for() -> None:
    rest = "0 0 0 0 0 0 0"
    text = f"eth0: 10 {rest} 5 {rest}\n eth1:1 {rest} 2 {rest}\nlo: 9 {rest} 9 {rest}\n"
    assert bulk.bytes_moved(text) == 18
    assert bulk.bytes_moved(text, ["eth1"]) == 3


# -- around a block ------------------------------------------------------------------------------------


def test_bulk_runs_before_the_block_and_is_stopped_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    guest = Guest(interim(Stretch(now + 1000, now + 1100, 250.0)))  # by a clock of its own
    with around(BULK | {"guest": "guest2"}, guest) as records:
        (program,) = guest.programs
        assert not program.killed
        assert records[0]["running"] >= records[0]["started"]
        time.sleep(0.02)
    assert program.killed
    (record,) = records
    assert record["reason"] is None
    assert record["achieved"]["mbit_per_s"] == pytest.approx(250, rel=0.2)
    assert record["finished"] > record["running"]
    assert program.argv[0] == "netperf"  # nothing that a guest of the user's own may lack


def test_on_the_board_a_load_is_bound_to_its_cpu_and_ends_with_us() -> None:
    load = bulk_load.BulkLoad(BULK | {"cpu": 1}, Guest())
    assert load.command[:7] == ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", "1", "netperf"]


def test_a_load_that_ended_early_says_so_and_the_block_is_kept() -> None:
    guest = Guest(interim(Stretch(0, 1, 250.0)), ends_by_itself=True, step=1_000_000)
    with around(BULK | {"guest": "guest2"}, guest) as records:
        pass
    assert "ended before the measurement did" in records[0]["reason"]


def test_a_load_that_moved_nothing_in_the_block_says_so() -> None:
    with around(BULK | {"guest": "guest2"}, Guest("")) as records:
        pass
    assert records[0]["reason"] == "did nothing while it was measured"


def test_a_load_that_moves_nothing_is_given_up_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_load, "START_LIMIT_S", 0.05)
    guest = Guest(step=1)
    with pytest.raises(MeasurementError, match="load B: moved nothing"), around(BULK, guest):
        pytest.fail("the block was entered")
    assert guest.programs[0].killed


def test_a_load_that_ends_at_once_tells_its_words() -> None:
    guest = Guest("no netserver there", ends_by_itself=True, step=1)
    with (
        pytest.raises(MeasurementError, match=r"load B: ended before it ran: .*no netserver there"),
        around(BULK, guest),
    ):
        pytest.fail("the block was entered")


def test_loads_are_stopped_when_the_block_goes_wrong() -> None:
    guest = Guest(RECORDED)
    with pytest.raises(ValueError, match="mine"), around(BULK, guest):
        raise ValueError("mine")
    assert guest.programs[0].killed


def test_no_loads_is_no_work() -> None:
    with running.running([], lambda guest: pytest.fail("a place was opened")) as records:
        assert records == []


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ParameterError, match="kind: 'noise'"), around(BULK | {"kind": "noise"}, Guest()):
        pytest.fail("the block was entered")


# -- stress-ng -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stressor", stress.STRESSORS)
def test_stress_is_bounded(stressor: str) -> None:
    command = stress.command(STRESS | {"stressor": stressor}, "figures")
    assert command[command.index("--timeout") + 1] == "20s"


def test_stress_that_cannot_be_is_refused() -> None:
    with pytest.raises(ParameterError, match="stressor: 'disk'"):
        stress.command(STRESS | {"stressor": "disk"}, "figures")
    with pytest.raises(ParameterError, match="not in a guest"), around(STRESS | {"guest": "guest1"}, Guest()):
        pytest.fail("the block was entered")


def test_figures_of_stress() -> None:
    text = (
        "metrics:\n    - stressor: timer\n      bogo-ops: 27072\n"
        "      bogo-ops-per-second-usr-sys-time: 27370.502702\n      bogo-ops-per-second-real-time: 27204.464595\n"
    )
    assert stress.achieved(text) == {"bogo_ops": 27072.0, "bogo_ops_per_s": 27204.5}
    assert stress.achieved("") == {}
    assert stress.achieved("metrics:\n      bogo-ops: nan\n") == {}


@pytest.fixture
def board() -> OnBoard:
    if shutil.which("stress-ng") is None:
        pytest.skip("needs the program stress-ng")
    return OnBoard()


@pytest.mark.timeout(60)
def test_stress_runs_for_real_and_none_of_it_is_left(board: OnBoard) -> None:
    with around(STRESS | {"workers": 1}, board) as records:
        file = Path(records[0]["command"][-1])
        assert file.exists()
        time.sleep(0.2)  # it has to do something that it can tell of
    (record,) = records
    assert record["reason"] is None
    assert record["achieved"]["bogo_ops_per_s"] > 0
    assert not file.exists()
    mark = str(file).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                assert mark not in (entry / "cmdline").read_bytes()


@pytest.mark.timeout(60)
def test_stress_that_refuses_its_own_words_is_told_of(board: OnBoard) -> None:
    with (
        pytest.raises(MeasurementError, match="load cpu: ended before it ran"),
        around(STRESS | {"workers": 99999}, board),
    ):
        pytest.fail("the block was entered")


KILLED = """
import contextlib, os, pathlib, signal, sys, time
from ansible_collections.netlab.testbed.plugins.module_utils.load import bulk_load, running

class Program:
    fd, looks = None, 0
    def ended(self): return None
    def kill(self): pathlib.Path(sys.argv[1]).write_text("stopped")

class Guest:
    name, moved = "guest guest2", 0
    def start(self, argv): return Program()
    def read(self, files):
        self.moved += 10**6
        return f"eth0: {self.moved}" + " 0" * 15

load = {"name": "B", "kind": "bulk", "guest": "guest2", "peer_address": "192.0.2.1", "control_port": 1, "limit_s": 9}
with running.running([load], lambda guest: contextlib.nullcontext(Guest())):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
"""


@pytest.mark.timeout(30)
def test_a_module_that_is_told_to_end_stops_what_runs_in_a_guest(tmp_path: Path, repository: Path) -> None:
    mark = tmp_path / "mark"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(mark)],
        env={**os.environ, "PYTHONPATH": str(repository / ".collections")},
        timeout=20,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGTERM
    assert mark.read_text(encoding="utf-8") == "stopped"
