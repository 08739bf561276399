# SPDX-License-Identifier: Apache-2.0
"""Runs on disk: written a trial at a time, resumed where they stopped, readable without netlab."""

from netlab.results.listing import RunSummary, list_runs
from netlab.results.store import RunStore

__all__ = ["RunStore", "RunSummary", "list_runs"]
