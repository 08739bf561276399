# SPDX-License-Identifier: Apache-2.0
"""A path that is faster beside a load than alone: said where the intervals show it, and only there."""

from __future__ import annotations

from typing import Any

from netlab.analysis import wakefulness
from netlab.report.row import Interval, Row


def row(p50_us: float, load: str = "", spread: float = 1, **other: Any) -> Row:
    own = {"topology": "host", "scenario": "interference", "instrument": "netperf", "runs": 5} | other
    return Row(**own, p50_us=p50_us, p50_ci=Interval(p50_us - spread, p50_us + spread), load=load)


def rules(*rows: Row) -> list[list[str]]:
    return [[flag.rule for flag in made.flags] for made in wakefulness.noted(rows)]


def test_a_loaded_row_below_its_own_path_alone_is_noted() -> None:
    alone, beside = row(39, condition="alone"), row(12, "bulk 941 Mbit/s", condition="same-cpu")
    assert rules(alone, beside) == [[], [wakefulness.RULE]]
    (flag,) = wakefulness.noted([alone, beside])[1].flags
    assert "12 us beside its load and 39 us in host: alone without one" in flag.text
    assert flag.severity == "note"


def test_another_scenario_of_the_same_path_will_do() -> None:
    assert rules(row(39, scenario="latency"), row(12, "bulk 941 Mbit/s")) == [[], [wakefulness.RULE]]


def test_what_shows_nothing_is_not_noted() -> None:
    beside = row(12, "bulk 941 Mbit/s")
    assert rules(row(11), beside) == [[], []]
    assert rules(row(14, spread=3), beside) == [[], []]  # intervals overlap
    assert rules(row(39, "cpu 1000 bogo ops/s"), beside) == [[], []]  # nothing without a load
    assert rules(row(39, topology="tap"), beside) == [[], []]
    assert rules(row(39, instrument="irtt"), beside) == [[], []]
    assert rules(row(39, replica=2), beside) == [[], []]
    assert rules(row(39, runs=1), Row("host", "interference", "netperf", 1, p50_us=12, load="bulk")) == [
        [],
        [],
    ]
