# SPDX-License-Identifier: Apache-2.0
"""A run as a data file of flent's, for flent's own reader, plots and GUI (docs/flent.md).

Flent keeps data and drawing apart: a file names a test, and that test's definition, which comes with flent, says
which series there are and how they are drawn. The one that fits is `ping`: round trips in milliseconds. Its
"extra" hosts, which a file names in TEST_PARAMETERS, are our rows. The format is flent's version 4, as read by
its `resultset.py` and `tests/ping.inc`.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from netlab.errors import InvalidInput
from netlab.report import whole_file
from netlab.report.environment import boards
from netlab.report.source import Source

SUFFIX = ".flent.gz"  # flent knows a data file by it
VERSION = 4
MOST = 200_000  # points of all series together: flent reads them one by one
STEP_S = 0.2  # the least distance of the points in time for which flent has one value a series
MOST_STEPS = 5000

Points = list[dict[str, float]]


class Run(Source, Protocol):
    """A run whose samples can be read."""

    def read_samples(self, line: Mapping[str, Any]) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True)
class Series:
    """One row. `points` in flent's form, `t` in seconds since 1970; `count` before thinning out."""

    label: str
    points: Points
    count: int
    of_samples: bool
    mean_ms: float

    @property
    def name(self) -> str:
        """What flent's test calls it: the word ICMP is flent's."""
        return f"Ping (ms) ICMP {self.label} (extra)"


def write(source: Run, path: Path | None = None) -> Path:
    """Write the run as a .flent.gz file, by default into its folder, whole or not at all.

    Raises InvalidInput if nothing was measured.
    """
    target = path or source.path / f"{source.name}{SUFFIX}"
    content = gzip.compress(json.dumps(_document(source, target.name), allow_nan=False).encode(), mtime=0)
    whole_file.replace(target, content)
    return target


