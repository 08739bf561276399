# SPDX-License-Identifier: Apache-2.0
"""netlab destroy"""

from __future__ import annotations

from netlab.cli.options import DEFAULT_INVENTORY, Inventory, Verbose


def command(inventory: Inventory = DEFAULT_INVENTORY, verbose: Verbose = False) -> None:
    """Take back all that netlab changed on the boards.

    Works from the record on each board, and removes the local boards as well.
    """
    from netlab.cli import inputs, present
    from netlab.cli.session import session

    boards = inputs.checked_inventory(inventory)
    with session(boards, verbose=verbose) as work:
        outcome = work.change("destroy", undo=False).or_raise()
    present.destruction(outcome)
