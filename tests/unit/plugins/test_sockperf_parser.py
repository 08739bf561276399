# SPDX-License-Identifier: Apache-2.0
"""Real logs of two versions of sockperf, and everything that could be wrong with one.

tests/fixtures/sockperf/README.md says where the logs are from.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow, Output, Result
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import MISSING
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf import log
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.command import (
    PORT,
    client_command,
    read_parameters,
)
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.parser import parse

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "sockperf"
BOOKWORM, BULLSEYE = "debian-3.7-1", "debian-3.6-2"
ALL = sorted(path.name.removesuffix(".json") for path in FIXTURES.glob("*.json"))


def recorded(name: str, build: str = BOOKWORM) -> dict[str, Any]:
    return dict(json.loads((FIXTURES / f"{build}.{name}.json").read_text(encoding="utf-8")))


def parsed(run: dict[str, Any], file: str | bytes | None = None, started_ns: int = 0) -> Result:
    content = run["file"] if file is None else file
    content = content.encode() if isinstance(content, str) else content
    output = Output(run["rc"], run["stdout"], run["stderr"], content, started_ns)
    return parse(output, read_parameters(run["parameters"]))


def rules(result: Result) -> set[str]:
    names = [flag["rule"] for flag in result.flags]
    assert len(names) == len(set(names)), "a rule speaks once"
    return set(names)


def test_the_recorded_commands_are_those_that_are_made() -> None:
    for name in ALL:
        run = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
        if name.endswith(".half"):
            continue
        argv = client_command(read_parameters(run["parameters"]), Flow("192.0.2.2", PORT), "FILE")
        differ = [made for made, taken in zip(argv, run["command"], strict=True) if made != taken]
        assert set(differ) <= {"192.0.2.2", str(PORT)}, name


@pytest.mark.parametrize("build", [BOOKWORM, BULLSEYE])
@pytest.mark.parametrize("name", ["udp", "tcp", "under-load"])
def test_every_message_is_a_sample(name: str, build: str) -> None:
    run = recorded(name, build)
    result = parsed(run)
    rows = re.findall(r"^\d+, [\d.]+, [\d.]+, ([\d.]+)$", run["file"], re.MULTILINE)
    assert result.samples is not None
    assert [value / 1000 for value in result.samples.ns] == [float(row) for row in rows]
    metrics = result.metrics
    assert metrics["transactions"] == len(rows) > 100
    assert metrics["requests_lost"] == 0
    assert metrics["elapsed_s"] == pytest.approx(0.55, abs=0.05)
    assert set(result.samples.sent) == {MISSING}, "nobody said when it was started"


@pytest.mark.parametrize("build", [BOOKWORM, BULLSEYE])
def test_figures_agree_with_sockperfs_own(build: str) -> None:
    run = recorded("udp", build)
    metrics = parsed(run).metrics
    text = log.COLOUR.sub("", run["file"])
    for name in ("min", "max"):  # the log's own column is rounded from floating point
        own = float(re.findall(rf"<{name.upper()}> observation = +([\d.]+)", text)[0])
        assert metrics[f"{name}_us"] == pytest.approx(own, abs=0.002)
    found = re.findall(r"avg-rtt=([\d.]+) \(std-dev=([\d.]+)\)", text)[0]
    assert metrics["mean_us"] == pytest.approx(float(found[0]), abs=0.01)
    assert metrics["stddev_us"] == pytest.approx(float(found[1]), rel=0.01)


def test_stamps_are_from_when_it_was_started() -> None:
    samples = parsed(recorded("udp"), started_ns=10**18).samples
    assert samples is not None
    assert 2 * 10**9 < samples.sent[0] - 10**18 < 4 * 10**9, "two seconds of sleep and 0.4 of warm-up"
    for sent, got, ns in zip(samples.sent, samples.received, samples.ns, strict=True):
        assert got - sent == pytest.approx(ns, abs=3)


@pytest.mark.parametrize("name", ["under-load-requests-lost", "under-load-answers-lost"])
def test_losses_are_counted_and_left_out(name: str) -> None:
    result = parsed(recorded(name))
    metrics = result.metrics
    assert metrics["requests_lost"] > 0
    assert metrics["requests_sent"] == metrics["transactions"] + metrics["requests_lost"]
    assert "probes_lost" in rules(result)


def test_a_lost_segment_of_tcp_is_suspected() -> None:
    result = parsed(recorded("tcp-requests-lost"))
    assert result.metrics["max_us"] >= 200_000
    assert "retransmission_timeout_suspected" in rules(result)


@pytest.mark.parametrize(
    ("name", "build", "said", "rule"),
    [
        ("half", BOOKWORM, "it ran without --full-rtt|half of each round trip", "half_round_trip"),
        ("half", BULLSEYE, "it ran without --full-rtt|half of each round trip", "half_round_trip"),
        ("no-server", BOOKWORM, "No messages were received from the server", None),
        ("no-server", BULLSEYE, "No messages were received from the server", None),
        ("no-server-tcp", BOOKWORM, "no sockperf server answers", None),
        ("no-server-tcp", BULLSEYE, "no sockperf server answers", None),
        ("no-route", BOOKWORM, "Network is unreachable", None),
    ],
)
def test_a_run_that_failed_is_explained(name: str, build: str, said: str, rule: str | None) -> None:
    with pytest.raises(MeasurementError, match=said) as error:
        parsed(recorded(name, build))
    assert error.value.rule == rule
    assert str(error.value).isprintable()


# --- what cannot be ----------------------------------------------------------------------------------------

UDP = recorded("udp")
TEXT: str = UDP["file"]


def replaced(pattern: str, new: str) -> str:
    made, count = re.subn(pattern, new, TEXT, count=1, flags=re.MULTILINE)
    assert count == 1, pattern
    return made


def row(number: int, rtt: str) -> str:
    return replaced(rf"^({number}, [\d.]+, [\d.]+), [\d.]+$", rf"\1, {rtt}")


def halved() -> str:
    """Somebody's own build that says --full-rtt and halves all the same."""
    return re.sub(
        r"^(\d+, [\d.]+, [\d.]+), ([\d.]+)$",
        lambda m: f"{m[1]}, {float(m[2]) / 2:.3f}",
        TEXT,
        flags=re.MULTILINE,
    )


