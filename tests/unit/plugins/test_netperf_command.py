# SPDX-License-Identifier: Apache-2.0
"""Parameters become the command that was meant, or an error that says what to write instead."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import ParameterError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.command import (
    CONTROL_PORT,
    DEFAULTS,
    KEYS,
    PRESETS,
    SELECTORS,
    netperf_command,
    read_parameters,
)

PEER = "192.0.2.2"
REPORT = (
    "netperf -H 192.168.20.1 -l -1000 -t TCP_RR -w 10ms -b 1 -v 2 -- "
    "-O min_latency,mean_latency,max_latency,stddev_latency,transaction_rate"
)


def command(**parameters: Any) -> list[str]:
    return netperf_command(read_parameters(parameters), Flow(PEER, CONTROL_PORT))


def test_the_preset_is_the_reports_command_but_for_its_output() -> None:
    made = netperf_command(read_parameters({"preset": "stratos-2022"}), Flow("192.168.20.1", CONTROL_PORT))
    report = shlex.split(REPORT)
    assert made[: report.index("--")] == report[: report.index("--")]
    assert made[report.index("--") :] == ["-P", "0", "--", "-k", ",".join(SELECTORS)]
    asked = report[-1].upper().split(",")
    assert made[-1].split(",")[: len(asked)] == asked


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset: str) -> None:
    assert command(preset=preset)[0] == "netperf"


def test_nothing_told_is_a_run_limited_by_time() -> None:
    argv = command()
    assert argv[argv.index("-l") + 1] == str(DEFAULTS["duration_s"])
    assert argv[argv.index("-t") + 1] == "TCP_RR"
    assert not {"-w", "-b", "-T", "-p", "-L", "-r", "-e", "-N", "-i"} & set(argv)


def test_keys_without_a_value_count_as_left_out() -> None:
    assert command(**dict.fromkeys(KEYS)) == command()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"transactions": 5}, "-l -5"),
        ({"duration_s": 5}, "-l 5"),
        ({"test": "UDP_RR"}, "-t UDP_RR"),
        ({"test": "UDP_RR"}, "-e 1"),
        ({"test": "UDP_RR", "receive_timeout_s": 3}, "-e 3"),
        ({"paced": {"interval_ms": 10}}, "-w 10ms -b 1"),
        ({"paced": {"interval_ms": 0.5, "burst": 4}}, "-w 500us -b 4"),
        ({"cpu": {"local": 0, "remote": 1}}, "-T 0,1"),
        # without the comma -T binds both ends
        ({"cpu": {"local": 0}}, "-T 0,"),
        ({"cpu": {"remote": 1}}, "-T ,1"),
        ({"request_bytes": 100}, "-r 100,1"),
        ({"response_bytes": 200}, "-r 1,200"),
    ],
)
def test_each_parameter_has_its_words(parameters: dict[str, Any], words: str) -> None:
    assert words in " ".join(command(**parameters))


def test_options_of_the_test_stand_behind_the_dashes() -> None:
    argv = command(test="UDP_RR", request_bytes=2, cpu={"local": 0}, paced={"interval_ms": 1})
    dashes = argv.index("--")
    assert all(argv.index(option) < dashes for option in ("-T", "-w", "-b", "-P", "-v", "-l", "-t", "-H"))
    assert all(argv.index(option) > dashes for option in ("-r", "-e", "-k"))


def test_addresses_and_port() -> None:
    asked = read_parameters({})
    argv = netperf_command(asked, Flow("2001:db8::2", 12900, local_address="2001:db8::1"))
    assert argv[1:3] == ["-H", "2001:db8::2"]
    assert "-p 12900 -L 2001:db8::1" in " ".join(argv)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"duration": 1}, "netperf has no duration; it has preset, test, duration_s"),
        ({"duration_s": 1, "transactions": 1}, "duration_s and transactions: give one"),
        ({"duration_s": 0}, "duration_s: 0 is not a whole number from 1"),
        ({"duration_s": True}, "duration_s: True is not a whole number"),
        ({"duration_s": 1.5}, "duration_s: 1.5 is not a whole number"),
        ({"transactions": "1000"}, "transactions: '1000' is not a whole number"),
        ({"transactions": -1000}, "transactions: -1000 is not a whole number from 1"),
        ({"test": "TCP_STREAM"}, "test: 'TCP_STREAM' is unknown; there is TCP_RR, UDP_RR"),
        ({"test": ["TCP_RR"]}, "is unknown"),
        ({"preset": "stratos"}, "preset: 'stratos' is unknown; there is stratos-2022"),
        ({"preset": ["stratos-2022"]}, "is unknown"),
        ({"preset": "stratos-2022", "duration_s": 1}, "a whole command: leave out duration_s"),
        ({"paced": 10}, "paced: 10 is not a mapping of interval_ms, burst"),
        ({"paced": {"burst": 1}}, "paced.interval_ms: None is not a number"),
        ({"paced": {"interval_ms": 0}}, "paced.interval_ms: 0 is not a number"),
        ({"paced": {"interval_ms": float("nan")}}, "paced.interval_ms: nan is not a number"),
        ({"paced": {"interval_ms": 1, "burst": 0}}, "paced.burst: 0 is not"),
        ({"paced": {"interval_ms": 1, "rate": 2}}, "paced has no rate"),
        ({"cpu": {"local": -1}}, "cpu.local: -1 is not"),
        ({"cpu": {"guest": 1}}, "cpu has no guest; it has local, remote"),
        ({"request_bytes": 0}, "request_bytes: 0 is not"),
        (
            {"test": "UDP_RR", "request_bytes": 65_508},
            "request_bytes: 65508 is not a whole number from 1 to 65507",
        ),
        ({"receive_timeout_s": 1}, "receive_timeout_s: only UDP_RR has one"),
        ({"time_limit_s": 0}, "time_limit_s: 0 is not"),
    ],
)
def test_what_cannot_be_is_named(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError) as error:
        read_parameters(parameters)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("address", ["peer", "192.0.2.2,4", "192.0.2.2/24", "", "-h", "192.0.2.2 -d"])
def test_only_a_bare_address_is_taken(address: str) -> None:
    with pytest.raises(ParameterError, match="is not an IP address"):
        netperf_command(read_parameters({}), Flow(address, CONTROL_PORT))
    if address:
        with pytest.raises(ParameterError, match="is not an IP address"):
            netperf_command(read_parameters({}), Flow(PEER, CONTROL_PORT, local_address=address))


def test_the_port_is_one() -> None:
    with pytest.raises(ParameterError, match="control_port: 0 is not"):
        netperf_command(read_parameters({}), Flow(PEER, 0))


@pytest.mark.parametrize(
    ("parameters", "seconds"),
    [
        ({"duration_s": 10}, 25),
        ({"transactions": 1000}, 65),
        ({"transactions": 1000, "paced": {"interval_ms": 10}}, 75),
        ({"transactions": 1000, "time_limit_s": 7}, 7),
    ],
)
def test_every_run_is_bounded(parameters: dict[str, Any], seconds: float) -> None:
    assert read_parameters(parameters).time_limit_s == pytest.approx(seconds)


@given(
    st.dictionaries(
        st.sampled_from(KEYS), st.none() | st.booleans() | st.floats() | st.text() | st.integers()
    )
)
def test_any_value_is_taken_or_refused_in_words(parameters: dict[str, Any]) -> None:
    try:
        argv = command(**parameters)
    except ParameterError:
        return
    assert all(isinstance(word, str) and word for word in argv)
