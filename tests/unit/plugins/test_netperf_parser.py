# SPDX-License-Identifier: Apache-2.0
"""Real outputs of three builds of netperf, and everything that could be wrong with one.

tests/fixtures/netperf/README.md says where the outputs are from.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow, Result
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.command import (
    CONTROL_PORT,
    SELECTORS,
    Asked,
    netperf_command,
    read_parameters,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.output import MAXIMUM_OUTPUT
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.parser import parse

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "netperf"
DEBIAN = "debian-2.7.0-0.1"
TRIXIE = "debian-2.7.0+git20210121"
SLEEPS = "2.7.0-intervals-histogram"
SPINS = "2.7.0-intervals-spin-histogram"
CONNECT = "first_sample_contains_connect"


def recorded(name: str, build: str = DEBIAN) -> dict[str, Any]:
    return dict(json.loads((FIXTURES / f"{build}.{name}.json").read_text(encoding="utf-8")))


def parsed(name: str, build: str = DEBIAN, **parameters: Any) -> Result:
    run = recorded(name, build)
    asked = read_parameters(parameters or run["parameters"])
    return parse(run["stdout"], run["stderr"], run["rc"], asked)


def rules(result: Result) -> set[str]:
    names = [flag["rule"] for flag in result.flags]
    assert len(names) == len(set(names)), "a rule speaks once"
    return set(names)


def consistent(result: Result) -> None:
    """What holds of every result, whatever its flags."""
    metrics = result.metrics
    order = [metrics[f"{name}_us"] for name in ("min", "p50", "p90", "p99", "max")]
    known = [figure for figure in order if figure is not None]
    assert known == sorted(known)
    assert metrics["transactions"] >= 1
    for key, value in metrics.items():
        if isinstance(value, float):
            assert math.isfinite(value), key
            assert value >= 0, key
    for name in ("p50", "p90", "p99"):
        if metrics[f"{name}_us"] is not None:
            low, high = metrics[f"{name}_bounds_us"]
            assert metrics["min_us"] <= low <= metrics[f"{name}_us"] <= high <= metrics["max_us"]
    for flag in result.flags:
        assert flag["rule"].isidentifier()
        assert flag["text"].isprintable()
        assert flag["severity"] in ("note", "broken")
    json.dumps(result.metrics, allow_nan=False)


ALL = sorted(path.name.removesuffix(".json") for path in FIXTURES.glob("*.json"))


def test_the_recorded_commands_are_those_that_are_made() -> None:
    """A change of the command asks for new recordings."""
    made = [name for name in ALL if json.loads((FIXTURES / f"{name}.json").read_text())["parameters"]]
    assert len(made) > 30
    for name in made:
        run = json.loads((FIXTURES / f"{name}.json").read_text())
        argv = netperf_command(read_parameters(run["parameters"]), Flow("192.0.2.2", CONTROL_PORT))
        again = run["command"]
        assert argv[-1] == again[-1], name
        if "192.0.2.2" in again and not {"-p", "-L"} & set(again):
            assert argv == again, name


@pytest.mark.parametrize(
    ("name", "build", "expected"),
    [
        ("tcp-count", DEBIAN, {CONNECT}),
        ("tcp-duration", DEBIAN, {CONNECT}),
        ("udp-count", DEBIAN, set()),
        ("udp-duration", DEBIAN, set()),
        ("udp-large", DEBIAN, {"percentiles_binned", "percentile_undersampled"}),
        ("stratos-2022", DEBIAN, {CONNECT, "unpaced_although_asked"}),
        ("paced-duration", DEBIAN, {CONNECT, "unpaced_although_asked"}),
        ("paced-15ms-burst2-udp", DEBIAN, {"unpaced_although_asked"}),
        ("tcp-one", DEBIAN, {CONNECT, "percentile_undersampled"}),
        ("tcp-two", DEBIAN, {CONNECT, "percentile_undersampled"}),
        ("remote-cpu-bound", DEBIAN, {CONNECT, "percentile_undersampled", "remote_cpu_unverified"}),
        ("tcp-requests-lost", DEBIAN, {CONNECT, "tcp_retransmissions", "retransmission_timeout_suspected"}),
        ("tcp-answers-lost", DEBIAN, {CONNECT, "tcp_retransmissions", "retransmission_timeout_suspected"}),
        ("tcp-peer-link-down", DEBIAN, {CONNECT, "tcp_retransmissions", "retransmission_timeout_suspected"}),
        ("udp-requests-lost", DEBIAN, {"udp_timeouts"}),
        ("udp-answers-lost", DEBIAN, {"udp_timeouts"}),
        ("udp-count-requests-lost", DEBIAN, {"udp_timeouts"}),
        ("tcp-count", TRIXIE, {CONNECT}),
        ("tcp-duration", TRIXIE, {CONNECT}),
        ("udp-count", TRIXIE, set()),
        ("udp-duration", TRIXIE, set()),
        ("stratos-2022", TRIXIE, {CONNECT, "unpaced_although_asked"}),
        ("paced-duration", TRIXIE, {CONNECT, "unpaced_although_asked"}),
        ("tcp-requests-lost", TRIXIE, {CONNECT, "tcp_retransmissions", "retransmission_timeout_suspected"}),
        ("udp-requests-lost", TRIXIE, {"udp_timeouts"}),
        ("tcp-duration", SLEEPS, {CONNECT}),
        ("tcp-duration", SPINS, {CONNECT}),
        # this build counts in clock ticks, of 10 ms: 5 ms become 10, and so do 15
        ("paced-5ms-duration", SLEEPS, {CONNECT, "percentile_undersampled", "paced_slower_than_asked"}),
        ("paced-15ms-burst2-udp", SLEEPS, {"percentile_undersampled", "paced_faster_than_asked"}),
        ("paced-5ms-duration", SPINS, {CONNECT, "percentile_undersampled"}),
        ("paced-15ms-burst2-udp", SPINS, {"percentile_undersampled"}),
        ("stratos-2022", SPINS, {CONNECT}),
    ],
)
def test_real_outputs_and_their_flags(name: str, build: str, expected: set[str]) -> None:
    result = parsed(name, build)
    consistent(result)
    # depends on how fast the machine was that day, so it is not part of what a case stands for
    assert rules(result) - {"percentiles_binned"} == expected - {"percentiles_binned"}


def test_figures_are_netperfs_own() -> None:
    run = recorded("tcp-duration")
    printed = dict(line.split("=", 1) for line in run["stdout"].splitlines())
    metrics = parsed("tcp-duration").metrics
    for key, selector in (
        ("min_us", "MIN_LATENCY"),
        ("mean_us", "MEAN_LATENCY"),
        ("max_us", "MAX_LATENCY"),
        ("stddev_us", "STDDEV_LATENCY"),
        ("transaction_rate", "TRANSACTION_RATE"),
        ("transactions", "LOCAL_BYTES_RECVD"),
    ):
        assert metrics[key] == float(printed[selector])
    assert metrics["elapsed_s"] == pytest.approx(1.0, abs=0.01)
    assert (metrics["request_bytes"], metrics["response_bytes"]) == (1, 1)
    assert (metrics["local_retransmissions"], metrics["remote_retransmissions"]) == (0, 0)


def test_transactions_are_counted_by_whole_answers() -> None:
    metrics = parsed("tcp-sizes").metrics
    assert (metrics["transactions"], metrics["response_bytes"]) == (100, 200_000)


def test_the_one_sample_is_every_percentile() -> None:
    metrics = parsed("tcp-one").metrics
    assert {metrics[f"{name}_us"] for name in ("min", "p50", "p90", "p99", "max")} == {metrics["max_us"]}


def test_a_loss_is_told_from_a_request_under_way() -> None:
    assert parsed("udp-requests-lost").metrics["requests_lost"] == 1
    run = recorded("udp-duration")
    sent = run["stdout"].replace("LOCAL_SEND_CALLS=", "LOCAL_SEND_CALLS=0")
    assert parse(sent, "", 0, read_parameters(run["parameters"])).metrics["requests_lost"] == 0
    calls = parsed("udp-duration").metrics["requests_sent"]
    one_more = run["stdout"].replace(f"LOCAL_SEND_CALLS={calls}", f"LOCAL_SEND_CALLS={calls + 1}")
    assert parse(one_more, "", 0, read_parameters(run["parameters"])).metrics["requests_lost"] == 0


def test_without_a_receive_timeout_the_stall_is_seen() -> None:
    """Somebody else's command: netperf waited two seconds for one answer, and no latency says so."""
    result = parsed("udp-requests-lost-no-timeout", test="UDP_RR", duration_s=3)
    assert result.metrics["max_us"] < 1_000_000
    assert "udp_timeouts" in rules(result)


