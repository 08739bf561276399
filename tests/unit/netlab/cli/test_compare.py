# SPDX-License-Identifier: Apache-2.0
"""netlab compare: two runs in a folder, held against each other."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from netlab.plan import Plan
from netlab.results import RunStore

BASE = {"host": 30.0, "tap": 350.0}


def facts(governor: str, kernel: str = "6.1.0") -> dict[str, Any]:
    """A board's environment."""
    return {"kernel": {"release": kernel}, "cpu": {"frequency": {"governor": governor}, "count": 4}}


def make(
    name: str,
    slower: Mapping[str, float] | None = None,
    *,
    seed: int = 1,
    environment: Mapping[str, Any] | None = None,
    **plan: Any,
) -> RunStore:
    """A complete run in ./results whose trials differ by 2 %; `slower` by topology."""
    given = {"name": name, "topologies": ["host", "tap"], "blocks": 8, "instruments": ["ruler"], **plan}
    store = RunStore.create(Path("results"), Plan.model_validate(given))
    if environment is not None:
        store.set_environment("before", {"board1": environment})
        store.set_environment("after", {"board1": environment})
    chance = random.Random(seed)
    for spec in store.missing():
        p50 = BASE[spec["topology"]] * (slower or {}).get(spec["topology"], 1.0) * chance.gauss(1, 0.02)
        store.append(
            {
                **spec,
                "board": "board1",
                "guest": None,
                "status": "ok",
                "reason": None,
                "metrics": {
                    "min_us": p50 * 0.8,
                    "mean_us": p50 * 1.05,
                    "p50_us": p50,
                    "p90_us": p50 * 1.2,
                    "p99_us": p50 * 2,
                    "max_us": p50 * 9,
                    "stddev_us": p50 * 0.3,
                    "transactions": 3000,
                    "transaction_rate": 980000 / p50,
                },
                "flags": [],
                "raw": None,
            }
        )
    store.finish("complete")
    return store


def verdicts(netlab: Any, a: RunStore, b: RunStore, *options: str) -> dict[tuple[str, str | None], str]:
    ended = netlab("compare", a.name, b.name, "--json", *options)
    assert ended.status == 0, ended.err
    return {(own["topology"], own["figure"]): own["verdict"] for own in json.loads(ended.out)["conditions"]}


def test_a_slower_topology_is_worse_and_the_others_are_the_same(netlab) -> None:
    a, b = make("a"), make("b", {"tap": 1.2}, seed=2)
    found = verdicts(netlab, a, b)
    assert found["host", "p50_us"] == "same"
    assert found["tap", "p50_us"] == found["tap", "p99_us"] == found["tap", "transaction_rate"] == "worse"
    assert ("tap", "mean_us") not in found  # p50 says it


def test_direction(netlab) -> None:
    """Lower latency is better, and so is a higher rate: the other way round everything is."""
    a, b = make("a", {"tap": 1.2}), make("b", seed=2)
    found = verdicts(netlab, a, b)
    assert found["tap", "p50_us"] == found["tap", "transaction_rate"] == "better"


def test_what_it_prints(netlab) -> None:
    a = make("a", environment=facts("performance"))
    b = make("b", {"tap": 1.2}, seed=2, environment=facts("powersave", "6.12.1"))
    ended = netlab("compare", a.name, b.name)
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"A: {a.name}, 20")
    table = [line.split() for line in lines]
    assert [
        "topology",
        "figure",
        "A",
        "B",
        "change",
        "95",
        "%",
        "interval",
        "less",
        "host's",
        "verdict",
    ] in table
    [tap] = [line for line in table if line[:2] == ["tap", "p50,"]]
    assert tap[-1] == "worse"
    assert "+" in tap[5]
    [host] = [line for line in table if line[:2] == ["host", "p50,"]]
    assert host[-4:] == ["same", "within", "5", "%"]
    causes = ended.out.partition("most likely causes of another latency first:\n")[2]
    assert causes.index("governor") < causes.index("6.12.1")  # a governor sways more than a kernel
    assert "performance" in causes
    assert "powersave" in causes


def test_the_margin_is_how_far_the_same_reaches(netlab) -> None:
    a, b = make("a"), make("b", {"tap": 1.2}, seed=2)
    assert verdicts(netlab, a, b, "--margin", "30")["tap", "p50_us"] == "same"
    assert verdicts(netlab, a, b, "--margin", "0")["host", "p50_us"] == "not resolved"
    said = netlab("compare", a.name, b.name, "--margin", "30").out
    assert "same within 30 %" in said


@pytest.mark.parametrize(("slower", "status"), [(1.2, 5), (1.0, 0), (0.8, 0)])
def test_fail_on_worse(netlab, slower: float, status: int) -> None:
    a, b = make("a"), make("b", {"tap": slower}, seed=2)
    ended = netlab("compare", a.name, b.name, "--fail-on", "worse")
    assert ended.status == status
    assert "topology" in ended.out  # the comparison is printed all the same
    assert ("worse" in ended.err) == (status == 5)
    assert netlab("compare", a.name, b.name).status == 0


