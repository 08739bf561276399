# SPDX-License-Identifier: Apache-2.0
"""Finding a run by its name, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netlab.errors import InvalidInput
from netlab.plan import Plan
from netlab.results import RunStore, list_runs

Result = Callable[..., dict[str, Any]]


def test_runs_are_listed_oldest_first(tmp_path: Path, small_plan: Plan, result: Result) -> None:
    first, second = (RunStore.create(tmp_path, small_plan) for _ in range(2))
    first.append(result(first.missing()[0]))
    first.close()
    found = list_runs(tmp_path)
    assert [run.name for run in found] == [first.name, second.name]
    assert [(run.state, run.done, run.planned) for run in found] == [("interrupted", 1, 4), ("running", 0, 4)]
    assert found[0].topologies == ["host", "tap"]
    assert found[0].as_dict()["path"] == str(first.path)


def test_latest_is_the_one_begun_last(tmp_path: Path, small_plan: Plan) -> None:
    stores = [RunStore.create(tmp_path, small_plan) for _ in range(11)]  # …-10 sorts before …-2 as text
    assert RunStore.open(tmp_path).name == stores[-1].name
    assert RunStore.open(tmp_path, "latest").name == stores[-1].name


def test_open_by_name_and_by_path(tmp_path: Path, small_plan: Plan) -> None:
    store = RunStore.create(tmp_path, small_plan)
    assert RunStore.open(tmp_path, store.name).path == store.path
    assert RunStore.open(Path("/nowhere"), str(store.path)).name == store.name


def test_no_such_run(tmp_path: Path, small_plan: Plan) -> None:
    with pytest.raises(InvalidInput, match="there is no run in") as caught:
        RunStore.open(tmp_path / "absent")
    assert caught.value.hint == "netlab demo"
    store = RunStore.create(tmp_path, small_plan)
    with pytest.raises(InvalidInput, match=f"did you mean {store.name}"):
        RunStore.open(tmp_path, store.name[:-1])
    for name in ("", "..", "../x", str(tmp_path)):
        with pytest.raises(InvalidInput):
            RunStore.open(tmp_path, name)


def test_a_damaged_run_is_listed_and_hides_no_other(tmp_path: Path, small_plan: Plan) -> None:
    good, bad = (RunStore.create(tmp_path, small_plan) for _ in range(2))
    (bad.path / "manifest.json").write_text("{")
    (tmp_path / "not-a-run").mkdir()
    assert {run.name: run.state for run in list_runs(tmp_path)} == {good.name: "running", bad.name: "damaged"}
    assert RunStore.open(tmp_path).name == good.name
