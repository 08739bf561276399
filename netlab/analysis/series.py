# SPDX-License-Identifier: Apache-2.0
"""What the figures draw: a row's distribution, and its runs in the order in which they were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Series:
    """One row as points; at most about 500 each, denser towards the tail.

    `ecdf`: (us, share of the samples at or below). `percentiles`: (p in percent, us), up to where ten samples
    lie beyond. `by_order`: (order, block, p50_us, p99_us) of each run. `exact`: made from every sample; else
    from histograms or printed percentiles.
    """

    topology: str
    scenario: str
    condition: str
    instrument: str
    replica: int = 1
    ecdf: tuple[tuple[float, float], ...] = ()
    percentiles: tuple[tuple[float, float], ...] = ()
    by_order: tuple[tuple[int, int, float | None, float | None], ...] = ()
    exact: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
