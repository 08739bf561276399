# SPDX-License-Identifier: Apache-2.0
"""netlab check"""

from __future__ import annotations

from netlab.cli.options import DEFAULT_INVENTORY, Inventory, Json, Verbose


def command(inventory: Inventory = DEFAULT_INVENTORY, json: Json = False, verbose: Verbose = False) -> None:
    """Say which topologies each board can carry, or why not.

    And what decides that: kernel, NIC, KVM, clock, and what each instrument can do there. Changes nothing.
    """
    from netlab import collection
    from netlab.cli import abilities, inputs, present
    from netlab.cli.session import session
    from netlab.collection import inventory_option
    from netlab.errors import NotSupported

    boards = inputs.checked_inventory(inventory)
    found = collection.find()
    topologies, instruments = list(found.topologies()), list(found.instruments())
    with session(boards, verbose=verbose) as work:
        performed = work.read("check", {"testbed_topologies": topologies, "testbed_instruments": instruments})
    if json:
        present.as_json(inventory, performed.outcome)
    elif performed.outcome.reports:
        abilities.show(performed.outcome, topologies, instruments)
    performed.or_raise()
    if none := abilities.without_any(performed.outcome.reports):
        raise NotSupported("\n".join(none), hint=f"netlab check{inventory_option(inventory)}   (looks again)")