@pytest.mark.parametrize("build", [SLEEPS, SPINS])
@pytest.mark.parametrize("name", ["tcp-duration", "udp-duration", "paced-duration", "tcp-requests-lost"])
def test_the_histogram_holds_the_percentiles(name: str, build: str) -> None:
    """netperf prints ten buckets a decade and takes percentiles from ninety, of the same samples."""
    metrics = parsed(name, build).metrics
    count = metrics["transactions"]
    assert sum(bucket["count"] for bucket in metrics["histogram"]) == count
    assert metrics["histogram"][0]["low_us"] <= metrics["min_us"] < metrics["histogram"][0]["high_us"]
    assert metrics["histogram"][-1]["low_us"] <= metrics["max_us"] < metrics["histogram"][-1]["high_us"]
    for percentile, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        rank, below = int(share * count), 0
        for bucket in metrics["histogram"]:
            below += bucket["count"]
            if below >= rank:
                break
        low, high = metrics[f"{percentile}_bounds_us"]
        assert bucket["low_us"] <= high
        assert low <= bucket["high_us"]


def test_debians_build_prints_no_histogram() -> None:
    assert "histogram" not in parsed("tcp-duration").metrics


@pytest.mark.parametrize(
    ("name", "build", "parameters", "said"),
    [
        ("no-netserver", TRIXIE, {}, "no netserver answers on 192.0.2.2 port 12999"),
        ("unknown-selector", TRIXIE, {"transactions": 100}, "lacks MEAN_LATENCY"),
        ("no-netserver", DEBIAN, {}, "no netserver answers on 192.0.2.2 port 12999"),
        ("no-such-host", DEBIAN, {}, "no netserver answers on 192.0.2.99 port 12865"),
        ("no-route", DEBIAN, {}, "no netserver answers on 198.51.100.1 port 12865"),
        ("no-such-local-address", DEBIAN, {}, "no netserver answers on 192.0.2.2 port 12865"),
        ("udp-message-too-long", DEBIAN, {"transactions": 10}, "Message too long"),
        (
            "unknown-selector",
            DEBIAN,
            {"transactions": 100},
            "lacks MEAN_LATENCY, STDDEV_LATENCY, TRANSACTION",
        ),
        ("only-unknown-selectors", DEBIAN, {"transactions": 100}, "Could not open output selection file"),
        ("unknown-option", DEBIAN, {"transactions": 100}, "invalid option -- '-'"),
        ("several-under-way", DEBIAN, {"transactions": 1000}, 'BURST_SIZE is "4" where 0 was asked for'),
        ("confidence", DEBIAN, {"duration_s": 1}, 'CONFIDENCE_ITERATION is "3" where 1 was asked for'),
        ("confidence-not-achieved-classic", DEBIAN, {"duration_s": 1}, "lacks MIN_LATENCY"),
        ("human-with-headers", DEBIAN, {"preset": "stratos-2022"}, "lacks MIN_LATENCY"),
        ("probe", DEBIAN, {"duration_s": 1}, "lacks MIN_LATENCY"),
        ("udp-count-answers-lost", DEBIAN, {}, "ended by signal 9 and said nothing"),
        ("stratos-2022", SLEEPS, {}, "ended by SIGALRM: a build with --enable-intervals but without"),
        # a run of something else than was asked for
        (
            "tcp-count",
            DEBIAN,
            {"test": "UDP_RR", "transactions": 1000},
            'PROTOCOL is "TCP" where UDP was asked',
        ),
        ("tcp-count", DEBIAN, {"transactions": 999}, "1000 transactions were made, 999 were asked for"),
        ("tcp-count", DEBIAN, {"transactions": 1000, "request_bytes": 2}, 'REQUEST_SIZE is "1" where 2'),
        ("tcp-count", DEBIAN, {"transactions": 1000, "cpu": {"local": 0}}, 'LOCAL_CPU_BIND is "-1" where 0'),
        (
            "stratos-2022",
            DEBIAN,
            {"transactions": 1000},
            "netperf paced, or tried to, though it was not asked",
        ),
        (
            "stratos-2022",
            SPINS,
            {"transactions": 1000},
            "netperf paced, or tried to, though it was not asked",
        ),
    ],
)
def test_a_run_without_figures_says_why(name: str, build: str, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(MeasurementError) as error:
        parsed(name, build, **parameters)
    assert said in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("rc", [127, 126])
def test_a_program_that_is_not_there(rc: int) -> None:
    with pytest.raises(MeasurementError, match='cannot be run: "sh: netperf: not found"'):
        parse("", "sh: netperf: not found\n", rc, Asked("TCP_RR", transactions=1))


def test_remarks_on_the_build_do_not_hide_why_it_failed() -> None:
    text = recorded("stratos-2022")["stdout"].split("MIN_")[0] + "netperf: remote error 101"
    with pytest.raises(MeasurementError, match='status 255: "netperf: remote error 101 / Network is unreach'):
        parse(text, "Network is unreachable\n", 255, Asked("TCP_RR", transactions=1))


def doctored(name: str = "tcp-duration", build: str = DEBIAN, **values: str) -> tuple[str, Asked]:
    run = recorded(name, build)
    lines = []
    for line in run["stdout"].splitlines():
        key, _, old = line.partition("=")
        lines.append(f"{key}={values.pop(key, old)}" if "=" in line else line)
    assert not values, f"no such selector in {name}: {values}"
    return "\n".join(lines) + "\n", read_parameters(run["parameters"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"MIN_LATENCY": ""}, "no value for MIN_LATENCY"),
        ({"MIN_LATENCY": " "}, "no value for MIN_LATENCY"),
        ({"MIN_LATENCY": "-5"}, 'MIN_LATENCY="-5" is negative'),
        ({"P50_LATENCY": "-2147483648"}, "is negative"),
        ({"MEAN_LATENCY": "nan"}, 'MEAN_LATENCY="nan" is not a finite number'),
        ({"MEAN_LATENCY": "-nan"}, "is not a finite number"),
        ({"MAX_LATENCY": "inf"}, "is not a finite number"),
        ({"STDDEV_LATENCY": "inf"}, "is not a finite number"),
        ({"MEAN_LATENCY": "12,98"}, "is written with a comma: netperf must run under the locale C"),
        ({"TRANSACTION_RATE": "1.234,5"}, "is written with a comma"),
        ({"MEAN_LATENCY": "1e3"}, "is no number"),
        ({"MEAN_LATENCY": "0x10"}, "is no number"),
        ({"MEAN_LATENCY": "12.98 us"}, "is no number"),
        ({"MEAN_LATENCY": "١٢"}, "is no number"),
        ({"MAX_LATENCY": "12.5"}, "is not a whole number"),
        ({"MAX_LATENCY": "9" * 30}, "is no number"),
        ({"MAX_LATENCY": "\x1b[31m5"}, r'MAX_LATENCY="\x1b[31m5" is no number'),
        ({"MIN_LATENCY": "9999999"}, "is above max"),
        ({"P90_LATENCY": "9999"}, "P50, P90, P99 are out of order"),
        ({"THROUGHPUT_UNITS": "10^6bits/s"}, 'THROUGHPUT_UNITS is "10^6bits/s" where Trans/s was asked for'),
        ({"LOCAL_BYTES_RECVD": "0"}, "no transaction was completed"),
        ({"TRANSACTION_RATE": "0"}, "the transaction rate is 0"),
        ({"TRANSACTION_RATE": "99"}, "a second do not take the 1 s that it printed"),
        ({"LOCAL_TRANSPORT_RETRANS": "-2"}, "is negative"),
        ({"LOCAL_INTERVAL_USECS": "x"}, "is no number"),
    ],
)
def test_a_figure_that_cannot_be_is_refused(values: dict[str, str], said: str) -> None:
    stdout, asked = doctored(**values)
    with pytest.raises(MeasurementError) as error:
        parse(stdout, "", 0, asked)
    assert said in str(error.value)
    assert str(error.value).isprintable()


