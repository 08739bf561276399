# SPDX-License-Identifier: Apache-2.0
"""A finished run of the demo plan with invented figures, the same every time, and what can go wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest

from netlab import plan
from netlab.plan import Plan
from netlab.results import RunStore

Make = Callable[..., RunStore]

BASE = {"host": 31, "user": 640, "tap": 352, "macvtap": 338, "ovs": 415, "xdp": 345}
COMMAND = [
    "netperf",
    "-P",
    "0",
    "-H",
    "192.168.20.1",
    "-t",
    "TCP_RR",
    "-l",
    "-3000",
    "--",
    "-k",
    "MIN_LATENCY",
]
CONNECT = "the first sample of TCP_RR contains connect(): max, mean and stddev are too high by it"
INVENTORY = {
    "board1": {"role": "dut", "groups": ["duts", "local_boards"], "variables": {"board_nic": "eth1"}},
    "board2": {"role": "peer", "groups": ["local_boards", "peers"], "variables": {"board_nic": "eth1"}},
}
TCG = {"accelerator": "tcg", "reason": "the guest kernel did not boot under KVM within 10 s"}


class Clock(datetime):
    """Always the same moment, so that the run has always the same name."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        return cls(2026, 11, 22, 10, 15, 30, tzinfo=tz or UTC)


def facts(name: str) -> dict[str, Any]:
    return {
        "hostname": name,
        "arch": "x86_64",
        "kernel": "6.1.0-28-amd64",
        "os": {"id": "debian", "version": "12"},
        "cpus": 2,
        "memory_mib": 7950,
        "nic": {"name": "eth1", "driver": "veth"},
    }


def figures(topology: str, block: int) -> dict[str, Any]:
    base = BASE[topology] + block
    return {
        "min_us": base * 3 // 5,
        "mean_us": base * 1.02,
        "p50_us": base,
        "p90_us": base * 13 // 10,
        "p99_us": base * 19 // 10,
        "max_us": base * 9,
        "stddev_us": base * 0.31,
        "transactions": 3000,
        "transaction_rate": 980000 / base,
    }


def trial(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A good result of this planned trial."""
    return {
        **spec,
        "board": "board1",
        "guest": None if spec["topology"] == "host" else "guest1",
        "status": "ok",
        "reason": None,
        "pacing": "back-to-back",
        "command": COMMAND,
        "metrics": figures(spec["topology"], spec["block"]),
        "flags": [{"rule": "first_sample_contains_connect", "text": CONNECT}],
        "raw": "MIN_LATENCY=1\n",
    }


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """make(change, plan): a complete run; `change(trial)` alters a result, or leaves it out with None."""
    monkeypatch.chdir(tmp_path)  # the run's path, which reports print, is the same on every machine
    monkeypatch.setattr("netlab.results.store.datetime", Clock)
    monkeypatch.delenv("COLUMNS", raising=False)

    def make_run(
        change: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda result: result,
        wanted: Plan | None = None,
        **told: Any,
    ) -> RunStore:
        given: dict[str, Any] = {"inventory": INVENTORY, "accelerator": {"board1": TCG}, **told}
        store = RunStore.create(
            Path("results"), wanted or plan.load("demo"), versions={"ansible-core": "2.19.4"}, **given
        )
        store.set_facts("before", {name: facts(name) for name in INVENTORY})
        for spec in store.missing():
            result = change(trial(spec))
            if result is not None:
                store.append(result)
        store.finish("complete" if not store.missing() else "interrupted")
        return store

    return make_run


@pytest.fixture
def complete(make: Make) -> RunStore:
    """All went well."""
    return make()


@pytest.fixture
def troubled(make: Make) -> RunStore:
    """One trial failed, a topology was skipped, figures broke a rule, and the run was interrupted."""

    def change(result: dict[str, Any]) -> dict[str, Any] | None:
        nothing = {"metrics": {}, "flags": [], "raw": None, "guest": None}
        match result["topology"], result["block"]:
            case "tap", 2:
                return {
                    **result,
                    **nothing,
                    "status": "failed",
                    "reason": "guest1 did not answer\n  within 60 s",
                }
            case "xdp", _:
                reason = 'board1: clang is missing <script>alert("x")</script> \x1b[31m|red|'
                return {**result, **nothing, "status": "skipped", "reason": reason, "board": None}
            case "ovs", 1:
                return {**result, "metrics": {**result["metrics"], "p50_us": 9000}}
            case "macvtap", 2:
                return None
            case "user", _:
                return {**result, "metrics": {**result["metrics"], "transactions": 600}}
        return result

    return make(change)
