# SPDX-License-Identifier: Apache-2.0
"""Runs as views: what the columns hold, and what becomes of a folder in which not all is well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netlab.plan import Plan
from netlab.results import RunStore, views
from netlab.results.columns import SAMPLES, VIEWS
from tests.unit.netlab.results.probes import MISSING, packed

Ask = Callable[[str], list[tuple[Any, ...]]]
COUNT = 5


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def ask(results: Path, complaints: list[str]) -> Ask:
    """Rows that SQL gives over the folder as it is now."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        complaints.clear()
        database = views.connect(results, complaints.append)
        found: list[tuple[Any, ...]] = database.execute(sql).fetchall()
        return found

    return rows


@pytest.fixture
def run(results: Path, small_plan: Plan, result) -> RunStore:
    """Four trials: with samples, failed, with figures alone, and not measured."""
    store = RunStore.create(results, small_plan)
    first, second, third, _ = store.manifest.order
    metrics = {"min_us": 10, "p50_us": 12.5, "max_us": 99, "transactions": 1000, "sent": 1001, "lost": 1}
    flags = [{"rule": "min_above_p50", "text": "it is", "severity": "broken"}]
    loads = [{"name": "B", "achieved": {"mbit_per_s": 940}}]
    store.append(result(first, metrics=metrics, samples=probes(COUNT), started="2026-11-22T10:15:30+01:00"))
    store.append(result(second, "failed"))
    store.append(result(third, flags=flags, loads=loads, board="board1", guest="guest1"))
    store.close()
    return store


def probes(count: int) -> dict[str, Any]:
    """So many probes, the last of them lost."""
    return packed(
        sent=[1_000_000 * number for number in range(count)],
        received=[1_000_000 * number + 250_000 for number in range(count - 1)] + [MISSING],
        ns=[250_000] * (count - 1) + [MISSING],
    )


def test_every_view_has_its_columns_in_order_and_type(ask: Ask, run: RunStore) -> None:
    for view, columns in VIEWS.items():
        described = [(name, kind) for name, kind, *_ in ask(f"DESCRIBE {view}")]
        assert described == [(column.name, column.kind) for column in columns], view


@pytest.mark.parametrize("folder", ["missing", "empty", "one run without samples"])
def test_it_works_with_nothing_to_show(
    ask: Ask, results: Path, small_plan: Plan, result, folder: str
) -> None:
    if folder == "empty":
        results.mkdir()
    if folder == "one run without samples":
        store = RunStore.create(results, small_plan)
        store.append(result(store.manifest.order[0]))
        store.close()
    assert ask("SELECT count(*) FROM samples") == [(0,)]
    assert ask("SELECT count(*) FROM runs") == [(int(folder.startswith("one")),)]
    kinds = [kind for _, kind, *_ in ask("DESCRIBE samples")]
    assert kinds == [column.kind for column in SAMPLES]


def test_runs(ask: Ask, run: RunStore) -> None:
    sql = "SELECT run, state, plan, seed, planned, ok, failed, skipped, topologies, path FROM runs"
    assert ask(sql) == [(run.name, "interrupted", "small", 1, 4, 2, 1, 0, ["host", "tap"], str(run.path))]
    assert ask("SELECT manifest->>'$.plan.name' FROM runs") == [("small",)]


def test_trials(ask: Ask, run: RunStore) -> None:
    assert ask("SELECT trial, attempt, counted, status, reason FROM trials ORDER BY trial") == [
        (1, 1, True, "ok", None),
        (2, 1, True, "failed", "it broke"),
        (3, 1, True, "ok", None),
    ]
    assert ask(
        "SELECT min_us, p50_us, p99_us, transactions, requests_sent, requests_lost FROM trials LIMIT 1"
    ) == [(10.0, 12.5, None, 1000, 1001, 1)]
    assert str(ask("SELECT started FROM trials LIMIT 1")[0][0]) == "2026-11-22 09:15:30", "in UTC"
    assert ask(
        "SELECT guest, flags, broken, loads->>'$[0].achieved.mbit_per_s' FROM trials WHERE trial = 3"
    ) == [("guest1", ["min_above_p50"], True, "940")]
    assert ask("SELECT condition, replica, scenario, instrument FROM trials LIMIT 1") == [
        ("", 1, "latency", "netperf")
    ]


def test_of_a_trial_tried_again_the_good_line_counts(
    ask: Ask, results: Path, small_plan: Plan, result
) -> None:
    store = RunStore.create(results, small_plan)
    spec = store.manifest.order[0]
    store.append(result(spec, "failed", samples=probes(3)))
    store.append(result(spec, samples=probes(COUNT)))
    store.close()
    assert ask("SELECT attempt, counted, status FROM trials") == [(1, False, "failed"), (2, True, "ok")]
    assert ask("SELECT DISTINCT attempt, count(*) FROM samples GROUP BY ALL") == [(2, COUNT)]
    assert ask("SELECT ok, failed FROM runs") == [(1, 0)]


