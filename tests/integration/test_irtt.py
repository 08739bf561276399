# SPDX-License-Identifier: Apache-2.0
"""The installed irtt, measured with between two network namespaces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.irtt.instrument import INSTRUMENT
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import MISSING, decode
from tests.integration.cable import FAR, Cable, ip, result

pytestmark = [pytest.mark.root, pytest.mark.needs("irtt", "ip", "ss"), pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    servers = INSTRUMENT.servers(FAR, INSTRUMENT.port)
    made = Cable("irtt", [server.argv for server in servers], [f"udp:{INSTRUMENT.port}"])
    try:
        made.up()
        yield made
    finally:
        made.down()


def measured(cable: Cable, folder: Path, parameters: dict[str, Any], **options: Any) -> dict[str, Any]:
    process = cable.module(folder, peer_address=FAR, trial={"order": 1, "parameters": parameters}, **options)
    return dict(result(process)["measured"])


def test_every_probe_is_there(cable: Cable, tmp_path: Path) -> None:
    before = time.time_ns()
    trial = measured(cable, tmp_path, {"duration_s": 1, "interval_ms": 5})
    after = time.time_ns()
    assert (trial["status"], trial["reason"]) == ("ok", None)
    columns = {name: list(decode(packed)) for name, packed in trial["samples"]["columns"].items()}
    assert trial["samples"]["count"] == len(columns["ns"]) == trial["metrics"]["requests_sent"]
    assert 150 <= trial["samples"]["count"] <= 200
    assert all(
        before < sent < got < after for sent, got in zip(columns["sent"], columns["received"], strict=True)
    )
    steps = {
        later - earlier for earlier, later in zip(columns["intended"], columns["intended"][1:], strict=False)
    }
    assert all(step % 5_000_000 == 0 for step in steps)
    assert trial["metrics"]["p50_us"] * 1000 in columns["ns"]
    assert '"round_trips"' in trial["raw"]
    assert ip("netns", "pids", cable.near) == ""
    assert not list(Path("/tmp").glob("netlab-testbed-irtt*"))


def test_lost_answers_are_missing_and_say_which_way(cable: Cable, tmp_path: Path) -> None:
    process = cable.module(
        tmp_path, peer_address=FAR, trial={"order": 1, "parameters": {"duration_s": 2, "interval_ms": 5}}
    )
    cable.wait_for_traffic(50)
    cable.lose_answers(0.1)
    trial = result(process)["measured"]
    lost = trial["metrics"]["requests_lost"]
    assert 5 <= lost <= 60
    assert trial["metrics"]["lost_on_the_way_back"] == lost
    assert list(decode(trial["samples"]["columns"]["ns"])).count(MISSING) == lost
    assert "probes_lost" in {flag["rule"] for flag in trial["flags"]}


def test_several_flows_at_once(cable: Cable, tmp_path: Path) -> None:
    flows = [{"peer_address": FAR} for _ in range(3)]
    trial = measured(cable, tmp_path, {"duration_s": 1}, flows=flows)
    assert trial["status"] == "ok", trial["reason"]
    flow = list(decode(trial["samples"]["columns"]["flow"]))
    assert set(flow) == {0, 1, 2}
    assert trial["metrics"]["transactions"] == sum(one["metrics"]["transactions"] for one in trial["flows"])
    latest = max(one["started"] for one in trial["flows"])
    assert latest < min(one["finished"] for one in trial["flows"])


def test_the_warm_up_leaves_nothing(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"duration_s": 0.2}, warm_up_s=0.2, interfaces=["nlnear"])
    assert trial["status"] == "ok", trial["reason"]
    before, after = (trial["counters"][when]["board"]["interfaces"]["nlnear"] for when in ("before", "after"))
    sent = trial["metrics"]["requests_sent"]
    assert sent <= after["tx_packets"] - before["tx_packets"] <= sent + 10, (
        "only the measurement lies between them"
    )
    assert not list(Path("/tmp").glob("netlab-testbed-irtt*"))


def test_one_clock_gives_figures_of_one_way(cable: Cable, tmp_path: Path) -> None:
    metrics = measured(cable, tmp_path, {"duration_s": 0.5, "one_way": True})["metrics"]
    assert 0 < metrics["one_way_there_p50_us"] < metrics["max_us"]


def test_nobody_there_is_a_reason(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"duration_s": 1}, control_port=2999)
    assert trial["status"] == "failed"
    assert "no irtt server answers" in trial["reason"]
    assert not list(Path("/tmp").glob("netlab-testbed-irtt*"))


def test_a_run_that_does_not_end_is_ended(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"duration_s": 30, "time_limit_s": 1})
    assert trial["reason"] == "irtt was still running after 1 s"
    assert ip("netns", "pids", cable.near) == ""
    assert not list(Path("/tmp").glob("netlab-testbed-irtt*"))


def test_its_version(cable: Cable, tmp_path: Path) -> None:
    assert result(cable.module(tmp_path))["irtt"]["version"].startswith("0.9")
