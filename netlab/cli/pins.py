# SPDX-License-Identifier: Apache-2.0
"""netlab pins"""

from __future__ import annotations

from typing import Annotated

import typer

from netlab.cli.options import DEFAULT_RESULTS, Json, Results


def command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's name (see `netlab runs`), `latest`, or its folder.")
    ] = "latest",
    results: Results = DEFAULT_RESULTS,
    json: Json = False,
) -> None:
    """Show what made a run's figures: kernel, packages, guest image.

    `netlab reproduce` says which of these are not the same elsewhere, and refuses with --strict.
    """
    from netlab.analysis.pins import pins
    from netlab.cli import output
    from netlab.results import RunStore

    store = RunStore.open(results, run)
    found = pins(store.manifest.model_dump(mode="json"))
    if json:
        output.as_json({"run": store.name, "pins": [pin.as_dict() for pin in found]})
        return
    output.table(
        ["board", "what", "is"], [[pin.board or "controller", pin.name, pin.value or "none"] for pin in found]
    )
