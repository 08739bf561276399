# SPDX-License-Identifier: Apache-2.0
"""Samples as an instrument sends them."""

from __future__ import annotations

import base64
import zlib
from array import array
from typing import Any

MISSING = -(2**63)
COLUMNS = ("flow", "seq", "intended", "sent", "received", "ns")


def column(values: list[int]) -> dict[str, str]:
    return {"zlib_base64": base64.b64encode(zlib.compress(array("q", values).tobytes())).decode()}


def packed(**columns: list[int]) -> dict[str, Any]:
    """The columns that are given; the others hold nothing, and `seq` counts."""
    count = max(len(values) for values in columns.values())
    usual = {name: [MISSING] * count for name in COLUMNS} | {"flow": [0] * count, "seq": [*range(count)]}
    return {"count": count, "columns": {name: column({**usual, **columns}[name]) for name in COLUMNS}}
