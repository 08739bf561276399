# SPDX-License-Identifier: Apache-2.0
"""Rows that are faster beside a load than without one: a load also keeps processors awake.

An idle processor sleeps, and an interrupt waits until it is up again: microseconds on hardware (the exit latencies
of Linux' cpuidle, Documentation/admin-guide/pm/cpuidle.rst), tens of them where it is virtual and its host must be
asked. A load spares the measured path that wait, and such a row says nothing of what the load costs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netlab.report import names
from netlab.report.row import Flag, Row

RULE = "faster_beside_load"


def noted(rows: Sequence[Row]) -> list[Row]:
    """The rows, each that is faster than its own path without load flagged; intervals must not overlap."""
    return [_noted(row, rows) for row in rows]


def _noted(row: Row, rows: Sequence[Row]) -> Row:
    faster = [other for other in rows if _same_path(row, other) and _clearly_faster(row, other)]
    if not row.load or not faster:
        return row
    than = max(faster, key=lambda other: other.p50_us or 0)
    text = (
        f"p50 is {row.p50_us:.3g} us beside its load and {than.p50_us:.3g} us in {names.of_row(than)} without one: "
        "a load keeps processors awake that sleep between probes otherwise; keep them awake in both "
        "(cpuidle.off=1 or a PM QoS request) to see what the load costs"
    )
    return replace(row, flags=(*row.flags, Flag(RULE, text)))


def _same_path(row: Row, other: Row) -> bool:
    """One topology and instrument, and nothing beside it; the baseline's second half is not asked again."""
    alike = (row.topology, row.instrument) == (other.topology, other.instrument)
    return alike and not other.load and other.replica == 1


def _clearly_faster(row: Row, other: Row) -> bool:
    return row.p50_ci is not None and other.p50_ci is not None and row.p50_ci.high < other.p50_ci.low
