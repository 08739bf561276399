# SPDX-License-Identifier: Apache-2.0
"""netperf as the engine takes it: what it can do, how it is warmed up, what runs at the other end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.instrument import INSTRUMENT
from tests.unit.plugins.desk import Desk

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "netperf"


def recorded(name: str) -> dict[str, Any]:
    return dict(json.loads((FIXTURES / f"debian-2.7.0-0.1.{name}.json").read_text(encoding="utf-8")))


def desk(name: str) -> Desk:
    run = recorded(name)
    return Desk((run["rc"], run["stdout"], run["stderr"]))


def test_it_is_warmed_up_by_whole_seconds() -> None:
    asked = INSTRUMENT.read_parameters({"preset": "stratos-2022"})
    warm_up = INSTRUMENT.warm_up(asked, 0.2)
    assert (warm_up.duration_s, warm_up.transactions, warm_up.pace) == (1, None, asked.pace)
    assert INSTRUMENT.warm_up(asked, 2.5).duration_s == 3
    assert INSTRUMENT.expected_s(warm_up) == 1
    assert INSTRUMENT.time_limit_s(warm_up) == 16


def test_the_server_listens_on_one_address() -> None:
    ((argv, transport),) = INSTRUMENT.servers("192.0.2.2", 12866)
    assert argv == ["netserver", "-D", "-N", "-4", "-L", "192.0.2.2", "-p", "12866"]
    assert transport == "tcp"


def test_probe_of_a_build_that_cannot_pace() -> None:
    assert INSTRUMENT.probe(desk("probe")) == {"version": "2.7.0", "can_pace": False}


def test_probe_of_a_build_that_can() -> None:
    stdout = recorded("probe")["stdout"].split("\n")[-2] + "\n"
    assert INSTRUMENT.probe(Desk((0, stdout, ""))) == {"version": "2.7.0", "can_pace": True}


def test_probe_of_something_else() -> None:
    with pytest.raises(MeasurementError, match='does not tell its version: "BusyBox"'):
        INSTRUMENT.probe(Desk((0, "BusyBox", "")))
