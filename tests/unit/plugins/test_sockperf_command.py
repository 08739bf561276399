# SPDX-License-Identifier: Apache-2.0
"""sockperf's parameters become the command that was meant, or an error that says what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import (
    MeasurementError,
    ParameterError,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.command import (
    client_command,
    read_parameters,
)
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.instrument import INSTRUMENT
from tests.unit.plugins.desk import Desk

FLOW = Flow("192.0.2.2", 11_111)


def command(flow: Flow = FLOW, **parameters: Any) -> str:
    return " ".join(client_command(read_parameters(parameters), flow, "FILE"))


def test_whole_round_trips_back_to_back() -> None:
    assert command() == (
        "sockperf ping-pong -i 192.0.2.2 -p 11111 -t 2 -m 14 --mps 100000 --full-rtt --full-log FILE"
    )


def test_everything_that_can_be_told() -> None:
    flow = Flow("192.0.2.2", 12_000, local_address="192.0.2.1")
    told = {"mode": "under-load", "transport": "tcp", "duration_s": 5, "messages_per_second": 50}
    assert command(flow, **told, message_bytes=100) == (
        "sockperf under-load -i 192.0.2.2 -p 12000 --tcp -t 5 -m 100 --mps 50 --reply-every 1 "
        "--client_ip 192.0.2.1 --full-rtt --full-log FILE"
    )


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"time": 1}, "sockperf has no time; it has mode, transport, duration_s"),
        ({"mode": "throughput"}, "mode: 'throughput' is unknown; there is ping-pong, under-load"),
        ({"transport": "sctp"}, "transport: 'sctp' is unknown; there is udp, tcp"),
        ({"duration_s": 1.5}, "duration_s: 1.5 is not a whole number from 1 to 86400"),
        ({"message_bytes": 13}, "message_bytes: 13 is not a whole number from 14 to 65507"),
        ({"duration_s": 60}, "6000000 messages are more than the 4000000"),
        ({"messages_per_second": "max"}, "messages_per_second: 'max' is not a whole number"),
    ],
)
def test_what_cannot_be_is_said(told: Any, said: str) -> None:
    with pytest.raises(ParameterError) as error:
        read_parameters(told)
    assert said in str(error.value)


def test_a_longer_run_needs_a_lower_bound() -> None:
    assert read_parameters({"duration_s": 60, "messages_per_second": 20_000}).duration_s == 60


def test_there_is_a_server_for_each_transport() -> None:
    told = {server.transport: " ".join(server.argv) for server in INSTRUMENT.servers("192.0.2.2", 11_111)}
    assert told == {
        "udp": "sockperf server -i 192.0.2.2 -p 11111",
        "tcp": "sockperf server --tcp -i 192.0.2.2 -p 11111",
    }


@pytest.mark.parametrize(
    ("transport", "ends", "fits"),
    [("udp", [1, 1], True), ("tcp", [1], True), ("tcp", [1, 2], True), ("tcp", [1, 1], False)],
)
def test_a_tcp_server_takes_one_client_at_a_time(transport: str, ends: list[int], fits: bool) -> None:
    flows = [Flow(f"192.0.2.{end}", 11_111) for end in ends]
    asked = read_parameters({"transport": transport})
    if fits:
        INSTRUMENT.check_together(asked, flows)
    else:
        with pytest.raises(ParameterError, match="several flows to one end need udp"):
            INSTRUMENT.check_together(asked, flows)


def test_it_is_warmed_up_by_whole_seconds() -> None:
    warm_up = INSTRUMENT.warm_up(read_parameters({"duration_s": 20}), 0.3)
    assert warm_up.duration_s == 1


def test_its_version_is_told() -> None:
    printed = "sockperf, version 3.7-no.git \n   compiled 2021-08-23 12:14:23\n"
    assert INSTRUMENT.probe(Desk((0, printed, ""))) == {"version": "3.7-no.git"}
    with pytest.raises(MeasurementError, match="sockperf on guest desk does not tell its version"):
        INSTRUMENT.probe(Desk((127, "", "not found")))
