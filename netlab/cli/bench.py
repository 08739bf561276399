# SPDX-License-Identifier: Apache-2.0
"""netlab bench"""

from __future__ import annotations

from typing import Annotated

import typer

from netlab.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_RESULTS,
    BreakLock,
    Inventory,
    Json,
    Results,
    Verbose,
    Wait,
)

DEFAULT_PLAN = "demo"


def command(
    plan: Annotated[
        str | None,
        typer.Argument(metavar="PLAN", help=f"A plan's name or file; {DEFAULT_PLAN} if left out."),
    ] = None,
    topologies: Annotated[
        list[str] | None,
        typer.Option(
            "--topology", "-t", envvar="NETLAB_TOPOLOGY", metavar="NAME", help="Only this one; repeatable."
        ),
    ] = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    blocks: Annotated[
        int | None, typer.Option(envvar="NETLAB_BLOCKS", help="How often each combination is measured.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(envvar="NETLAB_SEED", help="Decides the order of the trials.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", envvar="NETLAB_DRY_RUN", help="Print the trials in order; measure nothing."
        ),
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(envvar="NETLAB_RESUME", metavar="RUN", help="Go on with a run that was cut off."),
    ] = None,
    results: Results = DEFAULT_RESULTS,
    wait: Wait = None,
    break_lock: BreakLock = False,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Measure what a plan names; print the run and its table.

    Each topology of the plan is deployed in its turn. A run that was cut off goes on with --resume.
    """
    from netlab.cli import benching, inputs
    from netlab.cli import dry_run as dry
    from netlab.cli.estimate import estimate, learn
    from netlab.cli.session import Claim, session

    left_out = []
    if resume is not None:
        given = {"PLAN": plan, "--topology": topologies, "--blocks": blocks, "--seed": seed}
        inputs.refuse_with("--resume", given, "the run has its own")
        store = benching.unfinished_run(results, resume)
        specs, told = store.missing(), store.manifest.plan
    else:
        wanted = benching.load_plan(plan or DEFAULT_PLAN, topologies, blocks, seed)
        specs, told = [spec.as_dict() for spec in wanted.trials()], wanted.as_dict()
        left_out = wanted.left_out()
    if dry_run:
        dry.show(specs, estimate(specs, told, learn(results)), left_out, json=json)
        return
    boards = (
        inputs.checked_inventory(inventory) if resume is None else benching.inventory_of(store, inventory)
    )
    if resume is None:
        benching.guest_counts(specs, boards)  # before there is a run
        store = benching.new_run(results, wanted, boards)
    else:
        benching.same_duts(store, boards)
        benching.resume(store)
    with session(boards, verbose=verbose, claim=Claim(wait, break_lock, until="status")) as work:
        measurement = benching.measure(work, store)
    benching.show(store, json=json)
    if error := measurement.verdict():
        raise error
