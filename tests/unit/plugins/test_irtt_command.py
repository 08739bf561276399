# SPDX-License-Identifier: Apache-2.0
"""irtt's parameters become the command that was meant, or an error; its engine side; its page and role."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.irtt.command import (
    KEYS,
    client_command,
    read_parameters,
    server_command,
)
from ansible_collections.netlab.testbed.plugins.module_utils.irtt.instrument import INSTRUMENT
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    ParameterError,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow
from tests.unit.plugins.desk import Desk

FLOW = Flow("192.0.2.2", 2112)


def command(flow: Flow = FLOW, **parameters: Any) -> str:
    return " ".join(client_command(read_parameters(parameters), flow, "FILE"))


def test_a_probe_every_ten_milliseconds_for_two_seconds() -> None:
    assert command() == "irtt client -Q -i 10000us -d 2000000us --timer=comp -o FILE 192.0.2.2:2112"


def test_everything_that_can_be_told() -> None:
    flow = Flow("2001:db8::2", 2113, local_address="2001:db8::1")
    told = {"duration_s": 0.5, "interval_ms": 0.25, "payload_bytes": 100, "timer": "busy", "wait_ms": 50}
    assert command(flow, **told) == (
        "irtt client -Q -i 250us -d 500000us -l 100 --timer=busy --wait=50ms --local=[2001:db8::1]:0 "
        "-o FILE [2001:db8::2]:2113"
    )


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"duration": 1}, "irtt has no duration; it has duration_s, interval_ms"),
        ({"duration_s": 0}, "duration_s: 0 is not a number (s) from 0.05 to 86400"),
        ({"duration_s": "2"}, "duration_s: '2' is not a number"),
        ({"duration_s": float("nan")}, "duration_s: nan is not a number"),
        ({"interval_ms": True}, "interval_ms: True is not a number"),
        ({"timer": "quartz"}, "timer: 'quartz' is unknown; there is simple, comp, hybrid, busy"),
        ({"one_way": "yes"}, "one_way: 'yes' is neither true nor false"),
        ({"payload_bytes": 65_508}, "payload_bytes: 65508 is not a whole number from 0 to 65507"),
        ({"duration_s": 300, "interval_ms": 1}, "300000 probes are more than the 20000"),
        ("duration_s=2", "irtt: 'duration_s=2' is not a mapping"),
    ],
)
def test_what_cannot_be_is_said(told: Any, said: str) -> None:
    with pytest.raises(ParameterError) as error:
        read_parameters(told)
    assert said in str(error.value)


def test_its_server_has_no_limits_and_one_address() -> None:
    assert server_command("192.0.2.2", 2112) == [
        *("irtt", "server", "-b", "192.0.2.2:2112", "-i", "0", "-d", "0")
    ]
    with pytest.raises(ParameterError):
        server_command("peer", 2112)


def test_it_is_warmed_up_by_at_least_two_probes() -> None:
    asked = read_parameters({"interval_ms": 100, "payload_bytes": 50})
    assert INSTRUMENT.warm_up(asked, 0.01).duration_s == 0.2
    assert INSTRUMENT.warm_up(asked, 1.5).duration_s == 1.5
    assert INSTRUMENT.warm_up(asked, 1.5).payload_bytes == 50


def test_its_version_is_told() -> None:
    printed = "irtt version: 0.9.0\nprotocol version: 1\njson format version: 1\ngo version: go1.19.8 on linux/amd64\n"
    assert INSTRUMENT.probe(Desk((0, printed, ""))) == {"version": "0.9.0"}
    with pytest.raises(MeasurementError, match="irtt on guest desk does not tell its version"):
        INSTRUMENT.probe(Desk((127, "", "not found")))


def test_there_are_parameters() -> None:
    assert len(KEYS) == len(set(KEYS)) > 5
