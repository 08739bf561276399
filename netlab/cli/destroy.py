# SPDX-License-Identifier: Apache-2.0
"""netlab destroy"""

from __future__ import annotations

from netlab.cli.options import DEFAULT_INVENTORY, BreakLock, Inventory, Verbose, Wait


def command(
    inventory: Inventory = DEFAULT_INVENTORY,
    wait: Wait = None,
    break_lock: BreakLock = False,
    verbose: Verbose = False,
) -> None:
    """Take back all that netlab changed on the boards.

    Works from the record on each board, and removes the local boards as well.
    """
    from netlab.cli import inputs, present
    from netlab.cli.session import Claim, session

    boards = inputs.checked_inventory(inventory)
    with session(boards, verbose=verbose, claim=Claim(wait, break_lock)) as work:
        outcome = work.change("destroy", undo=False).or_raise()
    present.destruction(outcome)
