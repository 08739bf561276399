# SPDX-License-Identifier: Apache-2.0
"""Real results of three builds of irtt, and everything that could be wrong with one.

tests/fixtures/irtt/README.md says where the results are from.
"""

from __future__ import annotations

import copy
import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.irtt import document
from ansible_collections.netlab.testbed.plugins.module_utils.irtt.command import (
    PORT,
    client_command,
    read_parameters,
)
from ansible_collections.netlab.testbed.plugins.module_utils.irtt.parser import parse
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow, Output, Result
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import MISSING

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "irtt"
BOOKWORM = "debian-0.9.0-2+b24"
BUILDS = ("debian-0.9.0-2+b17", BOOKWORM, "debian-0.9.0-2+b37")
ALL = sorted(path.name.removesuffix(".json") for path in FIXTURES.glob("*.json"))


def recorded(name: str, build: str = BOOKWORM) -> dict[str, Any]:
    return dict(json.loads((FIXTURES / f"{build}.{name}.json").read_text(encoding="utf-8")))


def parsed(run: dict[str, Any], file: bytes | None = None, **parameters: Any) -> Result:
    content = gzip.compress(run["file"].encode()) if file is None else file
    output = Output(run["rc"], run["stdout"], run["stderr"], content)
    return parse(output, read_parameters({**run["parameters"], **parameters}))


def rules(result: Result) -> set[str]:
    names = [flag["rule"] for flag in result.flags]
    assert len(names) == len(set(names)), "a rule speaks once"
    return set(names)


def test_the_recorded_commands_are_those_that_are_made() -> None:
    for name in ALL:
        run = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
        argv = client_command(read_parameters(run["parameters"]), Flow("192.0.2.2", PORT), "FILE")
        assert argv[:-1] == run["command"][:-1], name


@pytest.mark.parametrize("build", BUILDS)
def test_every_probe_is_a_sample(build: str) -> None:
    run = recorded("plain", build)
    result = parsed(run)
    assert result.samples is not None
    trips = json.loads(run["file"])["round_trips"]
    assert list(result.samples.ns) == [trip["delay"]["rtt"] for trip in trips]
    assert list(result.samples.seq) == list(range(30))
    sent, due = result.samples.sent, result.samples.intended
    assert [due[at + 1] - due[at] for at in range(29)] == [10_000_000] * 29
    assert all(abs(sent[at] - due[at]) < 10_000_000 for at in range(30))
    assert all(value > at for value, at in zip(result.samples.received, sent, strict=True))
    assert result.metrics["requests_sent"] == result.metrics["transactions"] == 30
    assert result.metrics["requests_lost"] == 0


@pytest.mark.parametrize("build", BUILDS)
def test_figures_agree_with_irtts_own(build: str) -> None:
    run = recorded("plain", build)
    own = json.loads(run["file"])["stats"]["rtt"]
    metrics = parsed(run).metrics
    for name in ("min", "max", "mean"):
        assert metrics[f"{name}_us"] == pytest.approx(own[name] / 1000, abs=0.002)
    # irtt divides by n - 1
    assert metrics["stddev_us"] == pytest.approx(own["stddev"] / 1000 * math.sqrt(29 / 30), rel=0.001)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", ["requests-lost", "answers-lost"])
def test_losses_are_counted_and_left_out(name: str, build: str) -> None:
    result = parsed(recorded(name, build))
    metrics = result.metrics
    assert metrics["requests_lost"] > 0
    assert metrics["requests_sent"] == metrics["transactions"] + metrics["requests_lost"]
    ways = metrics["lost_on_the_way_there"], metrics["lost_on_the_way_back"]
    assert ways == (
        (metrics["requests_lost"], 0) if name == "requests-lost" else (0, metrics["requests_lost"])
    )
    assert "probes_lost" in rules(result)
    assert result.samples is not None
    assert list(result.samples.ns).count(MISSING) == metrics["requests_lost"]
    assert len(result.samples) == metrics["requests_sent"]


