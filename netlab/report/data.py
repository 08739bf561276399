# SPDX-License-Identifier: Apache-2.0
"""The report for programs: JSON with everything, CSV with the rows."""

from __future__ import annotations

import csv
import io
import json

from netlab.report import published_text
from netlab.report.row import Row
from netlab.report.summary import Summary

SCHEMA_VERSION = 1


def render_json(summary: Summary) -> str:
    """`rows` are DESIGN's; the rest is what the HTML report says too. Numbers are not rounded."""
    manifest = summary.source.manifest
    document = {
        "schema_version": SCHEMA_VERSION,
        "run": summary.source.name,
        "state": summary.source.state,
        "started": manifest.started,
        "finished": manifest.finished,
        "netlab": manifest.netlab,
        "plan": dict(manifest.plan),
        "seed": manifest.seed,
        "trials": dict(summary.counts),
        "boards": [board.as_dict() for board in summary.boards],
        "versions": dict(manifest.versions),
        "drift": list(summary.environment.drift),
        "unquiet": [str(one) for one in summary.environment.unquiet],
        "rows": [row.as_dict() for row in summary.rows],
        "notes": [vars(note) for note in summary.notes],
        "published": published_text.as_dicts(summary),
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def render_csv(summary: Summary) -> str:
    """A line a row, `flags` as rule names; an empty cell is a figure that there is not."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=Row.columns(), lineterminator="\n")
    writer.writeheader()
    for row in summary.rows:
        writer.writerow(row.as_cells())
    return out.getvalue()
