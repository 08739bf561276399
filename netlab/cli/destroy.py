# SPDX-License-Identifier: Apache-2.0
"""netlab destroy"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from netlab.cli.options import DEFAULT_INVENTORY, BreakLock, Inventory, Json, Verbose, Wait

if TYPE_CHECKING:
    from netlab.inventory import Inventory as Loaded

Boards = Annotated[
    list[str] | None,
    typer.Option(
        "--board",
        envvar="NETLAB_BOARD",
        metavar="NAME",
        help="Only this board, without its inventory: a local board, or user@host; repeatable.",
    ),
]


def command(
    inventory: Inventory = DEFAULT_INVENTORY,
    board: Boards = None,
    wait: Wait = None,
    break_lock: BreakLock = False,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Take back all that netlab changed on the boards.

    Works from the record on each board, tells what is not as it was, and
    removes the local boards as well.
    """
    from netlab.cli import present
    from netlab.cli.session import Claim, session

    with _boards(inventory, board or []) as boards:
        with session(boards, verbose=verbose, claim=Claim(wait, break_lock)) as work:
            performed = work.change("destroy", undo=False)
        if json:
            present.as_json(", ".join(board or [inventory]), performed.outcome)
        outcome = performed.or_raise()
    if not json:
        present.destruction(outcome)


@contextmanager
def _boards(inventory: str, names: list[str]) -> Iterator[Loaded]:
    """The inventory's boards, or those that were named, of which nothing else is known."""
    from netlab.cli import inputs
    from netlab.errors import BoardUnreachable

    if not names:
        yield inputs.checked_inventory(inventory)
        return
    from netlab.inventory.alone import inventory_of

    try:
        with inventory_of(names) as found:
            yield found
    except BoardUnreachable as error:
        # the inventory that Ansible would be asked with is gone by now
        over_ssh = next((name for name in names if "@" in name), None)
        error.hint = f"ssh {over_ssh}   (is it up, and does SSH sign in?)" if over_ssh else None
        raise
