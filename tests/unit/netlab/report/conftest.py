# SPDX-License-Identifier: Apache-2.0
"""A finished run of the demo plan with invented figures, the same every time, and what can go wrong in it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy
import pytest

from netlab import plan, report
from netlab.plan import Plan
from netlab.report.row import Difference, Interval, Row
from netlab.results import RunStore
from netlab.results.manifest import Environment

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


# -- a run that has everything to show, without the analysis ------------------------------------------------


@dataclass(frozen=True)
class Points:
    """A series as netlab.analysis.series gives it."""

    topology: str
    scenario: str
    condition: str
    instrument: str
    replica: int
    ecdf: tuple[tuple[float, float], ...]
    percentiles: tuple[tuple[float, float], ...]
    by_order: tuple[tuple[int, int, float | None, float | None], ...]
    exact: bool = True


LOADS = {"different-cpus": "bulk 941 Mbit/s (903 to 955)", "same-cpu": "bulk 873 Mbit/s (699 to 912)"}
SLOWER = {"": 1.0, "alone": 1.0, "different-cpus": 1.6, "same-cpu": 2.4}


class Rich:
    """A run of three scenarios with ten blocks: drawn from a log-normal, with a stall now and then."""

    def __init__(self, store: RunStore) -> None:
        self.name, self.path, self.state = store.name, store.path, "complete"
        self._kinds = [
            ("host", "latency", "", "irtt", 1),
            ("host", "latency", "", "irtt", 2),
            *((topology, "latency", "", "irtt", 1) for topology in BASE if topology != "host"),
            *(
                (topology, "interference", condition, "irtt", 1)
                for topology in ("host", "tap", "macvtap")
                for condition in ("alone", "different-cpus", "same-cpu")
            ),
            *((topology, "scaling", str(n), "irtt", 1) for topology in ("tap", "xdp") for n in (1, 2, 3, 4)),
        ]
        self._order = [
            {
                "order": index * len(self._kinds) + place + 1, "block": index + 1, "topology": kind[0],
                "scenario": kind[1], "condition": kind[2], "instrument": kind[3], "replica": kind[4],
                "parameters": {},
            }
            for index in range(10)
            for place, kind in enumerate(random.Random(index).sample(self._kinds, len(self._kinds)))
        ]  # fmt: skip
        environment = Environment.model_validate(
            {
                "before": {"board1": {"kernel": {"release": "6.1.0"}, "cpu": {"governor": "performance"}}},
                "after": {"board1": {"kernel": {"release": "6.1.0"}, "cpu": {"governor": "powersave"}}},
                "blocks": {"3": {"board1": {"quiet": False, "said": "not quiet after 30.0 s: 71 % idle"}}},
            }
        )
        self.manifest = store.manifest.model_copy(
            update={"order": self._order, "environment": environment, "state": "complete"}
        )
        self._drawn = {kind: self._samples(kind) for kind in self._kinds}

    def _samples(self, kind: tuple[str, str, str, str, int]) -> list[Any]:
        topology, _, condition, _, _ = kind
        rng = numpy.random.default_rng(self._kinds.index(kind))
        factor = 1 + 0.35 * (int(condition) - 1) if condition.isdigit() else SLOWER[condition]
        runs = []
        for _ in range(10):
            centre = BASE[topology] * factor * rng.normal(1, 0.02)
            samples = centre * rng.lognormal(0, 0.12 * factor, 2000)
            stalls = rng.random(2000) < 0.002 * factor
            runs.append(numpy.sort(numpy.where(stalls, samples + rng.exponential(4000, 2000), samples)))
        return runs

    def outcomes(self) -> list[dict[str, Any]]:
        taken = dict.fromkeys(self._kinds, 0)
        lines = []
        for spec in self._order:
            kind = (
                spec["topology"], spec["scenario"], spec["condition"], spec["instrument"], spec["replica"]
            )  # fmt: skip
            samples = self._drawn[kind][taken[kind]]
            taken[kind] += 1
            load = LOADS.get(str(spec["condition"]))
            lines.append(
                {
                    **spec,
                    "board": "board1",
                    "guest": None if spec["topology"] == "host" else "guest1",
                    "status": "ok",
                    "reason": None,
                    "pacing": "every 10 ms",
                    "command": ["irtt", "client", "-i", "10ms", "192.168.20.1"],
                    "loads": [{"name": "B", "command": ["netperf", "-t", "TCP_MAERTS"]}] if load else [],
                    "metrics": {
                        "min_us": float(samples[0]),
                        "p50_us": float(numpy.median(samples)),
                        "p99_us": float(numpy.quantile(samples, 0.99)),
                        "max_us": float(samples[-1]),
                        "transactions": len(samples),
                    },
                    "flags": [{"rule": "seldom", "text": "a note"}] if spec["order"] == 7 else [],
                }
            )
        return lines

    def rows(self) -> list[Row]:
        return [self._row(kind) for kind in self._kinds]

    def _row(self, kind: tuple[str, str, str, str, int]) -> Row:
        topology, scenario, condition, instrument, replica = kind
        every = numpy.sort(numpy.concatenate(self._drawn[kind]))
        own = float(numpy.median(every))
        baseline = (self._kinds[0][0], scenario, condition, instrument, 1)
        difference = None
        if baseline in self._drawn:
            shift = own - float(numpy.median(numpy.concatenate(self._drawn[baseline])))
            same = topology == "host" and replica == 1
            verdict: Any = "baseline" if same else "higher" if shift > 3 else "not resolved"
            difference = Difference(
                "host", 10, verdict, shift, Interval(shift - 0.03 * own, shift + 0.03 * own),
                shift / BASE["host"], 1.0 if shift > 3 else 0.1, 1.4 if scenario == "latency" else None,
            )  # fmt: skip
        return Row(
            topology, scenario, instrument, 10, condition, replica, len(every), 0.0004,
            *(float(every[0]), float(every.mean()), own),
            *(float(numpy.quantile(every, share)) for share in (0.9, 0.99, 0.999)),
            *(float(every[-1]), "2026-11-22T10:20:11.5+00:00", float(every.std()), 4.0, 90.0),
            Interval(own * 0.98, own * 1.02), None, difference, LOADS.get(condition, ""),
        )  # fmt: skip

    def rows_and_series(self) -> tuple[list[Row], list[Points]]:
        return self.rows(), self._series()

    def _series(self) -> list[Points]:
        made = []
        for kind in self._kinds:
            every = numpy.sort(numpy.concatenate(self._drawn[kind]))
            size = len(every)
            shares = [1 - 10 ** (-step / 60) for step in range(1, 258)]
            ecdf = [(float(every[0]), 1 / size)]
            ecdf += [(float(every[min(size - 1, int(share * size))]), share) for share in shares]
            ecdf.append((float(every[-1]), 1.0))
            mine = [
                spec
                for spec in self._order
                if kind
                == (
                    spec["topology"],
                    spec["scenario"],
                    spec["condition"],
                    spec["instrument"],
                    spec["replica"],
                )
            ]
            made.append(
                Points(
                    *kind,
                    tuple(ecdf),
                    tuple((100 * share, us) for us, share in ecdf if 1e4 * (1 - share) >= 10),
                    tuple(
                        (
                            int(str(spec["order"])),
                            int(str(spec["block"])),
                            float(numpy.median(run)),
                            float(numpy.quantile(run, 0.99)),
                        )
                        for spec, run in zip(mine, self._drawn[kind], strict=True)
                    ),
                )
            )
        return made

    def drift(self) -> list[str]:
        return ["board1: CPU governor was performance and is powersave"]


@pytest.fixture
def rich(make: Make) -> Rich:
    """Everything there is to draw."""
    return Rich(make())


_PAGES: dict[str, bytes] = {}


@pytest.fixture
def page_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    """page_of("rich"): the HTML report of the run that this fixture makes; drawn once, since it takes seconds."""

    def find(name: str) -> Path:
        target = tmp_path / f"{name}.html"
        if name not in _PAGES:
            _PAGES[name] = report.write_html(request.getfixturevalue(name), target).read_bytes()
        target.write_bytes(_PAGES[name])
        return target

    return find
