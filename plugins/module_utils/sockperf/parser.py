# SPDX-License-Identifier: Apache-2.0
"""From sockperf's log to a trial's metrics, samples and flags, or the one reason why there are none. Pure.

sockperf measures round trips and halves them when it prints, unless told ``--full-rtt``. So that no half is ever
taken for a whole one it is checked four times: in the parameters that the log repeats, in the average's name,
in the column's name, and for each message against its own two stamps.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring import rules
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.figures import of_samples, undersampled
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, flag, quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import (
    Metrics,
    Output,
    Result,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import MISSING, Samples
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.command import Asked
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.log import COLOUR, Log, read_log

CALIBRATION_NS = 100_000_000  # ticks.cpp: time is counted from the end of a sleep right after the start
RESOLUTION_NS = 2  # stamps are printed to the ns, from floating point
STALL_US = 200_000
ROUND_TRIP = "rtt"  # in the average's name; latency is half of it


def parse(output: Output, asked: Asked) -> Result:
    """Metrics, samples and flags of a run of the command that ``asked`` stands for. MeasurementError."""
    # without a connection it ends with status 0, and says so on stdout
    if output.rc != 0 or not output.file:
        raise MeasurementError(why_it_failed(output))
    nothing = re.search(r"No (messages were received|valid observations).*", output.stdout)
    if nothing:
        raise MeasurementError(f"sockperf: {quote(COLOUR.sub('', nothing[0]))}")
    log = read_log(output.file)
    _check_same_test(log, asked)
    _check_round_trips(log)
    samples = _samples(log, output.started_ns)
    metrics = _metrics(log, samples, asked)
    return Result(metrics, _flags(metrics, asked), _pacing(asked), samples)


def why_it_failed(output: Output) -> str:
    """One line for a run without a log."""
    printed = [COLOUR.sub("", line).strip() for line in f"{output.stdout}\n{output.stderr}".split("\n")]
    printed = [line for line in printed if line]
    if output.rc in (126, 127):
        return f"sockperf cannot be run: {quote(printed[-1]) if printed else f'status {output.rc}'}"
    usage = next((at for at, line in enumerate(printed) if line.startswith("Usage:")), len(printed))
    telling = [line for line in printed[:usage] if "ERROR" in line or "rror" in line or "refused" in line]
    said = " / ".join((telling or printed[:usage])[-2:])
    if re.search(r"errno=(111|104|107) ", said):
        return f"no sockperf server answers: {quote(said, 200)}"
    how = f"by signal {-output.rc}" if output.rc < 0 else f"with status {output.rc}"
    return f"sockperf ended {how}{f': {quote(said, 200)}' if said else ' and said nothing'}"


def _pacing(asked: Asked) -> str:
    if asked.mode == "ping-pong":
        return "back to back, each message as soon as the answer before it is there"
    return f"{asked.messages_per_second} messages a second, answered or not"


def _check_same_test(log: Log, asked: Asked) -> None:
    """The log is of the test that was asked for, and of whole round trips."""
    if "--full-rtt" not in log.parameters or log.kind != ROUND_TRIP:
        raise MeasurementError(
            "sockperf printed half of each round trip: it ran without --full-rtt", "half_round_trip"
        )
    told = dict(word.removeprefix("--").partition("=")[::2] for word in log.parameters)
    for name, expected in (
        ("msg-size", asked.message_bytes),
        ("time", asked.duration_s),
        ("mps", asked.messages_per_second),
        ("reply-every", 1),
        ("burst", 1),
    ):
        if told.get(name) != str(expected):
            raise MeasurementError(f"{name} is {quote(str(told.get(name)))} where {expected} was asked for")


def _check_round_trips(log: Log) -> None:
    """Each message's figure against its two stamps, and their number and mean against the summary."""
    for number, (sent, received, ns) in enumerate(zip(log.sent, log.received, log.ns, strict=True)):
        span = received - sent
        if ns < 0 or span < 0:
            raise MeasurementError(
                f"sockperf's message {number} was answered before it was sent", "negative_figure"
            )
        if abs(ns - span) <= RESOLUTION_NS:
            continue
        if abs(2 * ns - span) <= 2 * RESOLUTION_NS:
            raise MeasurementError(
                f"sockperf's message {number} has half of its round trip", "half_round_trip"
            )
        raise MeasurementError(f"sockperf's message {number} takes {ns} ns, its stamps {span} ns")
    if len(log.ns) != log.valid_received:
        raise MeasurementError(f"sockperf lists {len(log.ns)} messages, it counted {log.valid_received}")
    if not log.ns:
        raise MeasurementError("no message was answered")
    if log.dropped + log.valid_received > log.valid_sent + log.duplicated:
        raise MeasurementError(
            f"{log.valid_received} answers and {log.dropped} losses came of {log.valid_sent} messages",
            "lost_above_sent",
        )
    mean = sum(log.ns) / len(log.ns) / 1000
    if abs(mean - log.average_us) > 0.01 + 0.0001 * mean:
        raise MeasurementError(
            f"sockperf's average is {log.average_us:g} us, that of its messages {mean:.3f} us"
        )


