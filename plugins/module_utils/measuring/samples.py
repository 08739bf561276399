# SPDX-License-Identifier: Apache-2.0
"""Each probe of a trial, packed for the way to the controller. Pure.

Columns are little-endian 64-bit integers, compressed and in base64: a tenth of what JSON's digits would take.
``ns`` is a round trip; ``intended``, ``sent`` and ``received`` are nanoseconds since the epoch on the clock of
the place that measured. MISSING stands for what is not there: a lost probe's answer, an instrument's blank.
"""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

MISSING = -(2**63)
COLUMNS = ("flow", "seq", "intended", "sent", "received", "ns")


def _column() -> array[int]:
    return array("q")


@dataclass
class Samples:
    """Probes of one flow, in the order in which they were sent; all columns have the same length."""

    seq: array[int] = field(default_factory=_column)
    intended: array[int] = field(default_factory=_column)
    sent: array[int] = field(default_factory=_column)
    received: array[int] = field(default_factory=_column)
    ns: array[int] = field(default_factory=_column)

    def add(
        self,
        seq: int,
        intended: int = MISSING,
        sent: int = MISSING,
        received: int = MISSING,
        ns: int = MISSING,
    ) -> None:
        """One probe. OverflowError for a number that does not fit 64 bits."""
        self.seq.append(seq)
        self.intended.append(intended)
        self.sent.append(sent)
        self.received.append(received)
        self.ns.append(ns)

    def answered(self) -> list[int]:
        """Round trips in ns."""
        return [value for value in self.ns if value != MISSING]

    def __len__(self) -> int:
        return len(self.seq)


def _packed(values: array[int]) -> dict[str, str]:
    if sys.byteorder == "big":
        values = array("q", values)
        values.byteswap()
    return {"zlib_base64": base64.b64encode(zlib.compress(values.tobytes(), 6)).decode("ascii")}


def encode(flows: Sequence[Samples | None]) -> dict[str, Any] | None:
    """The samples of a trial's flows, numbered from 0 in their order; None where no flow has any."""
    if not any(flows):
        return None
    columns = {name: array("q") for name in COLUMNS}
    for number, samples in enumerate(flows):
        if samples is None:
            continue
        columns["flow"].extend([number] * len(samples))
        for name in COLUMNS[1:]:
            columns[name].extend(getattr(samples, name))
    return {
        "count": len(columns["flow"]),
        "columns": {name: _packed(values) for name, values in columns.items()},
    }


def decode(packed: dict[str, str]) -> Iterable[int]:
    """One column back; for tests and for whoever reads a trial by hand."""
    values = array("q")
    values.frombytes(zlib.decompress(base64.b64decode(packed["zlib_base64"])))
    if sys.byteorder == "big":
        values.byteswap()
    return values
