# SPDX-License-Identifier: Apache-2.0
"""A run on disk: what is written, what is refused, and what is missing after an interruption."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netlab.errors import InvalidInput, NetlabError
from netlab.plan import Plan, TrialSpec
from netlab.results import RunStore, samples
from netlab.results.manifest import WITHHELD, withhold_secrets
from netlab.results.shape import DamagedResult

Result = Callable[..., dict[str, Any]]


@pytest.fixture
def store(tmp_path: Path, small_plan: Plan) -> RunStore:
    return RunStore.create(tmp_path / "results", small_plan, versions={"python": "3"})


def manifest_of(store: RunStore) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((store.path / "manifest.json").read_text())
    return read


def test_a_new_run(store: RunStore, small_plan: Plan) -> None:
    assert re.fullmatch(r"\d{8}-\d{6}-small", store.name)
    written = manifest_of(store)
    assert written["schema_version"] == 2
    assert written["state"] == "running"
    assert written["plan"] == small_plan.as_dict()
    assert written["seed"] == 1
    assert written["order"] == [spec.as_dict() for spec in small_plan.trials()]
    assert [TrialSpec.from_dict(spec) for spec in store.missing()] == small_plan.trials()


def test_runs_of_one_second_have_names_of_their_own(tmp_path: Path, small_plan: Plan) -> None:
    names = {RunStore.create(tmp_path / "results", small_plan).name for _ in range(4)}
    assert len(names) == 4


def test_a_trial_is_a_line_and_its_raw_output_a_file(store: RunStore, result: Result) -> None:
    stored = store.append(result(store.missing()[0], raw="raw \udcff text\n"))
    first = store.manifest.order[0]
    assert stored["raw"] == f"raw/0001-{first['topology']}-netperf.txt.gz"
    assert gzip.decompress((store.path / stored["raw"]).read_bytes()) == b"raw \xff text\n"
    [line] = (store.path / "trials.jsonl").read_text().splitlines()
    assert json.loads(line) == stored
    assert [spec["order"] for spec in store.missing()] == [2, 3, 4]


def test_another_process_reads_while_this_one_writes(store: RunStore, result: Result, tmp_path: Path) -> None:
    store.append(result(store.missing()[0]))
    reader = RunStore.open(tmp_path / "results")
    assert reader.state == "running"
    assert len(reader.trials()) == 1
    with pytest.raises(NetlabError, match="being written by another netlab"):
        reader.resume()
    store.close()
    assert reader.state == "interrupted"  # nobody said so, but nobody writes


def test_finish(store: RunStore, result: Result, tmp_path: Path) -> None:
    for spec in store.missing():
        store.append(result(spec))
    store.finish("complete")
    reader = RunStore.open(tmp_path / "results", store.name)
    assert (reader.state, reader.missing()) == ("complete", [])
    assert reader.manifest.finished is not None


def test_resume_gives_every_trial_once(store: RunStore, result: Result, tmp_path: Path) -> None:
    specs = store.missing()
    store.append(result(specs[0]))
    store.append(result(specs[1], "failed"))
    store.append(result(specs[2], "skipped"))
    store.finish("interrupted")
    again = RunStore.open(tmp_path / "results", store.name)
    missing = again.resume()
    assert [spec["order"] for spec in missing] == [3, 4]  # a skipped trial may be possible now
    for spec in missing:
        again.append(result(spec))
    again.finish("complete")
    assert [line["order"] for line in again.outcomes()] == [1, 2, 3, 4]
    assert [line["status"] for line in again.outcomes()] == ["ok", "failed", "ok", "ok"]
    written = manifest_of(again)
    assert (written["state"], len(written["resumed"])) == ("complete", 1)


def test_a_result_that_is_there_is_not_written_again(store: RunStore, result: Result) -> None:
    spec = store.missing()[0]
    store.append(result(spec))
    with pytest.raises(NetlabError, match="recorded already"):
        store.append(result(spec))
    store.append(result(spec, board="board3"))  # another board measured the same trial: both count
    assert len(store.outcomes()) == 2


def retried(tmp_path: Path, small_plan: Plan, retries: int, *duts: str) -> RunStore:
    plan = small_plan.model_copy(update={"retries": retries})
    inventory = {name: {"role": "dut"} for name in duts} | {"other": {"role": "peer"}}
    return RunStore.create(tmp_path / "retried", plan, inventory=inventory)


def test_a_failed_trial_is_missing_until_its_retries_are_used_up(
    tmp_path: Path, small_plan: Plan, result: Result
) -> None:
    store = retried(tmp_path, small_plan, 2)
    spec = store.missing()[0]
    for attempt in (1, 2, 3):
        assert spec in store.missing()
        assert (spec in store.untried(store.missing())) == (attempt == 1)
        assert store.append(result(spec, "failed"))["attempt"] == attempt
    assert spec not in store.missing()
    assert {line["block"] for line in store.missing(block=2)} == {2}


def test_a_trial_is_done_when_every_dut_has_its_result(
    tmp_path: Path, small_plan: Plan, result: Result
) -> None:
    store = retried(tmp_path, small_plan, 1, "board1", "board3")
    spec = store.missing()[0]
    first = store.append(result(spec))
    assert first["raw"].endswith("-netperf-board1.txt.gz")
    assert spec in store.untried(store.missing()), "killed between the two lines"
    store.append(result(spec, "failed", board="board3"))
    assert spec in store.missing()
    assert spec not in store.untried(store.missing())
    assert store.has({**spec, "board": "board1"})
    assert not store.has({**spec, "board": "board3"})
    last = store.append(result(spec, board="board3"))
    assert last["raw"].endswith("-netperf-board3-attempt2.txt.gz")
    assert spec not in store.missing()
    assert [(line["board"], line["status"]) for line in store.outcomes()] == [
        ("board1", "ok"),
        ("board3", "ok"),
    ]


def test_a_failure_without_a_board_is_one_of_every_dut(
    tmp_path: Path, small_plan: Plan, result: Result
) -> None:
    store = retried(tmp_path, small_plan, 1, "board1", "board3")
    spec = store.missing()[0]
    store.append(result(spec, "failed", board=None, raw=None))
    assert spec not in store.untried(store.missing())
    assert [line["board"] for line in store.outcomes()] == [None]
    store.append(result(spec))
    assert [(line["board"], line["status"]) for line in store.outcomes()] == [("board1", "ok")]
    store.append(result(spec, "failed", board="board3"))
    assert spec not in store.missing()
    assert [(line["board"], line["status"]) for line in store.outcomes()] == [
        ("board1", "ok"),
        ("board3", "failed"),
    ]


def test_samples_go_to_a_file_that_the_line_names(store: RunStore, result: Result) -> None:
    from tests.unit.netlab.results.probes import packed

    spec = store.missing()[0]
    stored = store.append(result(spec, samples=packed(ns=[5, 7])))
    assert stored["samples"] == f"samples/0001-{spec['topology']}-netperf.parquet"
    assert list(samples.read(store.path / stored["samples"])["ns"]) == [5, 7]
    assert store.append(result(store.missing()[0], samples=None))["samples"] is None


@pytest.mark.parametrize("how", ["link", "up", "absolute"])
def test_samples_outside_of_the_run_are_not_opened(
    store: RunStore, result: Result, tmp_path: Path, how: str
) -> None:
    """A run may come from a colleague: its lines name what they like."""
    from tests.unit.netlab.results.probes import packed

    stored = store.append(result(store.missing()[0], samples=packed(ns=[5, 7])))
    assert list(store.read_samples(stored)["ns"]) == [5, 7]
    inside, elsewhere = store.path / stored["samples"], tmp_path / "elsewhere.parquet"
    inside.rename(elsewhere)
    if how == "link":
        inside.symlink_to(elsewhere)
    else:
        name = str(elsewhere) if how == "absolute" else os.path.relpath(elsewhere, store.path)
        stored = {**stored, "samples": name}
    with pytest.raises(InvalidInput, match="lies outside the run"):
        store.read_samples(stored)


def test_damaged_samples_are_refused_and_leave_no_line(store: RunStore, result: Result) -> None:
    spec = store.missing()[0]
    with pytest.raises(NetlabError, match="samples: the columns are not flow, seq"):
        store.append(result(spec, samples={"count": 3, "columns": {}}))
    assert store.trials() == []


def test_a_run_of_schema_version_1_is_read_and_resumed(
    store: RunStore, result: Result, tmp_path: Path
) -> None:
    store.close()
    old = manifest_of(store)
    for key in ("replica", "condition"):
        for spec in old["order"]:
            del spec[key]
    for key in ("retries", "aa_pair", "baseline", "warm_up_s", "pause_s", "quiet"):
        del old["plan"][key]
    del old["environment"]
    (store.path / "manifest.json").write_text(json.dumps({**old, "schema_version": 1}))
    with RunStore.open(tmp_path / "results", store.name) as again:
        first, second, *_ = again.resume()
        again.append(result(first))
        again.append(result({**second, "replica": 1, "condition": ""}, "failed"))
        assert [spec["order"] for spec in again.missing()] == [3, 4]
    assert manifest_of(store)["schema_version"] == 1


def test_the_environment_is_kept(store: RunStore) -> None:
    store.set_environment("before", {"board1": {"cpu": {"governor": "performance"}, "token": "x"}})
    store.set_quiet(1, {"board1": {"quiet": False, "said": "not quiet after 10.0 s"}})
    store.set_quiet(2, {"board1": {"quiet": True, "said": "quiet"}})
    assert manifest_of(store)["environment"] == {
        "before": {"board1": {"cpu": {"governor": "performance"}, "token": WITHHELD}},
        "after": None,
        "blocks": {
            "1": {"board1": {"quiet": False, "said": "not quiet after 10.0 s"}},
            "2": {"board1": {"quiet": True, "said": "quiet"}},
        },
    }


def test_a_retry_keeps_both_raw_files(store: RunStore, result: Result) -> None:
    spec = store.missing()[0]
    first = store.append(result(spec, "failed"))
    second = store.append(result(spec))
    assert first["raw"] != second["raw"]
    assert (store.path / first["raw"]).is_file()
    assert (store.path / second["raw"]).is_file()
    assert [line["status"] for line in store.trials()] == ["failed", "ok"]
    assert [line["status"] for line in store.outcomes()] == ["ok"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": 99}, "has no trial 99"),
        ({"replica": 2}, "has replica 2; the plan says 1"),
        ({"condition": "loud"}, "has condition 'loud'; the plan says ''"),
        ({"topology": "ovs"}, "has topology 'ovs'; the plan says"),
        ({"status": "done"}, "has the status 'done'"),
        ({"status": "failed", "reason": None}, "failed without a reason"),
    ],
)
def test_a_result_that_is_not_of_the_plan_is_refused(
    store: RunStore, result: Result, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(NetlabError, match=message):
        store.append({**result(store.missing()[0]), **change})
    assert store.trials() == []
    assert list((store.path / "raw").iterdir()) == []


def test_what_json_cannot_hold_becomes_null_and_a_flag(store: RunStore, result: Result) -> None:
    metrics = {"mean_us": 3.0, "stddev_us": float("nan"), "deep": [{"x": float("inf")}]}
    stored = store.append(result(store.missing()[0], metrics=metrics))
    assert stored["metrics"] == {"mean_us": 3.0, "stddev_us": None, "deep": [{"x": None}]}
    [flag] = stored["flags"]
    assert flag["rule"] == "not_a_number"
    assert "metrics.deep[0].x, metrics.stddev_us" in flag["text"]
    assert store.trials() == [stored]


def test_facts_and_accelerator(store: RunStore) -> None:
    store.set_accelerator({"board1": {"accelerator": "tcg", "reason": "no /dev/kvm"}})
    store.set_facts("before", {"board1": {"kernel": "6.1"}})
    store.set_facts("after", {"board1": {"kernel": "6.1"}})
    written = manifest_of(store)
    assert written["accelerator"] == {"board1": {"accelerator": "tcg", "reason": "no /dev/kvm"}}
    assert written["facts"] == {
        "before": {"board1": {"kernel": "6.1"}},
        "after": {"board1": {"kernel": "6.1"}},
    }


def test_secrets_of_the_inventory_stay_out(tmp_path: Path, small_plan: Plan) -> None:
    inventory = {"hosts": [{"ansible_ssh_pass": "x", "ansible_become_password": "x", "api_token": "x"}]}
    store = RunStore.create(tmp_path / "results", small_plan, inventory=inventory)
    assert set(manifest_of(store)["inventory"]["hosts"][0].values()) == {WITHHELD}


def test_what_is_no_secret_is_kept() -> None:
    kept = {"ansible_password_file": "p", "bypass": 1, "board_nic": "eth1", "ansible_ssh_pass": None}
    assert withhold_secrets(kept) == kept


def test_the_manifest_is_never_half_there(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (store.path / "manifest.json").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("netlab.results.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.set_facts("before", {})
    assert (store.path / "manifest.json").read_bytes() == before
    assert sorted(path.name for path in store.path.iterdir()) == ["manifest.json", "raw", "trials.jsonl"]


def test_a_manifest_of_a_later_netlab_is_refused(store: RunStore, tmp_path: Path) -> None:
    written = manifest_of(store)
    (store.path / "manifest.json").write_text(json.dumps({**written, "schema_version": 3}))
    with pytest.raises(
        InvalidInput, match=r"manifest\.json: schema_version: .*\n  expected: schema version 2 or older"
    ):
        RunStore.open(tmp_path / "results", store.name)


def test_keys_of_a_later_netlab_survive_a_resume(store: RunStore, tmp_path: Path) -> None:
    store.close()
    written = manifest_of(store)
    (store.path / "manifest.json").write_text(json.dumps({**written, "weather": "fine"}))
    with RunStore.open(tmp_path / "results", store.name) as again:
        again.resume()
    assert manifest_of(store)["weather"] == "fine"


def test_a_run_that_holds_nothing_can_be_discarded(store: RunStore) -> None:
    (store.path / "provenance.json").write_text("{}")  # every run has it, from its beginning
    assert store.discard()
    assert not store.path.exists()


@pytest.mark.parametrize("what", ["result", "environment", "resumed", "file"])
def test_a_run_that_holds_something_is_not_discarded(store: RunStore, result: Result, what: str) -> None:
    if what == "result":
        store.append(result(store.missing()[0]))
    elif what == "environment":
        store.set_environment("before", {"board1": {"kernel": "6.1"}})
    elif what == "resumed":
        store.resume()
    else:
        (store.path / "notes.txt").write_text("mine")
    assert not store.discard()
    assert (store.path / "manifest.json").is_file()


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {"p50_us": "fast"}},
        {"metrics": {"p50_us": 10**30}},
        {"flags": ["odd"]},
        {"board": "a\nb"},
        {"command": {"a": 1}},
        {"guest": "\x1b[31m"},
    ],
)
def test_a_result_that_could_not_be_read_again_is_refused(
    store: RunStore, result: Result, change: dict[str, Any]
) -> None:
    with pytest.raises(DamagedResult, match="what the board sent is no result: "):
        store.append({**result(store.missing()[0]), **change})
    assert store.trials() == []
    assert list((store.path / "raw").iterdir()) == []


def test_a_result_that_is_nested_too_deep_is_refused(store: RunStore, result: Result) -> None:
    deep: list[Any] = []
    for _level in range(100_000):
        deep = [deep]
    with pytest.raises(DamagedResult, match="nested deeper"):
        store.append(result(store.missing()[0], counters={"before": deep}))
    assert store.trials() == []
