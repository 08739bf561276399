# SPDX-License-Identifier: Apache-2.0
"""What is shown while plays run: lines, the live display, and a terminal that goes away."""

from __future__ import annotations

import io
import re
import sys

import pytest

from netlab.play import progress
from netlab.play.display import choose
from netlab.play.events import PlayStarted, TaskDone, TaskFailed, TaskStarted
from netlab.play.live import Live
from netlab.play.progress import Lines, Trials, Verbatim, about, seconds, time_left

TRIAL = {
    "order": 3,
    "block": 2,
    "topology": "somepath",
    "scenario": "latency",
    "instrument": "someinstrument",
    "status": "ok",
    "metrics": {"p50_us": 43.21},
}


def done(task: str, *, changed: bool = False, took: float = 0.0, result=None) -> TaskDone:
    return TaskDone(board="board1", task=task, changed=changed, seconds=took, result=result or {})


def test_lines_tell_what_changed_or_took_time() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("deploy")
    for event in (
        done("Guests run", changed=True, took=1.23),
        done("A look", took=0.01),
        done("A long look", took=12.3),
        TaskFailed(board="board1", task="Proof", message="", seconds=125.0),
        TaskFailed(board="board1", task="Ignored", message="", seconds=1.0, ignored=True),
    ):
        lines.event(event)
    assert stream.getvalue().splitlines() == [
        "deploy    board1     Guests run  1.2 s",
        "deploy    board1     A long look  12 s",
        "deploy    board1     Proof  FAILED after 2 min 5 s",
    ]


def test_in_check_mode_only_what_would_change_is_told() -> None:
    """`TCP goes both ways  0.9 s` would read as a proof."""
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("deploy", check=True)
    lines.event(done("Guests run", changed=True, took=1.23))
    lines.event(done("Proof", took=2.0))
    lines.begin("status")
    lines.event(done("Proof", took=2.0))
    assert stream.getvalue().splitlines() == [
        "deploy    board1     Guests run  would change",
        "status    board1     Proof  2.0 s",
    ]