BROKEN = {
    *("stddev_above_half_range", "mean_outside_range", "latencies_exceed_elapsed"),
    *("min_above_p50", "percentile_outside_range"),
}


@pytest.mark.parametrize(
    ("name", "values", "rule"),
    [
        ("tcp-duration", {"STDDEV_LATENCY": "-nan"}, "stddev_not_a_number"),
        ("tcp-duration", {"STDDEV_LATENCY": "999999.00"}, "stddev_above_half_range"),
        ("tcp-duration", {"MEAN_LATENCY": "1.00"}, "mean_outside_range"),
        ("tcp-duration", {"MEAN_LATENCY": "2000.00"}, "latencies_exceed_elapsed"),
        ("tcp-duration", {"MEAN_LATENCY": "1.00"}, "latencies_miss_elapsed"),
        ("tcp-duration", {"P50_LATENCY": "3"}, "min_above_p50"),
        ("tcp-duration", {"P99_LATENCY": "999999"}, "percentile_outside_range"),
        ("tcp-duration", {"MAX_LATENCY": "200000"}, "retransmission_timeout_suspected"),
        ("tcp-duration", {"REMOTE_TRANSPORT_RETRANS": "1"}, "tcp_retransmissions"),
        ("udp-duration", {"MAX_LATENCY": "1008116"}, "stall_suspected"),
    ],
)
def test_a_figure_that_breaks_a_rule_is_flagged(name: str, values: dict[str, str], rule: str) -> None:
    stdout, asked = doctored(name, **values)
    result = parse(stdout, "", 0, asked)
    assert rule in rules(result)
    assert rule not in rules(parsed(name))
    assert {flag["rule"] for flag in result.flags if flag["severity"] == "broken"} <= BROKEN
    assert (rule in BROKEN) is any(
        flag["severity"] == "broken" for flag in result.flags if flag["rule"] == rule
    )
    consistent(result)


