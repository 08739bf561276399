# SPDX-License-Identifier: Apache-2.0
"""What netperf printed, taken apart line by line: values, histogram, remarks. Pure; it judges no figure.

netperf prints its warnings on stdout, between the results, and ends with status 0 all the same. So every
line is accounted for: a selector's KEY=VALUE, the histogram, a remark known here, or `unrecognised_output`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag, flag, quote

MAXIMUM_OUTPUT = 1024 * 1024  # characters; a run prints less than three thousand


class Bucket(TypedDict):
    """``count`` samples of at least ``low_us`` and less than ``high_us`` microseconds."""

    low_us: int
    high_us: int
    count: int


@dataclass
class Output:
    """``not_binned`` samples were longer than 100 s or, by a clock set back, shorter than nothing."""

    values: dict[str, str] = field(default_factory=dict)
    remarks: list[Flag] = field(default_factory=list)
    unpaced: list[str] = field(default_factory=list)
    histogram: list[Bucket] | None = None
    not_binned: int = 0
    samples: int | None = None


# Printed by builds without --enable-intervals, where -w or -b was given.
_UNPACED = ("Packet rate control is not compiled in.", "Packet burst size is not compiled in.")

# Anchored by fullmatch; the first that fits counts.
_REMARKS: Sequence[tuple[re.Pattern[str], str, str]] = (
    (
        re.compile(r"catcher: timer popped with times_up != 0"),
        "timer_after_the_end",
        "the timer that ends the test fired when it had ended already; its length may be off",
    ),
    (
        re.compile(r"catcher: interval timer running unexpectedly!"),
        "interval_timer_unexpected",
        "a timer that this build should not have ended the test",
    ),
    (
        re.compile(r"!!!.*"),
        "confidence_not_achieved",
        "netperf did not reach the confidence that was asked for within its iterations",
    ),
    (
        re.compile(r"HIST_timestamp_(start|stop) called with .*"),
        "timestamps_lost",
        "netperf lost track of which answer belongs to which request; latencies may be wrong",
    ),
    (
        re.compile(r"Initial request burst functionality not compiled-in!"),
        "burst_not_compiled_in",
        "this build cannot keep several requests under way",
    ),
    (re.compile(r".*\bWARNING\b.*"), "netperf_warning", "netperf warns"),
)

_VALUE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")
_ROWS = (
    "UNIT_USEC",
    "TEN_USEC",
    "HUNDRED_USEC",
    "UNIT_MSEC",
    "TEN_MSEC",
    "HUNDRED_MSEC",
    "UNIT_SEC",
    "TEN_SEC",
)
_ROW = re.compile(rf"({'|'.join(_ROWS)}) +((?:: *\d{{1,10}}){{10}})")
_HISTOGRAM = re.compile(r"Histogram of request/response times")
_LONGER = re.compile(r">100_SECS: (\d{1,10})")
_TOTAL = re.compile(r"HIST_TOTAL: +(\d{1,10})")


def read_output(stdout: str, stderr: str, selectors: Collection[str]) -> Output:
    """Take apart the output of a netperf that ended with status 0.

    Raises MeasurementError where a selector is missing, blank or there twice, and for output that is cut
    off, too long, or a histogram that cannot be read.
    """
    if len(stdout) + len(stderr) > MAXIMUM_OUTPUT:
        raise MeasurementError(
            f"netperf printed {len(stdout) + len(stderr)} characters; that is not its output"
        )
    if not stdout.strip():
        raise MeasurementError("netperf printed nothing")
    if not stdout.endswith("\n"):
        raise MeasurementError(f"netperf's output is cut off in the line {quote(stdout.splitlines()[-1])}")
    output = Output()
    rows: dict[str, list[int]] = {}
    # Only \n ends a line: what else Python takes for a line's end is part of a hostile value.
    lines = [line.rstrip(" \r") for line in stdout.split("\n") if line.strip()]
    unknown = [line for line in lines if not _take(line, output, rows, selectors)]
    unknown += [line for line in stderr.split("\n") if line.strip()]
    _check_selectors(output, selectors)
    if rows:
        output.histogram = _histogram(rows)
    if unknown:
        more = f" and {len(unknown) - 1} more lines" if len(unknown) > 1 else ""
        output.remarks.append(flag("unrecognised_output", f"netperf also printed {quote(unknown[0])}{more}"))
    return output


def _take(line: str, output: Output, rows: dict[str, list[int]], selectors: Collection[str]) -> bool:
    """Account for one line; False if it is nothing known."""
    if line in _UNPACED:
        output.unpaced.append(line)
        return True
    value = _VALUE.fullmatch(line)
    if value and value[1] in selectors:
        if value[1] in output.values:
            raise MeasurementError(f"netperf printed {value[1]} twice")
        output.values[value[1]] = value[2].strip(" ")
        return True
    row = _ROW.fullmatch(line)
    if row:
        rows[row[1]] = [int(count) for count in row[2].lstrip(":").split(":")]
        return True
    if longer := _LONGER.fullmatch(line):
        output.not_binned = int(longer[1])
        return True
    if total := _TOTAL.fullmatch(line):
        output.samples = int(total[1])
        return True
    if _HISTOGRAM.fullmatch(line):
        return True
    for pattern, rule, text in _REMARKS:
        if pattern.fullmatch(line):
            if all(remark["rule"] != rule for remark in output.remarks):
                output.remarks.append(flag(rule, f"{text}: {quote(line)}"))
            return True
    return False


def _check_selectors(output: Output, selectors: Collection[str]) -> None:
    missing = [name for name in selectors if name not in output.values]
    if missing:
        names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise MeasurementError(f"netperf's output lacks {names}: it is cut off, or has no such selector")
    blank = [name for name in selectors if not output.values[name]]
    if blank:
        raise MeasurementError(f"netperf printed no value for {', '.join(blank)}")


def _histogram(rows: dict[str, list[int]]) -> list[Bucket]:
    """Ten buckets a decade, the lowest from 0 to 1 us; those without a sample are left out."""
    if set(rows) != set(_ROWS):
        raise MeasurementError("netperf's histogram is not whole")
    return [
        {"low_us": index * 10**decade, "high_us": (index + 1) * 10**decade, "count": count}
        for decade, row in enumerate(_ROWS)
        for index, count in enumerate(rows[row])
        if count
    ]
