# SPDX-License-Identifier: Apache-2.0
"""netlab query on the command line: forms, mistakes, and readers that stop reading."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netlab.results import RunStore


class OneTrial:
    """The smallest plan."""

    name = "small"
    seed = 1

    def trials(self) -> list[OneTrial]:
        return [self]

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": "small",
            "order": 1,
            "block": 1,
            "topology": "plain",
            "scenario": "latency",
            "instrument": "ruler",
        }


@pytest.fixture
def run(lab) -> RunStore:
    """A run of one trial, with a reason that would drive a terminal."""
    store = RunStore.create(lab.folder / "results", OneTrial())
    spec = store.manifest.order[0]
    metrics = {"p50_us": 12.5, "min_us": 10}
    trial = {"board": "board1", "status": "ok", "reason": "\x1b[31mred\nline", "metrics": metrics}
    store.append({**spec, **trial})
    store.close()
    return store


def test_without_sql_the_views_are_listed(netlab) -> None:
    ended = netlab("query")
    assert ended.status == 0
    for words in ("runs: a row a run", "trials:", "samples:", "p999_us", "round trip in nanoseconds"):
        assert words in ended.out
    listed = json.loads(netlab("query", "--json").out)["views"]
    assert listed["samples"]["columns"][0]["name"] == "run"
    assert netlab("query", "--format", "csv").out.startswith("view,column,type,holds\nruns,run,VARCHAR,")


def test_a_table(netlab, run) -> None:
    ended = netlab("query", "SELECT run, p50_us, reason, p99_us, counted FROM trials")
    assert ended.status == 0, ended.err
    assert [line.split() for line in ended.out.splitlines()[::2]] == [
        ["run", "p50_us", "reason", "p99_us", "counted"],
        [run.name, "12.5", "[31mred", "line", "-", "true"],
    ]
    assert "\x1b" not in ended.out


def test_csv(netlab, run) -> None:
    ended = netlab("query", "SELECT p50_us, p99_us, flags, counted FROM trials", "--format", "csv")
    assert list(csv.reader(io.StringIO(ended.out))) == [
        ["p50_us", "p99_us", "flags", "counted"],
        ["12.5", "", "[]", "true"],
    ]


def test_json(netlab, run) -> None:
    sql = "SELECT p50_us, metrics, 'nan'::DOUBLE AS n, [1, NULL] AS l, 1.5::DECIMAL(3, 1) AS d FROM trials"
    said = json.loads(netlab("query", sql, "--json").out)
    assert said["columns"][:2] == [{"name": "p50_us", "type": "DOUBLE"}, {"name": "metrics", "type": "JSON"}]
    assert said["rows"] == [
        {"p50_us": 12.5, "metrics": {"p50_us": 12.5, "min_us": 10}, "n": None, "l": [1, None], "d": 1.5}
    ]
    assert json.loads(netlab("query", "SELECT 1 AS a WHERE false", "--json").out)["rows"] == []


def test_no_rows_are_a_head_alone(netlab) -> None:
    assert netlab("query", "SELECT run FROM trials").out == "run\n---\n"


def test_a_mistake_ends_with_2_and_what_there_is(netlab) -> None:
    ended = netlab("query", "SELECT latency FROM trials")
    assert ended.status == 2
    assert ended.out == ""
    assert '"latency" not found' in ended.err
    assert "trials: run, trial" in ended.err
    assert "try: netlab query" in ended.err


def test_two_forms_are_refused(netlab) -> None:
    assert netlab("query", "SELECT 1", "--json", "--format", "csv").status == 2


def test_a_damaged_run_is_told_of_on_stderr(netlab, lab, run) -> None:
    lab.file("results/broken/manifest.json", "{")
    ended = netlab("query", "SELECT count(*) AS n FROM trials", "--format", "csv")
    assert (ended.status, ended.out) == (0, "n\n1\n")
    assert "netlab: warning: broken is damaged and left out" in ended.err


def test_a_reader_may_stop_reading(repository: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "netlab", "query", "SELECT range FROM range(100000000)", "--format", "csv"]
    argv += ["--results", str(tmp_path)]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=repository
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "range\n"
        process.stdout.close()
        assert process.wait(timeout=30) == 1
        assert process.stderr.read() == ""


def test_ctrl_c_ends_a_query(repository: Path, tmp_path: Path) -> None:
    sql = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b"
    code = (
        "import signal, sys, threading, time\n"
        "from netlab.cli.main import run\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell may have it ignored
        "main = threading.main_thread().ident\n"
        "threading.Timer(1, lambda: signal.pthread_kill(main, signal.SIGINT)).start()\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    argv = [sys.executable, "-c", code, "query", sql, "--results", str(tmp_path)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, cwd=repository)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert "nanobind" not in ended.stderr
