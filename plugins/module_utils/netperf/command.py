# SPDX-License-Identifier: Apache-2.0
"""From a trial's parameters to netperf's argument vector. Pure.

Facts about the program are from netperf 2.7.0's source (src/netsh.c, src/nettest_omni.c) and from runs of
Debian's build; docs/instruments/netperf.md tells them in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import ParameterError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.parameters import (
    choice,
    ip_address,
    mapping,
    number,
    port,
    told,
    whole_number,
)

TESTS = ("TCP_RR", "UDP_RR")
CONTROL_PORT = 12865  # netperf's own default; with another one the command has -p

# In the order in which they are asked for. Latencies are microseconds by the source's own output table.
LATENCIES = ("MIN_LATENCY", "MEAN_LATENCY", "MAX_LATENCY", "STDDEV_LATENCY")
PERCENTILES = ("P50_LATENCY", "P90_LATENCY", "P99_LATENCY")
SELECTORS = (
    *("MIN_LATENCY", "MEAN_LATENCY", "MAX_LATENCY", "STDDEV_LATENCY", "TRANSACTION_RATE"),
    *PERCENTILES,
    *("ELAPSED_TIME", "THROUGHPUT_UNITS", "PROTOCOL", "REQUEST_SIZE", "RESPONSE_SIZE"),
    *("LOCAL_SEND_CALLS", "LOCAL_BYTES_RECVD", "LOCAL_TRANSPORT_RETRANS", "REMOTE_TRANSPORT_RETRANS"),
    *("LOCAL_INTERVAL_USECS", "LOCAL_INTERVAL_BURST", "BURST_SIZE", "CONFIDENCE_ITERATION"),
    *("LOCAL_CPU_BIND", "REMOTE_CPU_BIND"),
)

DEFAULTS: Mapping[str, Any] = {"test": "TCP_RR", "duration_s": 2}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # netperf -H 192.168.20.1 -l -1000 -t TCP_RR -w 10ms -b 1 -v 2 -- \
    #   -O min_latency,mean_latency,max_latency,stddev_latency,transaction_rate
    "stratos-2022": {"test": "TCP_RR", "transactions": 1000, "paced": {"interval_ms": 10, "burst": 1}},
}

MAXIMUM_DURATION_S = 86_400
MAXIMUM_TRANSACTIONS = 1_000_000_000  # the program counts in an int
MAXIMUM_BYTES = {"TCP_RR": 16 * 1024 * 1024, "UDP_RR": 65_507}  # UDP: the largest datagram over IPv4
MAXIMUM_INTERVAL_MS = 3_600_000
MAXIMUM_CPU = 1023  # beyond, the program drops the binding without a word
RECEIVE_TIMEOUT_S = 1

# Limits of a run's time, in seconds. Without a transaction in 50 ms something else is being measured.
GRACE_S = 15.0
SLOWEST_TRANSACTION_S = 0.05


class Pace(NamedTuple):
    """``burst`` transactions, then a wait until the interval (microseconds) is over."""

    interval_us: int
    burst: int

    def rate(self) -> float:
        """Transactions a second that a netperf which can pace would make."""
        return self.burst * 1e6 / self.interval_us

    def says(self) -> str:
        what = "1 transaction" if self.burst == 1 else f"a burst of {self.burst} transactions"
        return f"{what} every {self.interval_us / 1000:g} ms"


@dataclass(frozen=True)
class Asked:
    """What a trial asks netperf for; exactly one of ``duration_s`` and ``transactions`` is set."""

    test: str
    duration_s: int | None = None
    transactions: int | None = None
    request_bytes: int = 1
    response_bytes: int = 1
    pace: Pace | None = None
    local_cpu: int | None = None
    remote_cpu: int | None = None
    receive_timeout_s: int | None = None  # UDP_RR only
    time_limit_s: float = GRACE_S

    @property
    def protocol(self) -> str:
        return self.test.partition("_")[0]


def _pace(value: Any) -> Pace | None:
    if value is None:
        return None
    paced = mapping("paced", value, ("interval_ms", "burst"))
    interval = number("paced.interval_ms", paced.get("interval_ms"), 0.001, MAXIMUM_INTERVAL_MS, "ms")
    return Pace(round(interval * 1000), whole_number("paced.burst", paced.get("burst", 1), 1, 1_000_000))


KEYS = (
    *("preset", "test", "duration_s", "transactions", "request_bytes", "response_bytes"),
    *("paced", "cpu", "receive_timeout_s", "time_limit_s"),
)


def read_parameters(raw: Mapping[str, Any]) -> Asked:
    """Check a trial's parameters and fill in what is left out.

    Raises ParameterError. Keys whose value is None count as left out, so that a role can pass them all.
    """
    given = told("netperf", raw, KEYS)
    preset = given.pop("preset", None)
    if preset is not None:
        choice("preset", preset, tuple(sorted(PRESETS)))
        if given:
            raise ParameterError(f"preset {preset} is a whole command: leave out {', '.join(sorted(given))}")
        given = dict(PRESETS[preset])
    if "duration_s" in given and "transactions" in given:
        raise ParameterError(
            "duration_s and transactions: give one of them, netperf stops by time or by count"
        )
    if "duration_s" not in given and "transactions" not in given:
        given["duration_s"] = DEFAULTS["duration_s"]
    test = choice("test", given.get("test", DEFAULTS["test"]), TESTS)
    if "receive_timeout_s" in given and test != "UDP_RR":
        raise ParameterError("receive_timeout_s: only UDP_RR has one, TCP retransmits")

    def optional(name: str, lowest: int, highest: int, default: int | None = None) -> int | None:
        return whole_number(name, given[name], lowest, highest) if name in given else default

    def size(name: str) -> int:
        return whole_number(name, given.get(name, 1), 1, MAXIMUM_BYTES[test])

    cpu = mapping("cpu", given.get("cpu", {}), ("local", "remote"))
    cpus = {
        end: whole_number(f"cpu.{end}", cpu[end], 0, MAXIMUM_CPU) if cpu.get(end) is not None else None
        for end in ("local", "remote")
    }
    duration = optional("duration_s", 1, MAXIMUM_DURATION_S)
    transactions = optional("transactions", 1, MAXIMUM_TRANSACTIONS)
    pace = _pace(given.get("paced"))
    limit = optional("time_limit_s", 1, 10 * MAXIMUM_DURATION_S)
    timeout = optional("receive_timeout_s", 1, 3600, RECEIVE_TIMEOUT_S) if test == "UDP_RR" else None
    return Asked(
        test=test,
        duration_s=duration,
        transactions=transactions,
        request_bytes=size("request_bytes"),
        response_bytes=size("response_bytes"),
        pace=pace,
        local_cpu=cpus["local"],
        remote_cpu=cpus["remote"],
        receive_timeout_s=timeout,
        time_limit_s=float(limit) if limit is not None else _time_limit(duration, transactions, pace),
    )


def _time_limit(duration: int | None, transactions: int | None, pace: Pace | None) -> float:
    """Seconds after which a run is given up: its expected length, and a grace for setup and teardown."""
    if duration is not None:
        return duration + GRACE_S
    assert transactions is not None
    paced = transactions / pace.rate() if pace else 0.0
    return paced + transactions * SLOWEST_TRANSACTION_S + GRACE_S


def _timespec(interval_us: int) -> str:
    """As -w takes it: a whole number and a unit."""
    return f"{interval_us // 1000}ms" if interval_us % 1000 == 0 else f"{interval_us}us"


def _pair(local: int | None, remote: int | None) -> str:
    """As -T takes it; one value without a comma would set both ends."""
    return f"{'' if local is None else local},{'' if remote is None else remote}"


def netperf_command(asked: Asked, flow: Flow) -> list[str]:
    """The argument vector. Its first part is, word for word and in its order, the command of the 2022 report.

    Raises ParameterError for an address that is none, or a port out of range.
    """
    control_port = port("control_port", flow.control_port)
    limit = asked.duration_s if asked.duration_s is not None else -(asked.transactions or 0)
    argv = [
        "netperf",
        "-H",
        ip_address("peer_address", flow.peer_address),
        "-l",
        str(limit),
        "-t",
        asked.test,
    ]
    if asked.pace:
        argv += ["-w", _timespec(asked.pace.interval_us), "-b", str(asked.pace.burst)]
    argv += ["-v", "2"]  # prints the histogram where the build has it
    argv += ["-P", "0"]
    if control_port != CONTROL_PORT:
        argv += ["-p", str(control_port)]
    if flow.local_address:
        argv += ["-L", ip_address("local_address", flow.local_address)]
    if asked.local_cpu is not None or asked.remote_cpu is not None:
        argv += ["-T", _pair(asked.local_cpu, asked.remote_cpu)]
    argv += ["--"]
    if (asked.request_bytes, asked.response_bytes) != (1, 1):
        argv += ["-r", f"{asked.request_bytes},{asked.response_bytes}"]
    if asked.receive_timeout_s is not None:
        argv += ["-e", str(asked.receive_timeout_s)]
    return [*argv, "-k", ",".join(SELECTORS)]


def netserver_command(address: str, control_port: int) -> list[str]:
    """In the foreground, without a fork for each connection's log, on one address only."""
    where = ip_address("address", address)
    return ["netserver", "-D", "-N", "-4", "-L", where, "-p", str(port("control_port", control_port))]
