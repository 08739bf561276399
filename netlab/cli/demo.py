# SPDX-License-Identifier: Apache-2.0
"""netlab demo"""

from __future__ import annotations

from typing import Annotated

import typer

from netlab.cli.options import DEFAULT_INVENTORY, DEFAULT_RESULTS, BreakLock, Results, Verbose, Wait

PLAN = "demo"


def command(
    blocks: Annotated[
        int | None, typer.Option(envvar="NETLAB_BLOCKS", help="How often each topology is measured.")
    ] = None,
    results: Results = DEFAULT_RESULTS,
    wait: Wait = None,
    break_lock: BreakLock = False,
    verbose: Verbose = False,
) -> None:
    """Build, measure and remove every datapath on this machine.

    Prints the table of round trips and the path of the HTML report. What it built is always removed.
    """
    from netlab import report
    from netlab.cli import benching, inputs
    from netlab.cli.session import Claim, session

    wanted = benching.load_plan(PLAN, blocks=blocks)
    boards = inputs.checked_inventory(DEFAULT_INVENTORY)
    store = benching.new_run(results, wanted, boards)
    with session(boards, verbose=verbose, claim=Claim(wait, break_lock, until="destroy")) as work:
        try:
            measurement = benching.measure(work, store)
        finally:
            if not work.refused:  # boards that somebody else has are left alone
                work.remove_all()
    report.write_html(store)  # first: the table then ends with its path
    benching.show(store, json=False)
    if error := measurement.verdict():
        raise error
