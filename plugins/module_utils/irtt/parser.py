# SPDX-License-Identifier: Apache-2.0
"""From irtt's result to a trial's metrics, samples and flags, or the one reason why there are none. Pure.

A round trip is what irtt gives in ``delay.rtt``: from the client's stamp before the send call to the one after
the receive call, by its monotonic clock, less the time between the server's own two stamps (recorder.go, RTT).
It is held against those stamps: a figure that is not their difference is refused.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.netlab.testbed.plugins.module_utils.irtt.command import Asked
from ansible_collections.netlab.testbed.plugins.module_utils.irtt.document import member, read_document, whole
from ansible_collections.netlab.testbed.plugins.module_utils.measuring import rules
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.figures import (
    of_samples,
    ranked,
    undersampled,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, flag, quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import (
    Metrics,
    Output,
    Result,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import Samples

FORMAT = 1
LOST = {"true", "true_up", "true_down"}  # and which way, where the server's window tells
STALL_US = 200_000
TIMER_TOLERANCE = 0.1  # of an interval, on average


class Probe(NamedTuple):
    """Times in ns; those of an unanswered probe are None."""

    sent: int
    monotonic: int
    received: int | None
    rtt: int | None
    up: int | None
    down: int | None


def parse(output: Output, asked: Asked) -> Result:
    """Metrics, samples and flags of a run of the command that ``asked`` stands for. MeasurementError."""
    if output.rc != 0:
        raise MeasurementError(why_it_failed(output))
    document = read_document(output.file)
    _check_same_test(document, asked)
    stats = member("result", document, "stats")
    _check_ended_well(stats)
    trips = member("result", document, "round_trips")
    if not isinstance(trips, list) or not trips:
        raise MeasurementError("irtt's result has no round trips")
    probes = [_probe(number, trip) for number, trip in enumerate(trips)]
    metrics = _losses(probes, trips, stats)
    samples = _samples(probes, stats, asked)
    if not samples.answered():
        raise MeasurementError(f"none of {len(probes)} probes was answered")
    elapsed = (probes[-1].monotonic - probes[0].monotonic) / 1e9 + asked.interval_ms / 1e3
    figures = of_samples([samples])
    metrics = figures | metrics | {
        "elapsed_s": round(elapsed, 6),
        "transaction_rate": round(figures["transactions"] / elapsed, 3),
        "interval_ms": asked.interval_ms,
        "payload_bytes": whole("config", member("result", document, "config"), "params", "length"),
        "timer_error_mean_us": round(whole("stats", stats, "timer_error", "mean") / 1000, 3)
        if len(probes) > 1
        else None,
    }  # fmt: skip
    flags = _flags(metrics, asked)
    if asked.one_way:
        one_way, spoken = _one_way(probes)
        metrics |= one_way
        flags += spoken
    return Result(metrics, flags, f"one probe every {asked.interval_ms:g} ms, answered or not", samples)


def why_it_failed(output: Output) -> str:
    """One line for a run that ended with another status than 0."""
    printed = [line.strip() for line in f"{output.stdout}\n{output.stderr}".split("\n") if line.strip()]
    if output.rc in (126, 127):
        return f"irtt cannot be run: {quote(printed[-1]) if printed else f'status {output.rc}'}"
    said = f": {quote(' / '.join(printed[-2:]), 200)}" if printed else " and said nothing"
    if any(word in said for word in ("OpenTimeout", "connection refused")):
        return f"no irtt server answers{said}"
    how = f"by signal {-output.rc}" if output.rc < 0 else f"with status {output.rc}"
    return f"irtt ended {how}{said}"


def _check_same_test(document: Mapping[str, Any], asked: Asked) -> None:
    """The result is of the test that was asked for, in a form that is known."""
    version = whole("result", document, "version", "json_format")
    if version != FORMAT:
        raise MeasurementError(f"irtt's JSON is of format {version}; {FORMAT} is known")
    told = member("result", document, "config", "params")
    for name, expected in (
        ("duration", round(asked.duration_s * 1e6) * 1000),
        ("interval", round(asked.interval_ms * 1e3) * 1000),
    ):
        found = whole("config", told, name)
        if found != expected:
            raise MeasurementError(f"{name} is {found} ns where {expected} was asked for")
    if asked.payload_bytes > whole("config", told, "length"):
        raise MeasurementError(f"probes are of {told['length']} bytes, {asked.payload_bytes} were asked for")


def _check_ended_well(stats: Any) -> None:
    """irtt ends with status 0 although sending failed halfway."""
    for name in ("send_err", "receive_err"):
        error = stats.get(name) if isinstance(stats, Mapping) else None
        if error is not None:
            raise MeasurementError(f"irtt's {name}: {quote(str(error))}")


def _probe(number: int, trip: Any) -> Probe:
    """One round trip, its figure held against its stamps."""
    where = f"round trip {number}"
    if whole(where, trip, "seqno") != number:
        raise MeasurementError(f"irtt's {where} is numbered {trip['seqno']}")
    lost = str(member(where, trip, "lost"))
    client = member(where, trip, "timestamps", "client")
    sent, monotonic = whole(where, client, "send", "wall"), whole(where, client, "send", "monotonic")
    if lost in LOST:
        return Probe(sent, monotonic, None, None, None, None)
    if lost != "false":
        raise MeasurementError(f"irtt's {where} is {quote(lost)} lost")
    received = whole(where, client, "receive", "wall")
    rtt = whole(where, trip, "delay", "rtt")
    _check_round_trip(where, trip, rtt, whole(where, client, "receive", "monotonic") - monotonic)
    delay = trip["delay"]
    return Probe(sent, monotonic, received, rtt, _delay(delay, "send"), _delay(delay, "receive"))


def _delay(delay: Mapping[str, Any], way: str) -> int | None:
    value = delay.get(way)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _check_round_trip(where: str, trip: Any, rtt: int, span: int) -> None:
    """A round trip is the client's span less the server's own, where both of the server's stamps are there."""
    server = member(where, trip, "timestamps").get("server")
    stamps = [
        stamp.get("monotonic") if isinstance(stamp, Mapping) else None
        for stamp in (server.get(end) if isinstance(server, Mapping) else None for end in ("receive", "send"))
    ]
    inside = 0
    if isinstance(stamps[0], int) and isinstance(stamps[1], int) and 0 <= stamps[1] - stamps[0] <= span:
        inside = stamps[1] - stamps[0]
    if rtt in (span, span - inside):
        return
    if abs(2 * rtt - (span - inside)) <= 1 or abs(2 * rtt - span) <= 1:
        raise MeasurementError(f"irtt's {where} is half of what its stamps say", "half_round_trip")
    raise MeasurementError(f"irtt's {where} takes {rtt} ns, its stamps {span - inside} ns")