@pytest.mark.parametrize(("stddev", "flagged"), [("50.00", False), ("50.01", False), ("50.03", True)])
def test_no_samples_deviate_by_more_than_half_their_range(stddev: str, flagged: bool) -> None:
    """Half of them at 100 us and half at 200 do so by exactly half; figures are rounded to the hundredth."""
    figures = {"MIN_LATENCY": "100", "MAX_LATENCY": "200", "MEAN_LATENCY": "150.00"}
    figures |= {f"P{share}_LATENCY": "200" for share in (50, 90, 99)}
    stdout, asked = doctored("tcp-two", **figures, STDDEV_LATENCY=stddev)
    assert ("stddev_above_half_range" in rules(parse(stdout, "", 0, asked))) is flagged


def test_what_connect_hides_is_bounded() -> None:
    stdout, asked = doctored("tcp-two", MIN_LATENCY="52", MAX_LATENCY="93", MEAN_LATENCY="72.50")
    assert parse(stdout, "", 0, asked).metrics["mean_without_first_low_us"] == 52
    metrics = parsed("tcp-count").metrics
    assert metrics["min_us"] <= metrics["mean_without_first_low_us"] < metrics["mean_us"]
    assert "mean_without_first_low_us" not in parsed("tcp-one").metrics


@pytest.mark.parametrize(
    ("name", "build", "said"),
    [
        ("tcp-count", DEBIAN, "back to back, each request as soon as the answer before it is there"),
        ("stratos-2022", DEBIAN, "back to back, though 1 transaction every 10 ms was asked for"),
        ("stratos-2022", SPINS, "1 transaction every 10 ms"),
        ("paced-15ms-burst2-udp", SPINS, "a burst of 2 transactions every 15 ms"),
    ],
)
def test_how_requests_followed_one_another_is_said(name: str, build: str, said: str) -> None:
    assert parsed(name, build).pacing == said


