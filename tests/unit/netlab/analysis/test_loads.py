# SPDX-License-Identifier: Apache-2.0
"""The load beside a measurement, as far as it was achieved."""

from __future__ import annotations

from typing import Any

from netlab.analysis import loads


def line(*achieved: dict[str, Any], name: str = "bulk") -> dict[str, Any]:
    return {"loads": [{"name": name, "kind": "bulk", "achieved": own} for own in achieved]}


def test_the_median_and_the_span_over_the_runs() -> None:
    lines = [line({"mbit_per_s": rate}) for rate in (903.2, 941.0, 955.4)]
    assert loads.in_words(lines) == "bulk 941 Mbit/s (903 to 955)"


def test_loads_at_once_are_added_up() -> None:
    assert loads.in_words([line({"mbit_per_s": 40.0}, {"mbit_per_s": 50.5})]) == "bulk 90.5 Mbit/s"


def test_other_units_and_names() -> None:
    stress = line({"bogo_ops_per_s": 1234.5}, name="cpu")
    assert loads.in_words([stress]) == "cpu 1234 bogo ops/s"
    assert loads.in_words([line({"interrupts_per_s": 5})]) == "bulk 5.0 interrupts/s"


def test_none() -> None:
    nothing = [
        {},
        {"loads": None},
        {"loads": []},
        {"loads": ["x"]},
        line({}),
        line({"mbit_per_s": None}),
        {"loads": [{}]},
    ]
    assert loads.in_words(nothing) == ""