def test_samples_come_with_the_trial_they_are_of(ask: Ask, run: RunStore) -> None:
    topology = run.manifest.order[0]["topology"]
    assert ask("SELECT DISTINCT run, trial, board, attempt, block, topology, replica, flow FROM samples") == [
        (run.name, 1, "board1", 1, 1, topology, 1, 0)
    ]
    assert ask("SELECT count(*), count(ns), max(us), count(intended), max(sent) FROM samples") == [
        (COUNT, COUNT - 1, 250.0, 0, 1_000_000 * (COUNT - 1))
    ]


def test_a_run_can_be_read_while_its_last_line_is_being_written(ask: Ask, run: RunStore) -> None:
    with (run.path / "trials.jsonl").open("ab") as stream:
        stream.write(b'{"order": 4, "sta')
    assert ask("SELECT count(*) FROM trials") == [(3,)]


def test_a_damaged_run_is_told_of_and_hides_no_other(
    ask: Ask, results: Path, run: RunStore, small_plan: Plan, complaints: list[str]
) -> None:
    bad_lines = RunStore.create(results, small_plan)
    bad_lines.close()
    (bad_lines.path / "trials.jsonl").write_text('{"order": 1}\nnot JSON\n', encoding="utf-8")
    bad_manifest = results / "zz-broken"
    bad_manifest.mkdir()
    (bad_manifest / "manifest.json").write_text("{", encoding="utf-8")
    states = dict(ask("SELECT run, state FROM runs"))
    assert states == {run.name: "interrupted", bad_lines.name: "damaged", "zz-broken": "damaged"}
    assert ask("SELECT count(*) FROM trials") == [(3,)]
    assert len(complaints) == 2
    assert any(
        text.startswith(f"{bad_lines.name} is damaged") and "trials.jsonl:2" in text for text in complaints
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "are not there"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), "are cut off"),
        (lambda path: path.write_bytes(b"PAR1"), "are cut off"),
        (lambda path: path.write_bytes(b"x" * 100), "are not a Parquet file"),
    ],
)
def test_damaged_samples_are_told_of_and_left_out(
    ask: Ask, run: RunStore, complaints: list[str], damage: Callable[[Path], object], said: str
) -> None:
    damage(next((run.path / "samples").iterdir()))
    assert ask("SELECT count(*) FROM samples") == [(0,)]
    assert ask("SELECT count(*) FROM trials") == [(3,)]
    (text,) = complaints
    assert said in text


@pytest.mark.parametrize("link", [True, False])
def test_samples_of_another_folder_are_not_opened(
    ask: Ask, run: RunStore, tmp_path: Path, complaints: list[str], link: bool
) -> None:
    """A run may come from a colleague: its lines name what they like."""
    (samples,) = (run.path / "samples").iterdir()
    elsewhere = tmp_path / "elsewhere.parquet"
    samples.rename(elsewhere)
    if link:
        samples.symlink_to(elsewhere)
    else:
        lines = [json.loads(line) for line in (run.path / "trials.jsonl").read_text().splitlines()]
        lines[0]["samples"] = "../../elsewhere.parquet"
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (run.path / "trials.jsonl").write_text(text, encoding="utf-8")
    assert ask("SELECT count(*) FROM samples") == [(0,)]
    assert "lies outside the run" in complaints[0]


def test_a_line_with_values_of_the_wrong_kind_is_damage(
    ask: Ask, run: RunStore, complaints: list[str]
) -> None:
    odd = {
        "order": 4, "block": "x", "topology": "tap", "scenario": "latency", "instrument": "netperf",
        "status": "ok", "board": "board1", "metrics": {},
    }  # fmt: skip
    with (run.path / "trials.jsonl").open("a") as stream:
        stream.write(json.dumps(odd) + "\n")
    assert ask("SELECT state FROM runs") == [("damaged",)]
    assert "trials.jsonl:4: block: Input should be a valid integer" in complaints[0]


@pytest.mark.parametrize("name", ["it's", "a[1]", "star*", "b?", 'say "hi"', "Größe µs"])
def test_folders_may_be_called_what_they_like(tmp_path: Path, small_plan: Plan, result, name: str) -> None:
    folder = tmp_path / name
    store = RunStore.create(folder, small_plan)
    store.append(result(store.manifest.order[0], samples=probes(COUNT)))
    store.close()
    said: list[str] = []
    database = views.connect(folder, said.append)
    assert database.execute("SELECT count(*), any_value(run) FROM samples").fetchall() == [
        (COUNT, store.name)
    ]
    assert said == []


def test_the_page_has_every_column(repository: Path) -> None:
    page = (repository / "docs/query.md").read_text(encoding="utf-8")
    for view, columns in VIEWS.items():
        part = page.partition(f"## `{view}`")[2].partition("\n## ")[0]
        documented = [
            tuple(cell.strip().strip("`") for cell in line.strip("|").split("|"))[:2]
            for line in part.splitlines()
            if line.startswith("| `")
        ]
        assert documented == [(column.name, column.kind) for column in columns], view
