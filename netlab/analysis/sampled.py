# SPDX-License-Identifier: Apache-2.0
"""A trial's samples, one by one, made into what the rest of the analysis needs of them.

The columns are those of samples/*.parquet: `ns` is a round trip, NULL where no answer came; `sent` and `received`
are nanoseconds since the epoch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from netlab.analysis import quantiles
from netlab.analysis.combine import enough_beyond

MISSING = -(2**63)  # what stands for NULL in a column of integers
THINNED = 1000  # samples from all over a run, for what needs no more or cannot have more

Nanoseconds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sampled:
    """One trial's samples. `ordered` is ascending; `thinned` a few of them, in the order of sending."""

    ordered: Nanoseconds
    thinned: Nanoseconds
    lost: int
    mean_ns: float
    stddev_ns: float
    max_at: str | None
    first_tenth: float | None  # median of the first tenth, as a share of that of the others
    clock_ratio: float | None  # median of ns / (received - sent): 1, unless a half is given out for a whole
    tick_ns: int = 0  # least distance between two of a thousand samples: no finer than the clock's tick

    def figures(self) -> dict[str, Any]:
        """As an instrument's metrics would have it, but exact."""
        if not self.ordered.size:
            return {"transactions": 0, "requests_sent": self.lost, "requests_lost": self.lost}
        return {
            "min_us": int(self.ordered[0]) / 1000,
            "mean_us": self.mean_ns / 1000,
            **{
                name: value
                for percent in quantiles.PERCENTILES
                if (value := quantiles.of_sorted(self.ordered, percent)) is not None
                for name in [quantiles.key(percent)]
            },
            "max_us": int(self.ordered[-1]) / 1000,
            "max_at": self.max_at,
            "stddev_us": self.stddev_ns / 1000,
            "transactions": int(self.ordered.size),
            "requests_sent": int(self.ordered.size) + self.lost,
            "requests_lost": self.lost,
        }


def digest(columns: Mapping[str, Any]) -> Sampled:
    """What is needed of a trial's samples; several flows are one set. ValueError if they cannot be read.

    Ten million are 80 MB a column, so that each is let go of as soon as it is not needed.
    """
    if "ns" not in columns:
        raise ValueError("there is no column ns")
    ns = _integers(columns["ns"])
    sent = _times(columns, "sent", ns)
    received = _times(columns, "received", ns)
    del columns
    ratio = _clock_ratio(ns, sent, received)
    del received
    there = ns != MISSING
    lost = int(ns.size - np.count_nonzero(there))
    if lost:
        ns = ns[there]
        sent = None if sent is None else sent[there]
    del there
    max_at = _moment(int(sent[ns.argmax()])) if sent is not None and ns.size else None
    if sent is not None and (sent[1:] < sent[:-1]).any():  # several flows stand one after the other
        ns = ns[np.argsort(sent, kind="stable")]
    del sent
    thinned, first_tenth = ns[:: max(1, math.ceil(ns.size / THINNED))].copy(), _first_tenth(ns)
    return Sampled(
        ordered=np.sort(ns),
        thinned=thinned,
        lost=lost,
        mean_ns=float(ns.mean()) if ns.size else math.nan,
        stddev_ns=float(ns.std()) if ns.size else math.nan,
        max_at=max_at,
        first_tenth=first_tenth,
        clock_ratio=ratio,
        tick_ns=_tick(thinned),
    )


def _tick(few: Nanoseconds) -> int:
    """The least distance between two different samples; where all are the same, 1 us if that divides them."""
    different = np.unique(few)
    if different.size > 1:
        return int(np.diff(different).min())
    return 1000 if different.size and int(different[0]) % 1000 == 0 else 0


def _times(columns: Mapping[str, Any], name: str, ns: Nanoseconds) -> Nanoseconds | None:
    """A column of moments; None unless each sample that was answered has one."""
    if name not in columns:
        return None
    times = _integers(columns[name])
    return None if ((times == MISSING) & (ns != MISSING)).any() else times


def _integers(column: Any) -> Nanoseconds:
    """A column as 64-bit integers with MISSING for what is not there: DuckDB masks NULLs, pandas makes them NaN."""
    if isinstance(column, np.ma.MaskedArray):
        column = column.filled(MISSING)
    made = np.asarray(column)
    if made.dtype.kind == "f":
        made = np.where(np.isnan(made), MISSING, made)
    elif made.dtype.kind not in "iu" and made.size:
        raise ValueError(f"a column of samples holds {made.dtype}, not integers")
    return made.astype(np.int64, copy=False)


def _first_tenth(in_time: Nanoseconds) -> float | None:
    tenth = in_time.size // 10
    if not enough_beyond(tenth, 50):
        return None
    rest = float(np.median(in_time[tenth:]))
    return float(np.median(in_time[:tenth])) / rest if rest > 0 else None


def _clock_ratio(ns: Nanoseconds, sent: Nanoseconds | None, received: Nanoseconds | None) -> float | None:
    if sent is None or received is None:
        return None
    few = slice(None, None, max(1, ns.size // THINNED))
    own, took = ns[few], received[few] - sent[few]
    possible = (own != MISSING) & (took > 0)
    return float(np.median(own[possible] / took[possible])) if possible.any() else None


def _moment(nanoseconds: int) -> str | None:
    """ISO 8601, UTC; None for what cannot be a moment, such as a clock that counts from the boot."""
    if not 0 < nanoseconds < 2**62:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    return moment.isoformat(timespec="microseconds")