def test_losses_at_the_end_are_losses() -> None:
    """No later answer tells which way they were lost."""
    metrics = parsed(recorded("last-answers-lost")).metrics
    assert metrics["requests_lost"] > 0
    assert metrics["lost_on_the_way_there"] + metrics["lost_on_the_way_back"] <= metrics["requests_lost"]


def test_one_probe_is_enough() -> None:
    metrics = parsed(recorded("one-probe")).metrics
    assert {metrics[f"{name}_us"] for name in ("min", "p50", "p90", "p99")} == {metrics["max_us"]}
    assert (metrics["stddev_us"], metrics["p999_us"], metrics["transactions"]) == (0, None, 1)


@pytest.mark.parametrize(
    ("name", "build", "said"),
    [
        ("silent", BOOKWORM, "no irtt server answers"),
        ("no-server", BOOKWORM, "no irtt server answers"),
        ("no-server", BUILDS[2], "no irtt server answers"),
        ("no-route", BOOKWORM, "irtt ended with status 1:"),
        ("restricted", BOOKWORM, "server increased interval from 1ms to 10ms"),
        ("restricted", BUILDS[0], "server increased interval from 1ms to 10ms"),
    ],
)
def test_a_run_that_failed_is_explained(name: str, build: str, said: str) -> None:
    with pytest.raises(MeasurementError) as error:
        parsed(recorded(name, build))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_one_way_is_only_told_where_it_is_asked_for() -> None:
    run = recorded("one-way")
    metrics = parsed(run).metrics
    assert 0 < metrics["one_way_there_min_us"] <= metrics["one_way_there_p50_us"] < metrics["max_us"]
    assert not [name for name in parsed(run, one_way=False).metrics if "one_way" in name]


# --- what cannot be ----------------------------------------------------------------------------------------


def doctored(change: Callable[[Any], None], name: str = "plain") -> dict[str, Any]:
    run = recorded(name)
    content = json.loads(run["file"])
    change(content)
    return {**run, "file": json.dumps(content)}


def trip(content: Any, number: int = 3) -> Any:
    return content["round_trips"][number]


def halve(content: Any) -> None:
    for one in content["round_trips"]:
        one["delay"]["rtt"] //= 2


