# SPDX-License-Identifier: Apache-2.0
"""The installed sockperf, measured with between two network namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import decode
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.instrument import INSTRUMENT
from tests.integration.cable import FAR, Cable, ip, result

pytestmark = [pytest.mark.root, pytest.mark.needs("sockperf", "ip", "ss"), pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    servers = INSTRUMENT.servers(FAR, INSTRUMENT.port)
    ports = [f"{server.transport}:{INSTRUMENT.port}" for server in servers]
    made = Cable("sockperf", [server.argv for server in servers], ports)
    try:
        made.up()
        yield made
    finally:
        made.down()


def measured(cable: Cable, folder: Path, parameters: dict[str, Any], **options: Any) -> dict[str, Any]:
    process = cable.module(folder, peer_address=FAR, trial={"order": 1, "parameters": parameters}, **options)
    return dict(result(process)["measured"])


@pytest.mark.parametrize(
    "parameters",
    [{"transport": "udp"}, {"transport": "tcp"}, {"mode": "under-load", "messages_per_second": 200}],
    ids=lambda told: " ".join(map(str, told.values())),
)
def test_every_message_is_there(cable: Cable, tmp_path: Path, parameters: dict[str, Any]) -> None:
    trial = measured(cable, tmp_path, {"duration_s": 1, **parameters})
    assert (trial["status"], trial["reason"]) == ("ok", None)
    ns = list(decode(trial["samples"]["columns"]["ns"]))
    assert len(ns) == trial["metrics"]["transactions"] > 80
    assert trial["metrics"]["min_us"] * 1000 == min(ns) > 0
    sent, received = (list(decode(trial["samples"]["columns"][name])) for name in ("sent", "received"))
    assert all(abs(got - left - took) <= 2 for left, got, took in zip(sent, received, ns, strict=True))
    assert sent == sorted(sent)
    assert not list(Path("/tmp").glob("netlab-testbed-sockperf*"))


def test_it_is_a_whole_round_trip(cable: Cable, tmp_path: Path) -> None:
    """Back to back, round trips fill the time that they took; halves would fill half of it."""
    metrics = measured(cable, tmp_path, {"duration_s": 1})["metrics"]
    covered = metrics["mean_us"] * metrics["transactions"] / 1e6
    assert 0.75 * metrics["elapsed_s"] < covered <= 1.001 * metrics["elapsed_s"]


def test_several_flows_at_once(cable: Cable, tmp_path: Path) -> None:
    flows = [{"peer_address": FAR} for _ in range(2)]
    trial = measured(cable, tmp_path, {"duration_s": 1}, flows=flows)
    assert trial["status"] == "ok", trial["reason"]
    assert set(decode(trial["samples"]["columns"]["flow"])) == {0, 1}
    refused = measured(cable, tmp_path, {"transport": "tcp"}, flows=flows)
    assert "several flows to one end need udp" in refused["reason"]


@pytest.mark.parametrize(
    ("transport", "said"), [("udp", "No messages were received"), ("tcp", "no sockperf server answers")]
)
def test_nobody_there_is_a_reason(cable: Cable, tmp_path: Path, transport: str, said: str) -> None:
    trial = measured(cable, tmp_path, {"duration_s": 1, "transport": transport}, control_port=11_999)
    assert trial["status"] == "failed"
    assert said in trial["reason"]


def test_a_run_that_does_not_end_is_ended(cable: Cable, tmp_path: Path) -> None:
    trial = measured(cable, tmp_path, {"duration_s": 30, "time_limit_s": 1})
    assert trial["reason"].startswith("sockperf was still running after 1 s")
    assert ip("netns", "pids", cable.near) == ""
    assert not list(Path("/tmp").glob("netlab-testbed-sockperf*"))


def test_its_version(cable: Cable, tmp_path: Path) -> None:
    assert result(cable.module(tmp_path))["sockperf"]["version"].startswith("3.")
