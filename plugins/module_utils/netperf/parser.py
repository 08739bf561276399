# SPDX-License-Identifier: Apache-2.0
"""From netperf's output to a trial's metrics and flags, or the one reason why there are none. Pure.

Two kinds of doubt are kept apart. What contradicts the command or itself beyond what netperf's own rounding
explains is a MeasurementError: no figure of such an output is passed on. A true figure that is easily taken
for something else, or one that breaks a rule, is passed on with a flag (rules.py).
"""

from __future__ import annotations

import math
import re

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, broken, quote
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Metrics, Result
from ansible_collections.netlab.testbed.plugins.module_utils.netperf import rules
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.bins import Percentile, read_percentile
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.command import (
    PERCENTILES,
    SELECTORS,
    Asked,
)
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.output import Output, read_output

SIGALRM = 14


def parse(stdout: str, stderr: str, rc: int, asked: Asked) -> Result:
    """Metrics and flags of a run of the command that ``asked`` stands for. Raises MeasurementError."""
    if rc != 0:
        raise MeasurementError(why_it_failed(stdout, stderr, rc))
    output = read_output(stdout, stderr, SELECTORS)
    values = output.values
    _check_same_test(values, asked)
    transactions = _transactions(values, asked)
    metrics: Metrics = {
        "min_us": _whole("MIN_LATENCY", values),
        "mean_us": _decimal("MEAN_LATENCY", values),
        **{f"{name[:3].lower()}_us": None for name in PERCENTILES},
        "max_us": _whole("MAX_LATENCY", values),
        "stddev_us": _stddev(values),
        "transaction_rate": _decimal("TRANSACTION_RATE", values),
        "transactions": transactions,
        "elapsed_s": _elapsed(values, transactions),
        "request_bytes": asked.request_bytes,
        "response_bytes": asked.response_bytes,
    }
    if metrics["min_us"] > metrics["max_us"]:
        raise MeasurementError(f"min, {metrics['min_us']} us, is above max, {metrics['max_us']} us")
    flags = [*output.remarks, *_percentiles(values, metrics)]
    metrics |= _connection(values, metrics) if asked.test == "TCP_RR" else _losses(values, metrics, asked)
    metrics |= _histogram(output)
    can_pace = _can_pace(output, asked)
    flags += rules.moments(metrics)
    flags += rules.gaps(metrics, can_pace)
    flags += rules.pacing(metrics, asked.pace, can_pace)
    flags += rules.tcp(metrics) if asked.test == "TCP_RR" else rules.udp(metrics, asked.receive_timeout_s)
    flags += rules.length(metrics, asked)
    flags += rules.bound(asked)
    flags += rules.samples(metrics, output.samples)
    return Result(metrics, flags, _pacing(asked, can_pace))


def _pacing(asked: Asked, can_pace: bool) -> str:
    if asked.pace is None:
        return "back to back, each request as soon as the answer before it is there"
    return asked.pace.says() if can_pace else f"back to back, though {asked.pace.says()} was asked for"


# --- one value ---------------------------------------------------------------------------------------------