HOSTILE: dict[str, tuple[Callable[[Any], Any], str, str | None]] = {
    "half of each round trip": (halve, "is half of what its stamps say", "half_round_trip"),
    "negative": (lambda c: trip(c)["delay"].update(rtt=-5), "is negative", "negative_figure"),
    "a fraction": (lambda c: trip(c)["delay"].update(rtt=1.5), "no whole number", None),
    "a text": (lambda c: trip(c)["delay"].update(rtt="12"), "no whole number", None),
    "true": (lambda c: trip(c)["delay"].update(rtt=True), "no whole number", None),
    "beyond 64 bits": (lambda c: trip(c)["delay"].update(rtt=2**63), "beyond 64 bits", None),
    "another round trip": (lambda c: trip(c)["delay"].update(rtt=7), "takes 7 ns, its stamps", None),
    "not numbered": (lambda c: trip(c).update(seqno=9), "round trip 3 is numbered 9", None),
    "lost in a new way": (lambda c: trip(c).update(lost="perhaps"), '"perhaps" lost', None),
    "no stamps": (lambda c: trip(c).pop("timestamps"), "has no timestamps", None),
    "no round trips": (lambda c: c.update(round_trips=[]), "has no round trips", None),
    "trips that are a text": (lambda c: c.update(round_trips="x"), "has no round trips", None),
    "a trip that is a list": (lambda c: c["round_trips"].__setitem__(3, []), "has no seqno", None),
    "no stats": (lambda c: c.pop("stats"), "has no stats", None),
    "more answers than probes": (
        lambda c: c["stats"].update(packets_received=31),
        "31 answers came to 30 probes",
        "lost_above_sent",
    ),
    "another count": (lambda c: c["stats"].update(packets_received=29), "counted 29 of 30", None),
    "trips left out": (lambda c: c["round_trips"].pop(), "lists 29 of 29", None),
    "another interval": (
        lambda c: c["config"]["params"].update(interval=1_000_000),
        "interval is 1000000 ns where 10000000",
        None,
    ),
    "another length": (lambda c: c["config"]["params"].update(duration=1), "duration is 1 ns", None),
    "another format": (lambda c: c["version"].update(json_format=2), "of format 2; 1 is known", None),
    "sending failed": (lambda c: c["stats"].update(send_err={"Op": "write"}), "send_err", None),
    "no start": (lambda c: c["stats"].update(start_time="yesterday"), "no time", None),
    "a start without a zone": (
        lambda c: c["stats"].update(start_time="2026-01-01T00:00:00.5"),
        "without a zone",
        None,
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_result_that_cannot_be_is_refused(case: str) -> None:
    change, said, rule = HOSTILE[case]
    with pytest.raises(MeasurementError) as error:
        parsed(doctored(change))
    assert said in str(error.value)
    assert error.value.rule == rule
    assert str(error.value).isprintable()


def test_a_new_key_does_not_matter() -> None:
    """irtt 0.9.2 has `late` beside the stamps, and `expected_packets_sent`."""

    def newer(content: Any) -> None:
        content["stats"]["expected_packets_sent"] = 30
        for one in content["round_trips"]:
            one["timestamps"]["late"] = False

    assert parsed(doctored(newer)).metrics == parsed(recorded("plain")).metrics


def test_none_answered_is_no_measurement() -> None:
    def lose(content: Any) -> None:
        for one in content["round_trips"]:
            one["lost"] = "true"
        content["stats"]["packets_received"] = 0

    with pytest.raises(MeasurementError, match="none of 30 probes was answered"):
        parsed(doctored(lose))


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "irtt wrote no result"),
        (b"\x1f\x8b\x00\x01\x02", "cannot be unpacked"),
        (packed("{}")[:-9], "is cut off"),
        (packed(""), "is not whole JSON"),
        (packed("   \n"), "is not whole JSON"),
        (packed("[1]"), "is no JSON object"),
        (packed("{}"), "has no version"),
        (packed('{"version": NaN}'), "holds NaN"),
        (packed('{"version": -Infinity}'), "holds -Infinity"),
        (packed("[" * 200_000), "nested too deep"),
        (packed('{"a":' * 200_000), "nested too deep"),
        (b"\xff\xfe\x00binary", "is not"),
        (gzip.compress(b"\x80\x81\x82"), "is not text"),
        (packed("1" * 10_000), "is not whole JSON"),
        (gzip.compress(b" " * (document.MAXIMUM_TEXT + 10)), "longer than 64 MiB"),
        (b" " * (document.MAXIMUM_TEXT + 10), "longer than 64 MiB"),
    ],
    ids=lambda value: None if isinstance(value, str) else repr(value[:12]),
)
def test_a_file_that_is_none_is_refused(file: bytes, said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        parsed(recorded("plain"), file)


def test_one_that_is_cut_off_anywhere_is_refused() -> None:
    run = recorded("plain")
    text = run["file"]
    for at in range(0, len(text) - 2, 997):
        with pytest.raises(MeasurementError):
            parsed(run, text[:at].encode())


PLAIN = recorded("plain")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_stands_anywhere_it_is_figures_or_an_error(data: st.DataObject) -> None:
    content = copy.deepcopy(json.loads(PLAIN["file"]))
    holder: Any = content
    while True:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        inside = holder[key]
        if not isinstance(inside, dict | list) or not inside or data.draw(st.integers(0, 4)) == 0:
            break
        holder = inside
    holder[key] = data.draw(ANYTHING)
    try:
        result = parsed(PLAIN, json.dumps(content).encode())
    except MeasurementError as error:
        said = str(error)
        event("refused" if said.isprintable() else pytest.fail(said))
        return
    json.dumps(result.metrics, allow_nan=False)
    order = [result.metrics[f"{name}_us"] for name in ("min", "p50", "p90", "p99", "max")]
    assert order == sorted(order)
    assert order[0] >= 0