def _samples(log: Log, started_ns: int) -> Samples:
    """Wall clock from when the board started sockperf: right to some milliseconds, differences to the ns."""
    base = started_ns + CALIBRATION_NS if started_ns else None
    samples = Samples()
    for number, (sent, received, ns) in enumerate(zip(log.sent, log.received, log.ns, strict=True)):
        times = (sent + base, received + base) if base is not None else (MISSING, MISSING)
        samples.add(number, sent=times[0], received=times[1], ns=ns)
    return samples


def _metrics(log: Log, samples: Samples, asked: Asked) -> Metrics:
    elapsed = (log.received[-1] - log.sent[0]) / 1e9
    figures: dict[str, Any] = of_samples([samples])
    return figures | {
        "elapsed_s": round(elapsed, 6),
        "transaction_rate": round(figures["transactions"] / elapsed, 3) if elapsed else None,
        "requests_sent": log.valid_sent,
        "requests_lost": log.dropped,
        "duplicates": log.duplicated,
        "out_of_order": log.out_of_order,
        "messages_per_second": asked.messages_per_second,
        "payload_bytes": asked.message_bytes,
    }


def _flags(metrics: Metrics, asked: Asked) -> list[Flag]:
    flags = rules.moments(metrics) + undersampled(metrics["transactions"])
    if asked.mode == "ping-pong":
        flags += rules.back_to_back(metrics)
        if metrics["transaction_rate"] and metrics["transaction_rate"] > 0.9 * asked.messages_per_second:
            said = "the bound of messages a second was reached: messages waited for their turn"
            flags.append(flag("bound_reached", said))
    elif metrics["transaction_rate"] and metrics["transaction_rate"] < 0.9 * asked.messages_per_second:
        flags.append(flag("paced_slower_than_asked", "fewer messages were sent than were asked for"))
    if asked.transport == "tcp" and metrics["max_us"] >= rules.RETRANSMISSION_TIMEOUT_US:
        said = (
            "max is not below 200 ms, TCP's least retransmission timeout: most likely a lost segment's wait"
        )
        flags.append(flag("retransmission_timeout_suspected", said))
    elif metrics["max_us"] >= STALL_US:
        said = "max, 200 ms or more, is no latency of a path: a packet waited, as for a neighbour's address"
        flags.append(flag("stall_suspected", said))
    if metrics["requests_lost"]:
        flags.append(flag("probes_lost", "messages without an answer; they count in no latency"))
    if metrics["duplicates"]:
        flags.append(flag("duplicate_answers", "some messages were answered more than once"))
    if metrics["out_of_order"]:
        flags.append(
            flag("answers_out_of_order", "answers overtook one another; sockperf leaves the late ones out")
        )
    return flags