def _decimal(name: str, values: dict[str, str]) -> float:
    """A figure that is not negative. Raises MeasurementError with what is wrong with it."""
    text = values[name]
    if re.fullmatch(r"\d{1,18}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    what, rule = "is no number", None
    if re.fullmatch(r"[+-]?(nan|inf|infinity)(\(.*\))?", text, re.IGNORECASE):
        what, rule = "is not a finite number", "not_a_number"
    elif re.fullmatch(r"-\d+(\.\d+)?", text, re.ASCII):
        what, rule = "is negative", "negative_figure"
    elif re.fullmatch(r"-?[\d.\s']*,[\d.,\s']*", text, re.ASCII):
        what = "is written with a comma: netperf must run under the locale C"
    raise MeasurementError(f"{name}={quote(text)} {what}", rule)


def _whole(name: str, values: dict[str, str]) -> int:
    number = _decimal(name, values)
    if number != int(number):
        raise MeasurementError(f"{name}={quote(values[name])} is not a whole number")
    return int(number)


def _stddev(values: dict[str, str]) -> float | None:
    """The one figure that may be no number: sqrt(E[x^2] - E[x]^2), in one pass, can cancel below 0."""
    if re.fullmatch(r"-?nan(\(.*\))?", values["STDDEV_LATENCY"], re.IGNORECASE):
        return None
    return _decimal("STDDEV_LATENCY", values)


# --- the run as a whole ------------------------------------------------------------------------------------


def why_it_failed(stdout: str, stderr: str, rc: int) -> str:
    """One line for a run that ended with another status than 0."""
    printed = [line.strip() for line in f"{stdout}\n{stderr}".split("\n") if line.strip()]
    for line in printed:
        if where := re.search(r"there is a netserver listening on (\S{1,64}) at port (\d{1,5})", line):
            return f"no netserver answers on {quote(where[1])[1:-1]} port {where[2]}"
    if rc in (-SIGALRM, 128 + SIGALRM):
        return (
            "netperf was ended by SIGALRM: a build with --enable-intervals but without --enable-spin cannot "
            "pace a run that is limited by count; limit it by duration"
        )
    if rc in (126, 127):
        return f"netperf cannot be run: {quote(printed[-1]) if printed else f'status {rc}'}"
    # a remark on the build explains nothing, unless there is nothing else; nor does the whole usage
    usage = next((at for at, line in enumerate(printed) if line.startswith("Usage:")), len(printed))
    telling = [line for line in printed[:usage] if "not compiled in" not in line] or printed
    said = f": {quote(' / '.join(telling[-2:]), 200)}" if telling else " and said nothing"
    return f"netperf ended {f'by signal {-rc}' if rc < 0 else f'with status {rc}'}{said}"


def _check_same_test(values: dict[str, str], asked: Asked) -> None:
    """The output is of the test that was asked for, in the units that we take it for."""
    for name, expected in (
        ("PROTOCOL", asked.protocol),
        ("THROUGHPUT_UNITS", "Trans/s"),
        ("REQUEST_SIZE", str(asked.request_bytes)),
        ("RESPONSE_SIZE", str(asked.response_bytes)),
        ("BURST_SIZE", "0"),  # with several requests under way a latency is no round trip
        ("CONFIDENCE_ITERATION", "1"),  # each iteration would connect anew
        ("LOCAL_CPU_BIND", str(-1 if asked.local_cpu is None else asked.local_cpu)),
        ("REMOTE_CPU_BIND", str(-1 if asked.remote_cpu is None else asked.remote_cpu)),
    ):
        if values[name] != expected:
            raise MeasurementError(f"{name} is {quote(values[name])} where {expected} was asked for")


def _transactions(values: dict[str, str], asked: Asked) -> int:
    """Completed transactions. netperf has no selector for them, but counts whole answers' bytes."""
    received = _whole("LOCAL_BYTES_RECVD", values)
    transactions, rest = divmod(received, asked.response_bytes)
    if rest:
        raise MeasurementError(f"{received} bytes were received, no multiple of {asked.response_bytes}")
    if transactions == 0:
        raise MeasurementError("no transaction was completed")
    if asked.transactions not in (None, transactions):
        raise MeasurementError(f"{transactions} transactions were made, {asked.transactions} were asked for")
    return transactions


def _elapsed(values: dict[str, str], transactions: int) -> float:
    """Seconds. Count by rate is sharper than ELAPSED_TIME, which is printed to the hundredth."""
    rate, printed = _decimal("TRANSACTION_RATE", values), _decimal("ELAPSED_TIME", values)
    if rate <= 0:
        raise MeasurementError("the transaction rate is 0")
    elapsed = transactions / rate
    if abs(elapsed - printed) > 0.006 + 0.001 * printed:
        raise MeasurementError(
            f"{transactions} transactions at {rate:g} a second do not take the {printed:g} s that it printed"
        )
    return round(elapsed, 6)


def _percentiles(values: dict[str, str], metrics: Metrics) -> list[Flag]:
    """Fill in p50, p90, p99 and the bounds of each; a figure that cannot be is left out, with a flag."""
    low, high = metrics["min_us"], metrics["max_us"]
    printed = [_whole(name, values) for name in PERCENTILES]
    if printed != sorted(printed):
        raise MeasurementError(f"P50, P90, P99 are out of order: {', '.join(map(str, printed))}")
    if metrics["transactions"] == 1:
        # netperf prints 0, which stands for nothing; but the one sample is known.
        printed = [low, low, low]
    flags: list[Flag] = []
    for name, figure in zip(PERCENTILES, printed, strict=True):
        short = name[:3].lower()
        found: Percentile | None = read_percentile(figure, low, high)
        if found:
            metrics[f"{short}_us"] = found.value
            metrics[f"{short}_bounds_us"] = [found.low, found.high]
        else:
            below = short == "p50" and figure < low
            flags.append(
                broken(
                    "min_above_p50" if below else "percentile_outside_range",
                    f"netperf printed {short} = {figure} us, which no sample from {low} to {high} us can be",
                )
            )
    return flags + rules.percentiles(metrics)


def _connection(values: dict[str, str], metrics: Metrics) -> Metrics:
    """Segments that each end sent again, None where a kernel does not tell (-1); and what connect() hides.

    The first sample, which contains connect(), is at most the maximum. So the mean of the others is at least
    what is left when the maximum is taken out.
    """
    found: Metrics = {}
    for end in ("LOCAL", "REMOTE"):
        name = f"{end}_TRANSPORT_RETRANS"
        found[f"{end.lower()}_retransmissions"] = None if values[name] == "-1" else _whole(name, values)
    count = metrics["transactions"]
    if count > 1:
        others = (count * metrics["mean_us"] - metrics["max_us"]) / (count - 1)
        found["mean_without_first_low_us"] = max(float(metrics["min_us"]), math.floor(others * 100) / 100)
    return found


def _losses(values: dict[str, str], metrics: Metrics, asked: Asked) -> Metrics:
    """Requests, and those without an answer.

    The end of a run's time may find one request under way, which is no loss. It is one if the run waited for
    it as long as a request is waited for, and that shows as time that no latency covers.
    """
    sent, transactions = _whole("LOCAL_SEND_CALLS", values), metrics["transactions"]
    lost = sent - transactions
    if lost < 0:
        raise MeasurementError(f"{transactions} answers came to {sent} requests", "lost_above_sent")
    waited = metrics["elapsed_s"] - metrics["mean_us"] * transactions / 1e6
    if lost and asked.duration_s is not None and waited < 0.9 * lost * (asked.receive_timeout_s or 0):
        lost -= 1
    return {"requests_sent": sent, "requests_lost": lost}


def _can_pace(output: Output, asked: Asked) -> bool:
    """Whether netperf set the pace that it was asked for."""
    set_to = tuple(_whole(f"LOCAL_INTERVAL_{part}", output.values) for part in ("USECS", "BURST"))
    if asked.pace is None and (any(set_to) or output.unpaced):
        raise MeasurementError("netperf paced, or tried to, though it was not asked to")
    return asked.pace is not None and not output.unpaced and set_to == tuple(asked.pace)


def _histogram(output: Output) -> Metrics:
    """Builds with --enable-histogram print theirs: ten buckets a decade, which can be merged over runs."""
    if output.histogram is None:
        return {}
    counted = sum(bucket["count"] for bucket in output.histogram)
    if output.samples is None or not 0 <= output.samples - counted <= output.not_binned:
        raise MeasurementError("the buckets of netperf's histogram do not add up to its total")
    return {"histogram": output.histogram}