def test_a_percentile_that_no_sample_can_be_is_left_out() -> None:
    stdout, asked = doctored(P50_LATENCY="3")
    metrics = parse(stdout, "", 0, asked).metrics
    assert metrics["p50_us"] is None
    assert metrics["p90_us"] is not None


def test_a_run_that_ended_early_is_flagged() -> None:
    stdout, _ = doctored()
    assert "ended_early" in rules(parse(stdout, "", 0, Asked("TCP_RR", duration_s=2)))


def test_retransmissions_that_a_kernel_does_not_tell_are_unknown() -> None:
    stdout, asked = doctored(LOCAL_TRANSPORT_RETRANS="-1")
    result = parse(stdout, "", 0, asked)
    assert result.metrics["local_retransmissions"] is None
    assert "tcp_retransmissions" not in rules(result)


@pytest.mark.parametrize("total", [60891, 60890], ids=["longer than 100 s", "the clock was set back"])
def test_samples_missing_from_the_histogram_are_flagged(total: int) -> None:
    run = recorded("tcp-duration", SLEEPS)
    assert ": 60014:  113:" in run["stdout"]
    assert "HIST_TOTAL:      60891" in run["stdout"]
    one_less = run["stdout"].replace(": 60014:  113:", ": 60014:  112:").replace("_SECS: 0", "_SECS: 1")
    stdout = one_less.replace("HIST_TOTAL:      60891", f"HIST_TOTAL:      {total}")
    result = parse(stdout, "", 0, read_parameters(run["parameters"]))
    assert "samples_dropped" in rules(result)
    consistent(result)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("HIST_TOTAL:      60891", "HIST_TOTAL:      60892", "do not add up"),
        ("HIST_TOTAL:      60891", "HIST_TOTAL:      60890", "do not add up"),
        ("HIST_TOTAL:      60891\n", "", "do not add up"),
        ("\nTEN_MSEC ", "\nTEN_MILLISEC ", "histogram is not whole"),
    ],
)
def test_a_histogram_that_cannot_be_is_refused(old: str, new: str, said: str) -> None:
    run = recorded("tcp-duration", SLEEPS)
    assert old in run["stdout"]
    with pytest.raises(MeasurementError, match=said):
        parse(run["stdout"].replace(old, new), "", 0, read_parameters(run["parameters"]))


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("catcher: timer popped with times_up != 0", "timer_after_the_end"),
        ("catcher: interval timer running unexpectedly!", "interval_timer_unexpected"),
        ("!!! WARNING", "confidence_not_achieved"),
        ("Initial request burst functionality not compiled-in!", "burst_not_compiled_in"),
        ("HIST_timestamp_start called with full time_ones", "timestamps_lost"),
        ("WARNING! something is odd", "netperf_warning"),
        ("something that nobody knows", "unrecognised_output"),
        ("NO_SUCH_SELECTOR=1", "unrecognised_output"),
        ("\x1b]0;title\x07 <script>", "unrecognised_output"),
    ],
)
@pytest.mark.parametrize("where", ["before", "after", "between"])
def test_no_line_goes_unaccounted(line: str, rule: str, where: str) -> None:
    stdout, asked = doctored()
    lines = stdout.splitlines()
    lines.insert({"before": 0, "after": len(lines), "between": 7}[where], line)
    result = parse("\n".join(lines) + "\n", "", 0, asked)
    assert rules(result) - rules(parsed("tcp-duration")) == {rule}
    consistent(result)


