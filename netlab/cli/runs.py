# SPDX-License-Identifier: Apache-2.0
"""netlab runs"""

from __future__ import annotations

from netlab.cli.options import DEFAULT_RESULTS, Json, Results


def command(results: Results = DEFAULT_RESULTS, json: Json = False) -> None:
    """List the measured runs, oldest first."""
    from netlab.cli import output
    from netlab.results import list_runs

    found = list_runs(results)
    if json:
        output.as_json({"runs": [run.as_dict() for run in found]})
        return
    if not found:
        output.line(f"no run in {results} yet; `netlab demo` or `netlab bench` makes one")
        return
    output.table(
        ["run", "state", "trials", "topologies"],
        [[run.name, run.state, f"{run.done}/{run.planned}", " ".join(run.topologies)] for run in found],
    )