def test_a_task_that_takes_long_says_so(monkeypatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("deploy")
    lines.event(TaskStarted(board="board1", task="Guest image"))
    for clock[0] in (109.0, 110.0, 111.0, 139.0, 140.5):
        lines.tick()
    lines.event(done("Guest image", changed=True, took=41.0))
    clock[0] = 900.0
    lines.tick()
    assert stream.getvalue().splitlines() == [
        "deploy    board1     Guest image  ... 10 s so far",
        "deploy    board1     Guest image  ... 40 s so far",
        "deploy    board1     Guest image  41 s",
    ]


def test_trials_are_counted() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("bench")
    lines.expect_trials([{**TRIAL, "order": order} for order in range(3, 13)], before=2)
    lines.event(done("Measure", took=3.1, result={"trial": TRIAL}))
    lines.skip_trial({**TRIAL, "order": 4, "status": "failed", "reason": "no route\nto host", "metrics": {}})
    assert stream.getvalue().splitlines() == [
        "bench       3/12  block 2  somepath  latency  someinstrument  board1  p50 43.2 us  ok  3.1 s",
        "bench       4/12  block 2  somepath  latency  someinstrument  failed: no route",
    ]


def test_what_was_measured_is_told_not_how_long_the_last_task_took() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.expect_trials([TRIAL])
    told = {"started": "2026-11-22T10:00:00.5+00:00", "finished": "2026-11-22T10:00:02.6+00:00"}
    lines.event(done("Trial", took=0.1, result={"trial": {**TRIAL, **told, "condition": "same-cpu"}}))
    assert stream.getvalue().endswith("latency same-cpu  someinstrument  board1  p50 43.2 us  ok  2.1 s\n")


def trials(**told) -> Trials:
    planned = [{**TRIAL, "order": order, "topology": f"path{order}"} for order in (1, 2, 3, 4)]
    return Trials(planned, **told)


def test_the_time_left_is_corrected_by_how_long_it_took_so_far() -> None:
    clock = [0.0]
    going = trials(expected=dict.fromkeys((1, 2, 3, 4), 100.0), clock=lambda: clock[0])
    assert going.left_s() == 400
    clock[0] = 220.0  # 2.2 times what was expected; the estimate still counts for 20 s
    going.take({"order": 1, "status": "ok"})
    assert going.left_s() == pytest.approx(300 * 240 / 120)
    assert time_left(going) == "about 10 min 0 s left"
    for order in (2, 3, 4):
        going.take({"order": order, "status": "ok"})
    assert (going.left_s(), time_left(going)) == (0, "")
    assert trials().left_s() is None, "nobody said what to expect"


def test_a_trial_that_failed_is_not_done_while_it_will_be_tried_again() -> None:
    going = trials(retries=1)
    going.take({"order": 1, "status": "failed", "board": "board1"})
    assert going.done == 0
    assert going.now().startswith("block 2  path2"), "it waits for the end of its block"
    for order in (2, 3, 4):
        going.take({"order": order, "status": "ok", "board": "board1"})
    assert going.now().startswith("block 2  path1")
    going.take({"order": 1, "status": "failed", "board": "board1"})
    assert going.done == 4


def test_the_second_half_of_the_pair_is_called_so() -> None:
    again = Trials([{**TRIAL, "replica": 2}])
    assert again.now() == "block 2  somepath (again)  latency  someinstrument"


def test_about() -> None:
    assert [about(value) for value in (0.2, 7.4, 63.0, 400.0, 10000.0)] == [
        "1.0 s",
        "7.0 s",
        "65 s",
        "6 min 30 s",
        "2 h 45 min",
    ]


def test_a_trial_with_a_result_from_each_of_two_duts_counts_once() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("bench")
    lines.expect_trials([TRIAL])
    for board in ("board1", "board3"):
        lines.event(TaskDone(board=board, task="m", changed=False, seconds=1.0, result={"trial": TRIAL}))
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["1/1", "1/1"]
    assert lines.trials is not None
    assert lines.trials.now() == "measured"


def test_verbose_is_what_ansible_printed() -> None:
    stream = io.StringIO()
    Verbatim(stream).event(PlayStarted(name="x", text="PLAY [x] ****"))
    assert stream.getvalue() == "PLAY [x] ****\n"


@pytest.mark.parametrize("kind", [Lines, Live])
def test_a_terminal_that_goes_away_stops_nothing(kind) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    display = kind(Gone())
    display.begin("deploy")
    display.event(TaskFailed(board="board1", task="Proof", message="", seconds=1.0))
    display.note("and again")
    display.end()


def test_the_live_display_names_play_board_and_task(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    live = Live(stream)
    planned = [{**TRIAL, "order": order} for order in range(3, 15)]
    live.expect_trials(planned, expected=dict.fromkeys(range(3, 15), 30.0))
    live.begin("bench")
    live.event(PlayStarted(name="Datapath"))
    live.event(TaskStarted(board="board1", task="Guests run"))
    live.event(done("Measure", result={"trial": TRIAL}))
    live.event(TaskStarted(board="board1", task="Guests run"))
    live.live.refresh()
    live.end()
    shown = stream.getvalue()
    for words in (
        "bench",
        "Datapath",
        "board1: Guests run",
        "1/12",
        "p50 43.2 us",
        "block 2  somepath",
        " left",
    ):
        assert words in shown


def test_a_narrow_terminal_cuts_the_task_not_the_clock(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    live = Live(stream)
    live.begin("rollback")
    live.event(PlayStarted(name="As it was before the first change"))
    for board in ("board1", "board2"):
        live.event(TaskStarted(board=board, task="The ledger is replayed backwards, to the very first entry"))
    live.live.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    live.end()
    assert "rollback 0:00:00 As it was before the first change" in shown


def test_boards_at_the_same_task_are_named_together() -> None:
    live = Live(Terminal())
    live.begin("deploy")
    live.event(PlayStarted(name="Datapath"))
    for board in ("board1", "board2"):
        live.event(TaskStarted(board=board, task="Guests run"))
    live.event(TaskStarted(board="board2", task="Roles", inert=True))
    assert live._now() == "Datapath  board1, board2: Guests run"
    live.event(done("Guests run"))
    assert live._now() == "Datapath  board2: Guests run"
    live.end()


def test_no_color_means_none(monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    live = Live(stream)
    live.begin("deploy")
    live.event(PlayStarted(name="Datapath"))
    live.live.refresh()
    live.end()
    assert "\x1b[3" not in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "term", "verbose", "kind"),
    [
        (True, "xterm", False, Live),
        (True, "dumb", False, Lines),
        (False, "xterm", False, Lines),
        (True, "xterm", True, Verbatim),
    ],
)
def test_the_display_suits_stderr(monkeypatch, terminal, term, verbose, kind) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal() if terminal else io.StringIO())
    monkeypatch.setenv("TERM", term)
    assert type(choose(verbose=verbose)) is kind


def test_seconds() -> None:
    assert [seconds(value) for value in (0.04, 9.94, 12.4, 99.4, 125.9, 7325.0)] == [
        "0.0 s",
        "9.9 s",
        "12 s",
        "99 s",
        "2 min 5 s",
        "2 h 2 min",
    ]