def _document(source: Run, file: str) -> dict[str, Any]:
    groups = list(_groups(source))
    series = [made for label, lines in groups if (made := _series(source, label, lines, len(groups)))]
    if not series:
        raise InvalidInput(
            f"no trial of {source.name} was measured: flent would have nothing to draw",
            hint=f"netlab report {source.name}",
        )
    start = min(one.points[0]["t"] for one in series)
    length = max(one.points[-1]["t"] for one in series) - start
    step = max(STEP_S, math.ceil(length / MOST_STEPS / STEP_S) * STEP_S)
    steps = int(length // step) + 1
    return {
        "version": VERSION,
        "metadata": _metadata(source, file, series, start, length, step),
        "x_values": [round(index * step, 6) for index in range(steps)],
        "results": {one.name: _by_step(one.points, start, step, steps) for one in series},
        "raw_values": {one.name: one.points for one in series},
    }


def _metadata(
    source: Run, file: str, series: Sequence[Series], start: float, length: float, step: float
) -> dict[str, Any]:
    found = boards(source)
    names = {role: [board.name for board in found if role in board.roles] for role in ("dut", "peer")}
    dut, peer = (", ".join(names[role]) or "unknown" for role in ("dut", "peer"))
    return {
        "NAME": "ping",
        "TITLE": source.name,
        "NOTE": _note(series),
        "TIME": _flent_time(start),
        "T0": _flent_time(start),
        "LOCAL_HOST": dut,
        "HOST": peer,
        "HOSTS": names["peer"] or ["unknown"],
        "LENGTH": math.ceil(length),
        "TOTAL_LENGTH": length,
        "STEP_SIZE": step,
        "IP_VERSION": 4,
        "DATA_FILENAME": file,
        "TEST_PARAMETERS": {"ping_hosts": ",".join(one.label for one in series)},
        "SERIES_META": {
            one.name: {
                "UNITS": "ms",
                "MEAN_VALUE": one.mean_ms,
                "NETLAB_POINTS": "round trips" if one.of_samples else "a trial each",
                "NETLAB_COUNT": one.count,
            }
            for one in series
        },
        "NETLAB": {
            "run": source.name,
            "netlab": source.manifest.netlab,
            "plan": dict(source.manifest.plan),
            "seed": source.manifest.seed,
        },
    }


def _note(series: Sequence[Series]) -> str:
    """What flent's own words hide."""
    said = [
        "Round trips in milliseconds, measured by netlab-testbed; the word ICMP is flent's, not what was sent."
    ]
    if whole := [one.label for one in series if not one.of_samples]:
        said.append(
            f"Of {', '.join(whole)} there are no single samples: a point is a trial's median (or mean), so a "
            "CDF shows how trials differ, not round trips."
        )
    if thin := [one.label for one in series if len(one.points) < one.count]:
        said.append(
            f"Of {', '.join(thin)} only every n-th round trip is here; the run's folder has them all."
        )
    return " ".join(said)


# -- series -----------------------------------------------------------------------------------------------


def _groups(source: Run) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """The good trials of each row, with a label that is unlike every other."""
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for line in source.outcomes():
        if line["status"] == "ok":
            found.setdefault(_key(line), []).append(line)
    several = [len({key[place] for key in found}) > 1 for place in range(6)]
    listed = [str(name) for name in source.manifest.plan.get("topologies") or ()]
    used: dict[str, int] = {}
    for key, lines in sorted(found.items(), key=lambda item: _place(item[0], listed)):
        topology, replica, scenario, condition, instrument, _ = key
        words = [topology, *(["again"] if replica > 1 else [])]
        words += [scenario] if several[2] else []
        words += [condition] if condition else []
        words += [instrument] if several[4] else []
        label = re.sub(r"[^A-Za-z0-9._+-]+", "_", "-".join(words))  # flent splits it as a shell would
        used[label] = used.get(label, 0) + 1
        yield label + (f".{used[label]}" if used[label] > 1 else ""), lines


def _place(key: tuple[Any, ...], topologies: Sequence[str]) -> tuple[Any, ...]:
    """Where a row stands in the report's tables, more or less: flent's legend keeps this order."""
    return (topologies.index(key[0]) if key[0] in topologies else len(topologies), *key)


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    parameters = json.dumps(line.get("parameters") or {}, sort_keys=True)
    named = (str(line.get(key) or "") for key in ("scenario", "condition", "instrument"))
    return (str(line["topology"]), int(line.get("replica") or 1), *named, parameters)


def _series(source: Run, label: str, lines: Sequence[Mapping[str, Any]], among: int) -> Series | None:
    sampled = [points for line in lines if (points := _samples(source, line)) is not None]
    if sampled:
        return _of_samples(label, sampled, MOST // among)
    points = sorted(_of_trials(lines), key=lambda point: point["t"])
    if not points:
        return None
    return Series(label, points, len(points), False, sum(point["val"] for point in points) / len(points))


def _samples(source: Run, line: Mapping[str, Any]) -> Any:
    """(t in seconds since 1970, round trip in ms) of each probe that came back, by time; None without samples.

    The first is at the trial's own start: a guest's clock may be set to anything.
    """
    import numpy as np

    columns = source.read_samples(line)
    if columns is None:
        return None
    ns = np.ma.masked_array(columns["ns"])
    times = np.ma.masked_array(columns["sent"])
    if times.count() == 0:
        times = np.ma.masked_array(columns["received"])
    there = ~(np.ma.getmaskarray(ns) | np.ma.getmaskarray(times))
    if not there.any():
        return None
    when, took = times.data[there], ns.data[there]
    in_order = np.argsort(when, kind="stable")
    first = int(when[in_order[0]])
    started = _seconds(line.get("started"))
    at = (when[in_order] - first) / 1e9 + (first / 1e9 if started is None else started)
    return np.stack([at, took[in_order] / 1e6])


def _of_samples(label: str, sampled: Sequence[Any], most: int) -> Series:
    import numpy as np

    both = np.concatenate(sampled, axis=1)
    both = both[:, np.argsort(both[0], kind="stable")]
    count = both.shape[1]
    kept = both[:, :: max(1, math.ceil(count / max(1, most)))]
    points = [{"t": t, "val": value} for t, value in zip(*(row.tolist() for row in kept), strict=True)]
    return Series(label, points, count, True, float(both[1].mean()))


def _of_trials(lines: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, float]]:
    """A point a trial: its median where every trial has one, else its mean; the other figures beside it."""
    metrics = [line.get("metrics") or {} for line in lines]
    centre = "p50_us" if all(_number(own.get("p50_us")) is not None for own in metrics) else "mean_us"
    for line, own in zip(lines, metrics, strict=True):
        value, started = _number(own.get(centre)), _seconds(line.get("started"))
        if value is None or started is None:
            continue
        keys = ("min_us", "mean_us", "p50_us", "p90_us", "p99_us", "max_us")
        told = {key.removesuffix("_us"): _number(own.get(key)) for key in keys}
        more = {key: figure / 1e3 for key, figure in told.items() if figure is not None}
        yield {"t": started, "val": value / 1e3, **more}


def _by_step(points: Points, start: float, step: float, steps: int) -> list[float | None]:
    """The mean of the points in each step of time, as flent's aggregated plots take it."""
    sums, counts = [0.0] * steps, [0] * steps
    for point in points:
        index = min(steps - 1, int((point["t"] - start) // step))
        sums[index] += point["val"]
        counts[index] += 1
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _seconds(text: Any) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _flent_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
