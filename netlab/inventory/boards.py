# SPDX-License-Identifier: Apache-2.0
"""What an inventory has turned out to say: boards, and the guests of each dut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlab.errors import Problem
from netlab.inventory.marked import Place
from netlab.inventory.tree import Definition


@dataclass(frozen=True)
class Guest:
    """A guest as it will be made; ``address`` in CIDR form."""

    name: str
    mac: str
    address: str
    vcpus: int
    memory_mib: int
    pci_device: str | None = None


@dataclass(frozen=True)
class Board:
    """A dut or a peer. ``variables`` are the testbed's own, as the inventory gives them to this board."""

    name: str
    groups: frozenset[str]
    nic: str
    address: str
    connection: str | None
    variables: Mapping[str, Any]
    place: Place

    @property
    def is_dut(self) -> bool:
        return "duts" in self.groups

    @property
    def is_local(self) -> bool:
        return "local_boards" in self.groups


@dataclass(frozen=True)
class Inventory:
    """A valid inventory. ``guests`` has an entry for each dut; ``warnings`` need no action to go on.

    ``settings``, by board and variable, are somebody else's, taken over in place of what the files say.
    """

    path: Path
    boards: Mapping[str, Board]
    guests: Mapping[str, Sequence[Guest]]
    warnings: Sequence[Problem] = ()
    definitions: Sequence[Definition] = field(default=(), repr=False)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def duts(self) -> list[Board]:
        return [board for board in self.boards.values() if board.is_dut]

    @property
    def peers(self) -> list[Board]:
        return [board for board in self.boards.values() if not board.is_dut]

    def rendered(self) -> dict[str, Any]:
        """As JSON values, for a run's manifest: no variable but the testbed's own, so no password either."""
        return {
            name: {
                "role": "dut" if board.is_dut else "peer",
                "groups": sorted(board.groups),
                "connection": board.connection,
                "variables": dict(board.variables),
                "guests": [vars(guest) for guest in self.guests.get(name, ())],
                **({"settings": dict(self.settings[name])} if name in self.settings else {}),
            }
            for name, board in self.boards.items()
        }
