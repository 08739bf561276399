# SPDX-License-Identifier: Apache-2.0
"""netlab reproduce"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netlab.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_RESULTS,
    BreakLock,
    Inventory,
    Json,
    Map,
    Results,
    Verbose,
    Wait,
)


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle, as `netlab export` writes it.")],
    inventory: Inventory = DEFAULT_INVENTORY,
    map_: Map = None,
    margin: Annotated[
        float,
        typer.Option(
            envvar="NETLAB_MARGIN",
            metavar="PERCENT",
            min=0,
            max=100,
            help="How far a round trip may lie from theirs and still count as reproduced.",
        ),
    ] = 10.0,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            envvar="NETLAB_STRICT",
            help="Refuse, with nothing touched, where kernel, packages or guest image are not theirs.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", envvar="NETLAB_DRY_RUN", help="Show what would stand for what; change nothing."
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", envvar="NETLAB_YES", help="At a terminal: do not ask before it begins."),
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            envvar="NETLAB_RUN",
            metavar="RUN",
            help="Measure nothing: judge this run of yours against theirs.",
        ),
    ] = None,
    results: Results = DEFAULT_RESULTS,
    wait: Wait = None,
    break_lock: BreakLock = False,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Repeat somebody's run on your boards, and judge its rows.

    Did it come out the same? It shows first what stands for what. The same trials are run in the same order, as a run
    of your own, and each row gets a verdict: reproduced, differs, or not resolved.
    """
    from netlab.bundle.read import opened
    from netlab.cli import reproducing
    from netlab.cli.session import Claim
    from netlab.inventory.mapping import asked

    wanted = asked(map_ or ())
    with opened(file) as bundle:
        own = reproducing.Reproduction(bundle, wanted, margin / 100, results, json=json)
        if run is not None:
            reproducing.judge_run(own, run)
            return
        own.begin(inventory)
        claim = Claim(wait, break_lock, until="status")
        reproducing.carry_out(own, claim, strict=strict, dry_run=dry_run, yes=yes, verbose=verbose)
