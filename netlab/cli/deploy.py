# SPDX-License-Identifier: Apache-2.0
"""netlab deploy"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from netlab.cli.options import DEFAULT_INVENTORY, BreakLock, Inventory, Map, Topology, Verbose, Wait


def command(
    topology: Topology = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    guests: Annotated[
        int | None,
        typer.Option(envvar="NETLAB_GUESTS", min=1, help="Guests on each dut, instead of guest_count."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", envvar="NETLAB_CHECK", help="Change nothing; say what would be changed."),
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", envvar="NETLAB_DIFF", help="Print each change of each board.")
    ] = False,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            envvar="NETLAB_ON",
            metavar="DIR",
            help="Your inventory, where -i is somebody else's: boards and NICs are yours, guests and settings theirs.",
        ),
    ] = None,
    map_: Map = None,
    wait: Wait = None,
    break_lock: BreakLock = False,
    verbose: Verbose = False,
) -> None:
    """Build a topology on every board, guests included.

    It takes the place of the topology that is there. One that fails or is interrupted is rolled back.
    """
    from netlab.cli import inputs, present
    from netlab.cli.session import Claim, session
    from netlab.inventory.mapping import as_variables

    name = inputs.topology_name(topology)
    if on is None and not map_:
        boards = inputs.checked_inventory(inventory, guests)
    else:
        boards = inputs.mapped_inventory(inventory, on or DEFAULT_INVENTORY, map_ or (), guests)
    variables: dict[str, Any] = {**as_variables(boards.settings), "testbed_topology": name}
    if guests is not None:
        variables["guest_count"] = guests
    with session(boards, verbose=verbose, claim=Claim(wait, break_lock)) as work:
        listeners = (present.Diffs(),) if diff else ()
        performed = work.change("deploy", variables, check=check, diff=diff, listeners=listeners)
    present.deployment(name, performed.or_raise(), check=check)
