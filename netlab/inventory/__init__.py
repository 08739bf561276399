# SPDX-License-Identifier: Apache-2.0
"""Inventories as data: read with line numbers, validated as a whole, before Ansible starts.

`load` gives an Inventory or raises InvalidInput with every problem. The rest of the package serves it:

    files → read_yaml, read_groups, read_ini → tree       what Ansible would read, and which definition wins
    variables → definitions, roles                        each definition by itself
    checks, guest_checks → boards                         what must fit together, and the result
    schema                                                the JSON Schema that is published
"""

from __future__ import annotations

from netlab.inventory.boards import Board, Guest, Inventory
from netlab.inventory.load import check_variables, load

__all__ = ["Board", "Guest", "Inventory", "check_variables", "load"]
