# SPDX-License-Identifier: Apache-2.0
"""Cables between local boards: each end is there, has one cable, and every measured NIC is such an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netlab.errors import Problem
from netlab.inventory.checks import Candidate
from netlab.inventory.marked import Marked, key_text
from netlab.inventory.suggest import closest
from netlab.inventory.tree import Tree

End = tuple[str, str]  # of a cable: a board and an interface


def check_cables(tree: Tree, boards: list[Candidate], wrong: set[int]) -> Iterator[Problem]:
    """All of it; ``wrong`` are the ids of definitions that are wrong in themselves."""
    local = tree.hosts_of("local_boards")
    effective = (tree.effective(host).get("local_board_cables") for host in local)
    lists = {id(marked): marked for marked in effective if marked is not None}
    if any(key in wrong for key in lists):
        return
    ends: dict[End, End] = {}
    for cables in lists.values():
        yield from _check_ends(cables, local, ends)
    measured = {board.name: board.text("board_nic") for board in boards}
    for board in boards:
        nic = measured[board.name]
        if board.name in local and nic is not None:
            yield from _check_measured(board, nic, ends, measured)


def _check_ends(cables: Marked, local: list[str], ends: dict[End, End]) -> Iterator[Problem]:
    """One list of cables; adds each end, and the end opposite, to ``ends``."""
    for index, cable in enumerate(cables.value):
        one, two = ((name, interface.value) for name, interface in cable.value.items())
        for end, opposite in ((one, two), (two, one)):
            place = cable.value[end[0]].place
            key = key_text(("local_board_cables", index, end[0]))
            if end[0] not in local:
                expected = closest(end[0], local) or f"a board of the group local_boards: {', '.join(local)}"
                yield place.problem(key, f"no local board is called {end[0]}", expected)
            elif end in ends:
                expected = "another interface: a board gets as many as its cables name"
                yield place.problem(key, f"{end[1]} of {end[0]} has a cable already", expected)
            ends.setdefault(end, opposite)


def _check_measured(
    board: Candidate, nic: str, ends: Mapping[End, End], measured: Mapping[str, str | None]
) -> Iterator[Problem]:
    """The measured NIC of a local board is an end of a cable, and a dut's leads to another measured NIC."""
    opposite = ends.get((board.name, nic))
    if opposite is None:
        own = [interface for name, interface in ends if name == board.name]
        cable = f"a cable in local_board_cables that ends at {board.name}: {nic}"
        yield board.problem(
            "board_nic",
            f"no cable ends at {nic} of {board.name}: the measured NIC would be missing",
            f"{' or '.join(own)}, or {cable}" if own else cable,
        )
    elif board.role == "dut" and measured.get(opposite[0]) not in (None, opposite[1]):
        yield board.problem(
            "board_nic",
            f"its cable leads to {opposite[1]} of {opposite[0]}, and not to the measured NIC there,"
            f" {measured[opposite[0]]}",
            f"a cable in local_board_cables from {board.name}: {nic} to the measured NIC of a peer",
        )
