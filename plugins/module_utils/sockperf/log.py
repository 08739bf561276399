# SPDX-License-Identifier: Apache-2.0
"""sockperf's full log, taken apart line by line. Pure; it judges no figure.

The log repeats what sockperf prints, between rules of dashes, and then has a line for each message:

    test was performed using the following parameters: --mps=600000 … --msg-size=14 --time=1 --full-rtt
    sockperf: [Valid Duration] RunTime=0.550 sec; SentMessages=52604; ReceivedMessages=52604
    packet, txTime(sec), rxTime(sec), rtt(usec)
    0, 2.409727172, 2.409736746, 9.574
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import quote

MAXIMUM_TEXT = 64 * 1024 * 1024
COLOUR = re.compile(r"\x1b?\[[0-9;]{0,8}m")
ROUND_TRIP = "packet, txTime(sec), rxTime(sec), rtt(usec)"
_PARAMETERS = "test was performed using the following parameters: "
_VALID = re.compile(
    r"sockperf: \[Valid Duration\] RunTime=(\S{1,24}) sec; SentMessages=(\S{1,20}); ReceivedMessages=(\S{1,20})"
)
_AVERAGE = re.compile(r"sockperf: ====> avg-(\S{1,20})=(\S{1,24}) \(std-dev=([^\s,)]{1,24})[,)].*")
_LOSSES = re.compile(
    r"sockperf: # dropped messages = (\S{1,20}); # duplicated messages = (\S{1,20}); "
    r"# out-of-order messages = (\S{1,20})"
)
_ROW = re.compile(r"(\d{1,12}), (\d{1,9})\.(\d{9}), (\d{1,9})\.(\d{9}), (-?\d{1,12}\.\d{3})", re.ASCII)
_DIGITS = re.compile(r"\d{1,18}(\.\d{1,9})?", re.ASCII)


def _column() -> array[int]:
    return array("q")


@dataclass
class Log:
    """``sent`` and ``received`` are ns since sockperf started, ``ns`` what it takes for the round trip."""

    parameters: list[str] = field(default_factory=list)
    kind: str = ""  # of the average: rtt, or latency, which is half of one
    average_us: float = 0.0
    stddev_us: float = 0.0
    valid_sent: int = 0
    valid_received: int = 0
    dropped: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    sent: array[int] = field(default_factory=_column)
    received: array[int] = field(default_factory=_column)
    ns: array[int] = field(default_factory=_column)


def figure(name: str, text: str) -> float:
    """A figure that is not negative. MeasurementError with what is wrong with it."""
    if _DIGITS.fullmatch(text):
        return float(text)
    if re.fullmatch(r"[+-]?(nan|inf|infinity)", text, re.IGNORECASE):
        raise MeasurementError(f"sockperf's {name} is {quote(text)}, not a finite number", "not_a_number")
    if re.fullmatch(r"-\d+(\.\d+)?", text, re.ASCII):
        raise MeasurementError(f"sockperf's {name} is negative: {quote(text)}", "negative_figure")
    if "," in text:
        raise MeasurementError(f"sockperf's {name} is {quote(text)}: it must run under the locale C")
    raise MeasurementError(f"sockperf's {name} is {quote(text)}, no number")


def count(name: str, text: str) -> int:
    number = figure(name, text)
    if number != int(number):
        raise MeasurementError(f"sockperf's {name} is {quote(text)}, no whole number")
    return int(number)


def read_log(content: bytes) -> Log:
    """MeasurementError where a part is missing, there twice, cut off, or not of its form."""
    if not content:
        raise MeasurementError("sockperf wrote no log")
    if len(content) > MAXIMUM_TEXT:
        raise MeasurementError(f"sockperf's log is longer than {MAXIMUM_TEXT >> 20} MiB")
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise MeasurementError("sockperf's log is not text") from error
    head, header, body = text.partition("packet, ")
    log = Log()
    _read_head(head, log)
    if not header:
        raise MeasurementError("sockperf's log lists no message: it is cut off, or of another version")
    title, _, rows = body.partition("\n")
    if f"{header}{title}" != ROUND_TRIP:
        half = "latency" in title
        said = f"sockperf's log has the columns {quote(header + title)}"
        raise MeasurementError(
            f"{said}: half of each round trip" if half else said, "half_round_trip" if half else None
        )
    _read_rows(rows, log)
    return log


def _read_head(head: str, log: Log) -> None:
    seen: set[str] = set()
    for line in (COLOUR.sub("", line).rstrip() for line in head.split("\n")):
        if line.startswith(_PARAMETERS):
            log.parameters, name = line.removeprefix(_PARAMETERS).split(), "parameters"
        elif found := _VALID.fullmatch(line):
            name = "valid duration"
            log.valid_sent = count("SentMessages", found[2])
            log.valid_received = count("ReceivedMessages", found[3])
        elif found := _AVERAGE.fullmatch(line):
            name = "average"
            log.kind, log.average_us = found[1], figure("average", found[2])
            log.stddev_us = figure("std-dev", found[3])
        elif found := _LOSSES.fullmatch(line):
            name = "losses"
            names = ("dropped messages", "duplicated messages", "out-of-order messages")
            log.dropped, log.duplicated, log.out_of_order = (
                count(what, text) for what, text in zip(names, found.groups(), strict=True)
            )
        else:
            continue
        if name in seen:
            raise MeasurementError(f"sockperf's log has its {name} twice")
        seen.add(name)
    missing = [name for name in ("parameters", "valid duration", "average", "losses") if name not in seen]
    if missing:
        raise MeasurementError(
            f"sockperf's log lacks its {', '.join(missing)}: it is cut off, localised, or of another version"
        )


def _read_rows(rows: str, log: Log) -> None:
    body, rule, _ = rows.partition("------------------------------\n")
    if not rule:
        raise MeasurementError("sockperf's log is cut off among its messages")
    for number, line in enumerate(body.splitlines()):
        found = _ROW.fullmatch(line)
        if not found:
            figure(f"message {number}", line.rpartition(", ")[2])  # NaN has a rule of its own
            raise MeasurementError(f"sockperf's message {number} is {quote(line)}")
        index, *times, rtt = found.groups()
        if int(index) != number:
            raise MeasurementError(f"sockperf's message {number} is numbered {index}")
        sent, received = (int(times[at]) * 10**9 + int(times[at + 1]) for at in (0, 2))
        log.sent.append(sent)
        log.received.append(received)
        log.ns.append(int(rtt.replace(".", "")))