def test_the_remark_on_confidence_is_one_flag_for_its_seven_lines() -> None:
    remark = recorded("confidence-not-achieved-classic")["stdout"].split("\n\n")[0] + "\n\n"
    assert remark.count("!!!") > 5
    stdout, asked = doctored()
    assert "confidence_not_achieved" in rules(parse(remark + stdout, "", 0, asked))


def test_stderr_is_not_passed_over() -> None:
    stdout, asked = doctored()
    assert "unrecognised_output" in rules(parse(stdout, "netperf: odd\n", 0, asked))


def test_a_selector_twice_is_refused() -> None:
    stdout, asked = doctored()
    with pytest.raises(MeasurementError, match="printed MIN_LATENCY twice"):
        parse(stdout + "MIN_LATENCY=1\n", "", 0, asked)


@pytest.mark.parametrize("stdout", ["", "\n", "\n\n \n"])
def test_nothing_is_refused(stdout: str) -> None:
    with pytest.raises(MeasurementError, match="printed nothing"):
        parse(stdout, "", 0, Asked("TCP_RR", duration_s=1))


def test_too_much_is_refused_at_once() -> None:
    stdout, asked = doctored()
    with pytest.raises(MeasurementError, match="that is not its output"):
        parse(stdout + "x\n" * MAXIMUM_OUTPUT, "", 0, asked)