HOSTILE = {
    "halved although asked for whole": (halved(), "message 0 has half of its round trip", "half_round_trip"),
    "latency for rtt": (replaced(r"rtt\(usec\)", "latency(usec)"), "half of each", "half_round_trip"),
    "an average of latency": (replaced("avg-rtt", "avg-latency"), "half of each", "half_round_trip"),
    "without the option": (replaced(" --full-rtt", ""), "without --full-rtt", "half_round_trip"),
    "NaN": (row(5, "nan"), 'message 5 is "nan"', "not_a_number"),
    "an average that is none": (replaced("avg-rtt=[0-9.]+", "avg-rtt=-nan"), "not a finite", "not_a_number"),
    "negative": (row(5, "-3.000"), "answered before it was sent", "negative_figure"),
    "another time": (row(5, "3.000"), "message 5 takes 3000 ns", None),
    "a comma": (row(5, "3,000"), "message 5 is", None),
    "localised": (replaced(r"avg-rtt=(\d+)\.", r"avg-rtt=\1,"), "locale C|lacks its average", None),
    "another number": (replaced("^7, ", "9, "), "message 7 is numbered 9", None),
    "a message left out": (replaced(r"^\d+, [\d.]+, [\d.]+, [\d.]+\n(?=-)", ""), "it counted", None),
    "more lost than sent": (
        replaced("# dropped messages = 0", "# dropped messages = 999"),
        "999 losses came of",
        "lost_above_sent",
    ),
    "another average": (replaced("avg-rtt=[0-9.]+", "avg-rtt=1.000"), "sockperf's average is 1 us", None),
    "another size": (replaced("--msg-size=14", "--msg-size=15"), 'msg-size is "15" where 14', None),
    "another rate": (replaced("--mps=300", "--mps=600000"), 'mps is "600000" where 300', None),
    "twice": (TEXT.replace("packet, tx", TEXT.partition("packet, tx")[0] + "packet, tx", 1), "twice", None),
    "blank": (" \n \n", "lists no message|lacks its", None),
    "no summary": ("packet" + TEXT.partition("packet")[2], "lacks its parameters", None),
    "another language": (TEXT.replace("Valid Duration", "Gültige Dauer"), "is not text", None),
    "no end": (TEXT.rstrip("-\n") + "\n", "cut off among its messages", None),
    "binary": ("\x00\x01\x02" * 50, "lists no message|lacks its", None),
    "a number of a thousand digits": (row(5, "9" * 1000 + ".000"), "message 5", None),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_log_that_cannot_be_is_refused(case: str) -> None:
    text, said, rule = HOSTILE[case]
    with pytest.raises(MeasurementError, match=said) as error:
        parsed(UDP, text)
    assert error.value.rule == rule
    assert str(error.value).isprintable()


def test_one_that_is_too_long_is_refused() -> None:
    with pytest.raises(MeasurementError, match="longer than 64 MiB"):
        parsed(UDP, b" " * (log.MAXIMUM_TEXT + 1))


def test_one_that_is_cut_off_anywhere_is_refused() -> None:
    whole = TEXT.rindex("------------------------------") + 30
    for at in range(0, whole, 37):
        with pytest.raises(MeasurementError):
            parsed(UDP, TEXT[:at])


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, len(TEXT) - 1),
    st.text(st.characters(max_codepoint=0x2FF), max_size=8),
    st.integers(0, 40),
)
def test_whatever_stands_anywhere_it_is_figures_or_an_error(at: int, put: str, gone: int) -> None:
    try:
        result = parsed(UDP, TEXT[:at] + put + TEXT[at + gone :])
    except MeasurementError as error:
        said = str(error)
        event("refused" if said.isprintable() else pytest.fail(said))
        return
    json.dumps(result.metrics, allow_nan=False)
    order = [result.metrics[f"{name}_us"] for name in ("min", "p50", "p90", "p99", "max")]
    assert order == sorted(order)
    assert order[0] >= 0
