# SPDX-License-Identifier: Apache-2.0
"""Rules that figures of round trips must keep, whoever measured them; a broken one is a flag by its name.

What only an instrument can know of itself (connect() inside TCP_RR's first sample, a half printed for a whole) it
flags itself; here stands what shows in any instrument's figures, samples and counters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from netlab.analysis.combine import number, sent_and_lost
from netlab.analysis.sampled import Sampled
from netlab.report.row import Flag

ORDERED = ("min_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us")
LATENCIES = (*ORDERED, "mean_us", "stddev_us", "mad_us")

# A percentile read from a histogram lies anywhere in its bin; netperf's bins are up to a tenth of the value
# wide (src/netlib.c, HIST_add), so that its p50 can be a little below its own, exact, minimum.
BIN = 0.10
_ROUNDING = 0.011  # stddev is printed with two decimals
RETRANSMISSION_TIMEOUT_US = 200_000
RETRANSMISSIONS = ("tcp_retransmitted_segments", "tcp_timeouts")
HALF = 0.05  # how near to 0.5 a ratio must be to be a half
DISAGREE = 0.1  # of p50; percentiles of few samples differ a little by their definition
CLOCK_US = 2.0


def check(figures: Mapping[str, Any]) -> list[Flag]:
    """Flags of every rule that one run's metrics, or a row's figures, break."""
    return [*_negative(figures), *_order(figures), *_mean(figures), *_spread(figures), *_lost(figures)]


def _negative(figures: Mapping[str, Any]) -> Iterator[Flag]:
    for key in LATENCIES:
        value = number(figures, key)
        if value is not None and value < 0:
            yield _broken("negative_latency", f"{_name(key)} is {value:g} us")


def _order(figures: Mapping[str, Any]) -> Iterator[Flag]:
    present = [(key, value) for key in ORDERED if (value := number(figures, key)) is not None]
    for (lower, low), (upper, high) in pairwise(present):
        if low <= high:
            continue
        said = f"{_name(lower)} {low:g} us is above {_name(upper)} {high:g} us"
        exact = {lower, upper} & {"min_us", "max_us"}
        if len(exact) == 1 and low - high <= BIN * low:
            text = f"{said}, by less than a bin of the histogram that the percentile comes from"
            yield Flag("order_of_figures", text)
        else:
            yield _broken("order_of_figures", said)


def _mean(figures: Mapping[str, Any]) -> Iterator[Flag]:
    low, mean, high = (number(figures, key) for key in ("min_us", "mean_us", "max_us"))
    if mean is None:
        return
    if low is not None and mean < low - _ROUNDING:
        yield _broken("mean_outside_range", f"mean {mean:g} us is below min {low:g} us")
    if high is not None and mean > high + _ROUNDING:
        yield _broken("mean_outside_range", f"mean {mean:g} us is above max {high:g} us")


def _spread(figures: Mapping[str, Any]) -> Iterator[Flag]:
    """No sample has a standard deviation above half its range (Popoviciu's inequality)."""
    low, spread, high = (number(figures, key) for key in ("min_us", "stddev_us", "max_us"))
    if low is None or spread is None or high is None:
        return
    if spread > (high - low) / 2 * 1.001 + _ROUNDING:  # 1.001: divisor n-1 at 1000 samples
        yield _broken("stddev_above_half_range", f"stddev {spread:g} us, range {low:g} to {high:g} us")


def _lost(figures: Mapping[str, Any]) -> Iterator[Flag]:
    told = sent_and_lost(figures)
    if told is not None and told[1] > told[0]:
        yield _broken("lost_above_sent", f"{told[1]:g} lost of {told[0]:g} sent")


def of_trial(trial: Mapping[str, Any], figures: Mapping[str, Any]) -> list[Flag]:
    """Flags of what a trial's result says beside its figures: that they are one-way, that TCP retransmitted."""
    return [*_one_way(trial, figures), *_retransmission_timeout(trial, figures)]


def _one_way(trial: Mapping[str, Any], figures: Mapping[str, Any]) -> Iterator[Flag]:
    """A result may declare that its times are one-way; a row's are round trips."""
    for told in (trial, figures):
        if told.get("round_trip") is False or str(told.get("direction", "")).replace("_", "-") == "one-way":
            yield _broken("one_way_in_round_trip", "the times are declared one-way; a row's are round trips")
            return


def _retransmission_timeout(trial: Mapping[str, Any], figures: Mapping[str, Any]) -> Iterator[Flag]:
    """A wait of TCP's least retransmission timeout (Linux, TCP_RTO_MIN) while TCP retransmitted is no latency."""
    high = number(figures, "max_us")
    if high is None or high < RETRANSMISSION_TIMEOUT_US:
        return
    # the peer is read once between two trials, so pause, load and warm-up of this one are in its counters
    told = {"peer": "peer, since the trial before"}
    places = [
        f"{count} at the {told.get(place, place)}" for place, count in _retransmitted(trial.get("counters"))
    ]
    if places:
        text = f"max is not below 200 ms while TCP sent segments again ({', '.join(places)})"
        yield Flag("retransmission_timeout_counted", f"{text}: most likely a wait for one, not a latency")


def _retransmitted(counters: Any) -> Iterator[tuple[str, int]]:
    """(place, segments) of each end whose counter rose during the trial."""
    told = _mapping(counters)
    before, after = _mapping(told.get("before")), _mapping(told.get("after"))
    before, after = ({**each, **_mapping(each.get("guests"))} for each in (before, after))
    for place in after:
        then, now = _mapping(before.get(place)), _mapping(after[place])
        if not then:
            continue
        rose = [(number(now, key) or 0) - (number(then, key) or 0) for key in RETRANSMISSIONS]
        if max(rose) > 0:
            yield str(place), int(max(rose))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def of_samples(own: Sampled, printed: Mapping[str, Any]) -> list[Flag]:
    """Flags of samples that contradict their own clock, or the figures that the instrument printed."""
    found = []
    if own.clock_ratio is not None and abs(own.clock_ratio - 0.5) < HALF:
        text = (
            f"a sample is {own.clock_ratio:.2f} of the time from its sending to its answer: half a round trip"
        )
        found.append(_broken("half_round_trip", text))
    median, said = own.figures().get("p50_us"), number(printed, "p50_us")
    if median is None or said is None or abs(median - said) <= max(DISAGREE * median, CLOCK_US):
        return found
    if abs(said / median - 0.5) < HALF:
        text = f"p50 was printed as {said:g} us, half of the samples' {median:g} us: RTT/2 taken for RTT"
        found.append(_broken("half_round_trip", text))
    else:
        text = f"p50 was printed as {said:g} us, its samples have {median:g} us; the samples count"
        found.append(Flag("samples_differ_from_figures", text))
    return found


def _broken(rule: str, text: str) -> Flag:
    return Flag(rule, text, severity="broken")


def _name(key: str) -> str:
    return key.removesuffix("_us")