@pytest.mark.parametrize("name", ["tcp-count", "udp-count", "stratos-2022"])
def test_cut_off_anywhere_it_is_refused(name: str) -> None:
    run = recorded(name)
    asked = read_parameters(run["parameters"])
    assert run["stdout"].endswith("\n")
    for length in range(len(run["stdout"])):
        with pytest.raises(MeasurementError):
            parse(run["stdout"][:length], "", 0, asked)


@pytest.mark.parametrize("selector", SELECTORS)
def test_every_selector_is_needed(selector: str) -> None:
    run = recorded("tcp-count")
    lines = [line for line in run["stdout"].splitlines(True) if not line.startswith(f"{selector}=")]
    assert len(lines) == len(SELECTORS) - 1
    with pytest.raises(MeasurementError, match=f"lacks {selector}"):
        parse("".join(lines), "", 0, read_parameters(run["parameters"]))


NAMES = st.sampled_from([*SELECTORS, "HIST_TOTAL", "TEN_USEC", "x"])
VALUES = st.text(max_size=12) | st.integers(-(2**40), 2**40).map(str) | st.floats().map(str)
PARAMETERS = st.sampled_from(
    [{"transactions": 1000}, {"test": "UDP_RR", "duration_s": 1}, {"preset": "stratos-2022"}, {}]
)


def survives(stdout: str, stderr: str, rc: int, parameters: dict[str, Any]) -> None:
    try:
        result = parse(stdout, stderr, rc, read_parameters(parameters))
    except MeasurementError as error:
        assert str(error).isprintable()  # noqa: PT017  either outcome will do, but each has its form
        assert len(str(error)) < 1000  # noqa: PT017
    else:
        consistent(result)


@given(st.text(), st.text(), st.sampled_from([0, 0, 0, 1, 255, -9, 142]), PARAMETERS)
def test_any_text_is_a_result_or_a_reason(
    stdout: str, stderr: str, rc: int, parameters: dict[str, Any]
) -> None:
    survives(stdout, stderr, rc, parameters)


@settings(max_examples=300)
@given(st.sampled_from(ALL), st.dictionaries(NAMES, VALUES, max_size=4), st.data())
def test_real_outputs_with_other_values(name: str, values: dict[str, str], data: st.DataObject) -> None:
    run = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    lines = []
    for line in run["stdout"].split("\n"):
        key, _, old = line.partition("=")
        lines.append(f"{key}={values.get(key, old)}" if "=" in line else line)
    stdout = "\n".join(lines)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(stdout)))
        stdout = stdout[:at] + data.draw(st.text(max_size=20)) + stdout[at:]
    survives(stdout, run["stderr"], run["rc"], run["parameters"] or {"transactions": 1000})