def _losses(probes: list[Probe], trips: list[Any], stats: Any) -> Metrics:
    """What was sent and not answered, counted twice: by the stats and by the round trips."""
    sent, received = whole("stats", stats, "packets_sent"), whole("stats", stats, "packets_received")
    duplicates = whole("stats", stats, "duplicates")
    answered = sum(probe.rtt is not None for probe in probes)
    if received - duplicates > sent:
        raise MeasurementError(f"{received} answers came to {sent} probes", "lost_above_sent")
    if (sent, received - duplicates) != (len(probes), answered):
        raise MeasurementError(
            f"irtt counted {received - duplicates} of {sent} probes answered, and lists {answered} of {len(probes)}"
        )
    return {
        "requests_sent": sent,
        "requests_lost": sent - answered,
        "lost_on_the_way_there": sum(trip["lost"] == "true_up" for trip in trips),
        "lost_on_the_way_back": sum(trip["lost"] == "true_down" for trip in trips),
        "duplicates": duplicates,
        "late": whole("stats", stats, "late_packets"),
    }


def _start(stats: Any) -> int:
    """When the first probe was due: ns since the epoch. Python's own reading stops at microseconds."""
    text = str(member("stats", stats, "start_time"))
    head, _, tail = text.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    zone = tail[len(digits) :] if tail else ""
    try:
        moment = datetime.datetime.fromisoformat(head + zone)
    except ValueError as error:
        raise MeasurementError(f"irtt's start_time is {quote(text)}, no time") from error
    if moment.tzinfo is None:
        raise MeasurementError(f"irtt's start_time is {quote(text)}, without a zone")
    return int(moment.timestamp()) * 10**9 + int(f"{digits:0<9}"[:9])


def _samples(probes: list[Probe], stats: Any, asked: Asked) -> Samples:
    """A probe is due at the start and a whole number of intervals; client.go leaves out those that it misses."""
    start, interval = _start(stats), round(asked.interval_ms * 1e6)
    samples = Samples()
    for number, probe in enumerate(probes):
        due = round((probe.monotonic - probes[0].monotonic) / interval)
        times = {"intended": start + due * interval, "sent": probe.sent}
        if probe.rtt is not None and probe.received is not None:
            times |= {"received": probe.received, "ns": probe.rtt}
        samples.add(number, **times)
    return samples


def _one_way(probes: list[Probe]) -> tuple[Metrics, list[Flag]]:
    """Each way alone, by the two ends' wall clocks: figures only of ends that share one.

    Whether they do, nobody can tell from here; that they do not is certain where a probe came before it left.
    """
    ways = {
        "there": sorted(probe.up for probe in probes if probe.up is not None),
        "back": sorted(probe.down for probe in probes if probe.down is not None),
    }
    if any(delays and delays[0] < 0 for delays in ways.values()):
        said = "by the clocks of the two ends some packets came before they left: no figures of one way"
        return {}, [flag("one_way_of_two_clocks", said)]
    return {
        f"one_way_{name}_{key}_us": round(ranked(delays, share) / 1000, 3)
        for name, delays in ways.items()
        for key, share in (("min", 0.0), ("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        if delays
    }, []


def _flags(metrics: Metrics, asked: Asked) -> list[Flag]:
    flags = rules.moments(metrics) + undersampled(metrics["transactions"])
    if metrics["requests_lost"]:
        flags.append(flag("probes_lost", "probes without an answer; they count in no latency"))
    if metrics["duplicates"]:
        flags.append(
            flag("duplicate_answers", "some probes were answered more than once; the first answer counts")
        )
    if metrics["late"]:
        flags.append(flag("answers_out_of_order", "answers overtook one another"))
    if metrics["max_us"] >= STALL_US:
        said = "max, 200 ms or more, is no latency of a path: a packet waited, as for a neighbour's address"
        flags.append(flag("stall_suspected", said))
    if metrics["requests_sent"] < math.floor(0.95 * asked.probes):
        said = "fewer probes were sent than their interval asks for: irtt was kept from running"
        flags.append(flag("probes_missed", said))
    error = metrics["timer_error_mean_us"]
    if error is not None and error > TIMER_TOLERANCE * asked.interval_ms * 1000:
        said = (
            "probes left late by more than a tenth of their interval, on average: they were not isochronous"
        )
        flags.append(flag("probes_not_isochronous", said))
    return flags