def test_what_the_baseline_explains_is_not_worse(netlab) -> None:
    """Everything is a fifth slower, the baseline too: it may be the day."""
    a, b = make("a"), make("b", {"host": 1.2, "tap": 1.2}, seed=2)
    assert set(verdicts(netlab, a, b).values()) == {"changed"}
    assert netlab("compare", a.name, b.name, "--fail-on", "worse").status == 0
    ended = netlab("compare", a.name, b.name, "--fail-on", "changed")
    assert ended.status == 5
    assert "are worse, or changed for the worse" in ended.err
    said = " ".join(ended.out.split())
    assert "Two single runs cannot tell a change of the path from a change of the day" in said
    assert netlab("compare", b.name, a.name, "--fail-on", "changed").status == 0  # the other way it is faster


def test_without_a_baseline_in_both_nothing_is_worse(netlab) -> None:
    a, b = make("a", topologies=["tap"]), make("b", {"tap": 1.2}, topologies=["tap"], seed=2)
    assert set(verdicts(netlab, a, b).values()) == {"changed"}
    assert "less host's" not in netlab("compare", a.name, b.name).out


def test_what_is_beyond_the_baseline_is_told(netlab) -> None:
    a, b = make("a"), make("b", {"host": 1.1, "tap": 1.5}, seed=2)
    said = json.loads(netlab("compare", a.name, b.name, "--json").out)["conditions"]
    own = {(own["topology"], own["figure"]): own for own in said}
    tap, host = own["tap", "p50_us"], own["host", "p50_us"]
    assert (tap["verdict"], tap["baseline"]) == ("worse", "host")
    assert tap["net_share_ci"]["low"] <= 1.5 / 1.1 - 1 <= tap["net_share_ci"]["high"]
    assert (host["baseline"], host["net_share"], host["net_share_ci"]) == (None, None, None)


def test_what_only_one_run_has(netlab) -> None:
    a, b = make("a"), make("b", topologies=["host"])
    found = verdicts(netlab, a, b)
    assert found["tap", None] == "only in A"
    assert verdicts(netlab, b, a)["tap", None] == "only in B"
    assert "only in A" in netlab("compare", a.name, b.name).out


def test_other_parameters_are_another_condition(netlab) -> None:
    told = [{"name": "ruler", "parameters": {"length": 2}}]
    a, b = make("a"), make("b", instruments=told)
    ended = netlab("compare", a.name, b.name)
    assert ended.status == 2
    assert "have no condition in common" in ended.err


def test_too_few_blocks(netlab) -> None:
    a, b = make("a", blocks=3), make("b", {"tap": 2}, blocks=3, seed=2)
    assert set(verdicts(netlab, a, b).values()) == {"insufficient samples"}
    said = netlab("compare", a.name, b.name).out
    assert "insufficient samples (3 and 3 blocks)" in said
    assert "needs at least 4 blocks with a good trial in each run" in said


def test_a_run_against_itself_is_refused(netlab) -> None:
    a = make("a")
    ended = netlab("compare", a.name, "latest")
    assert ended.status == 2
    assert f"{a.name} and latest are the same run" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "b"], "no run is called 'a'"),
        (["a"], "Missing argument"),
        (["a", "b", "--margin", "x"], "--margin"),
        (["a", "b", "--margin", "-1"], "--margin"),
        (["a", "b", "--fail-on", "better"], "--fail-on"),
    ],
)
def test_misuse(netlab, arguments: list[str], words: str) -> None:
    ended = netlab("compare", *arguments)
    assert ended.status == 2
    assert words in ended.err
    assert ended.out == ""


def test_runs_of_an_older_netlab_can_be_compared(netlab) -> None:
    """Without conditions, replicas and an environment in their manifests."""
    stores = [make("a"), make("b", {"tap": 1.2}, seed=2)]
    for store in stores:
        path = store.path / "manifest.json"
        contents = json.loads(path.read_text())
        contents["schema_version"] = 1
        contents.pop("environment", None)
        for key in ("baseline", "aa_pair", "warm_up_s", "pause_s", "retries", "quiet"):
            contents["plan"].pop(key, None)
        for spec in contents["order"]:
            spec.pop("condition", None)
            spec.pop("replica", None)
        path.write_text(json.dumps(contents))
    assert verdicts(netlab, *stores)["tap", "p50_us"] == "worse"


def test_every_difference_of_the_environment_is_in_the_document(netlab) -> None:
    a, b = make("a", environment=facts("performance")), make("b", environment=facts("powersave"))
    said = json.loads(netlab("compare", a.name, b.name, "--json").out)
    assert said["a"]["run"] == a.name
    assert said["margin_percent"] == 5
    assert said["environment_known"] == {"a": True, "b": True}
    [cause] = said["differences"]
    assert (cause["board"], cause["a"], cause["b"]) == ("board1", "performance", "powersave")
    own = said["conditions"][0]
    assert own["trials_a"] == own["trials_b"] == 8
    assert own["share_ci"]["low"] <= own["share"] <= own["share_ci"]["high"]
