# SPDX-License-Identifier: Apache-2.0
"""netlab status"""

from __future__ import annotations

from netlab.cli.options import DEFAULT_INVENTORY, Inventory, Json, Verbose


def command(inventory: Inventory = DEFAULT_INVENTORY, json: Json = False, verbose: Verbose = False) -> None:
    """Show what each board carries: topology, guests."""
    from netlab.cli import inputs, present
    from netlab.cli.session import session

    boards = inputs.checked_inventory(inventory)
    with session(boards, verbose=verbose) as work:
        performed = work.read("status")
    # A board that cannot be reached is part of the answer, so the table comes before the error.
    if json:
        present.as_json(inventory, performed.outcome, boards)
    elif performed.outcome.finished:
        present.status(performed.outcome, boards)
    performed.or_raise()
