# SPDX-License-Identifier: Apache-2.0
"""Bulk traffic by netperf: its command, and what its interim results say. Pure.

``-D`` prints how fast it went since the last such line, so that the rate is known of any stretch of time, also
of a netperf that is ended before its time: main() and display_demo() of netperf's netlib.c.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import ParameterError

TESTS = ("TCP_MAERTS", "TCP_STREAM")  # towards where netperf runs, and away from there
INTERIM_S = 0.1

_LINE = re.compile(r"^NETPERF_(INTERIM_RESULT|UNITS|INTERVAL|ENDING)\[\d+\]=(\S+)$", re.MULTILINE)
_UNITS = "10^6bits/s"


class Stretch(NamedTuple):
    """A while of one rate; seconds since the epoch by the clock of where netperf runs."""

    began: float
    ended: float
    mbit_per_s: float


def command(load: Mapping[str, Any]) -> list[str]:
    """The argument vector, bounded in time whatever happens. ParameterError for what cannot be."""
    if load.get("test", TESTS[0]) not in TESTS:
        raise ParameterError(f"load {load['name']}: test: {load['test']!r} is none of {', '.join(TESTS)}")
    try:
        address = ipaddress.ip_address(str(load.get("peer_address")))
    except ValueError as error:
        raise ParameterError(
            f"load {load['name']}: peer_address: {load.get('peer_address')!r} is not an IP address"
        ) from error
    return [
        "netperf", "-H", str(address), "-p", str(load["control_port"]), "-t", load.get("test", TESTS[0]),
        "-l", str(load["limit_s"]), "-D", str(INTERIM_S), "-P", "0", "--", "-k", "THROUGHPUT,ELAPSED_TIME",
    ]  # fmt: skip


def stretches(text: str) -> list[Stretch]:
    """What the interim results say, in order; an incomplete last one is passed over."""
    found: list[Stretch] = []
    told: dict[str, str] = {}
    for name, value in _LINE.findall(text):
        told[name] = value
        if name == "ENDING":
            if stretch := _stretch(told):
                found.append(stretch)
            told = {}
    return found


def _stretch(told: Mapping[str, str]) -> Stretch | None:
    if told.get("UNITS") != _UNITS:
        return None
    try:
        rate, interval, ended = (float(told[name]) for name in ("INTERIM_RESULT", "INTERVAL", "ENDING"))
    except (KeyError, ValueError):
        return None
    return Stretch(ended - interval, ended, rate)


def mean_rate(found: Sequence[Stretch], began: float, ended: float) -> float | None:
    """Mbit/s between two moments, of a stretch that lies partly outside its share; None where there is no time."""
    if ended <= began:
        return None
    moved = sum(
        stretch.mbit_per_s * max(0.0, min(stretch.ended, ended) - max(stretch.began, began))
        for stretch in found
    )
    return moved / (ended - began)


def bytes_moved(text: str, interfaces: Sequence[str] = ()) -> int:
    """Bytes in and out, of /proc/net/dev, over the interfaces named, or all but lo."""
    total = 0
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        wanted = name.strip() in interfaces if interfaces else name.strip() != "lo"
        if colon and wanted and len(words) == 16 and all(word.isdecimal() for word in words):
            total += int(words[0]) + int(words[8])
    return total
