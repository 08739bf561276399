# SPDX-License-Identifier: Apache-2.0
"""How long a plan will take: from what earlier runs took, and from stated assumptions where there are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from netlab.cli import estimate as module
from netlab.cli.estimate import BETWEEN, DEPLOYMENT, LENGTH, LOOK, Costs, estimate, learn
from netlab.plan import Plan
from netlab.results import RunStore

BEGIN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def topologies() -> None:
    """No throw-away lab: nothing is played here."""


def plan(**told: Any) -> Plan:
    usual = {"name": "p", "topologies": ["host", "tap"], "blocks": 2, "aa_pair": False, "warm_up_s": 0}
    return Plan.model_validate(
        {**usual, "instruments": [{"name": "netperf", "parameters": {"duration_s": 7}}, "irtt"], **told}
    )


def specs_of(wanted: Plan) -> list[dict[str, Any]]:
    return [spec.as_dict() for spec in wanted.trials()]


def test_without_earlier_runs_it_is_assumed_and_said() -> None:
    wanted = plan()
    expected = estimate(specs_of(wanted), wanted.as_dict(), Costs())
    trials = 4 * (7 + LENGTH) + 4 * BETWEEN  # the others come after a deployment
    assert expected.total == pytest.approx(trials + 4 * DEPLOYMENT + 3 * LOOK)
    assert [words.partition(":")[0] for words in expected.told] == ["assumed", "assumed"]
    assert expected.after == LOOK


def test_the_plans_own_rest_counts() -> None:
    quick, slow = (plan(warm_up_s=warm_up, pause_s=2 * warm_up) for warm_up in (0, 1))
    took = [estimate(specs_of(wanted), wanted.as_dict(), Costs()).total for wanted in (quick, slow)]
    assert took[1] - took[0] == pytest.approx(8 * 3)


def test_nothing_to_do_takes_no_time() -> None:
    assert estimate([], plan().as_dict(), Costs()).total == 0


def recorded(results: Path, wanted: Plan, *, took: float, between: float, deployment: float) -> RunStore:
    """A run in which everything took as long as that."""
    store = RunStore.create(results, wanted)
    now, before = BEGIN, None
    for spec in store.missing():
        plot = (spec["block"], spec["topology"])
        now += timedelta(seconds=between if plot == before else deployment)
        started, now, before = now, now + timedelta(seconds=took), plot
        told = {"started": started.isoformat(), "finished": now.isoformat()}
        store.append({**spec, **told, "board": "b", "status": "ok", "reason": None, "metrics": {}})
    store.finish("complete")
    return store


def test_what_earlier_runs_took_is_expected_again(tmp_path: Path) -> None:
    wanted = plan(blocks=3)
    recorded(tmp_path, wanted, took=5, between=0.3, deployment=20)
    costs = learn(tmp_path)
    expected = estimate(specs_of(wanted), wanted.as_dict(), costs)
    assert expected.told == ["as in 1 earlier run here: 12 of 12 trials, 6 of 6 deployments"]
    assert expected.total == pytest.approx(12 * 5 + 6 * 0.3 + 6 * 20 + 4 * LOOK)
    other = plan(topologies=["host", "ovs"], blocks=3)
    told = estimate(specs_of(other), other.as_dict(), costs).told
    assert told[0].endswith("6 of 12 trials, 3 of 6 deployments")
    assert len(told) == 3


def test_a_night_between_two_halves_of_a_run_is_no_deployment(tmp_path: Path) -> None:
    wanted = plan(blocks=1)
    store = recorded(tmp_path, wanted, took=5, between=0.3, deployment=40000)
    with RunStore.open(tmp_path, store.name) as again:
        again.resume()
        again.manifest.resumed = [(BEGIN + timedelta(seconds=60000)).isoformat()]
        again.finish("complete")
    assert learn(tmp_path).deployments == {}


def test_a_damaged_run_teaches_nothing_and_hides_no_other(tmp_path: Path) -> None:
    wanted = plan()
    recorded(tmp_path, wanted, took=5, between=0.3, deployment=20)
    damaged = recorded(tmp_path, wanted, took=50, between=0.3, deployment=20)
    (damaged.path / "trials.jsonl").write_text("{\n")
    costs = learn(tmp_path)
    assert costs.runs == 1
    assert set(map(tuple, costs.trials.values())) == {(5.0, 5.0)}
    assert learn(tmp_path / "absent").runs == 0


def test_only_the_newest_runs_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUNS", 2)
    for _ in range(3):
        recorded(tmp_path, plan(blocks=1), took=5, between=0.3, deployment=20)
    assert learn(tmp_path).runs == 2
