# SPDX-License-Identifier: Apache-2.0
"""From a run's trials to the rows of its table."""

from netlab.analysis.rows import broken, rows
from netlab.report.row import Flag, Row

__all__ = ["Flag", "Row", "broken", "rows"]
