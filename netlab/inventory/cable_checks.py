# SPDX-License-Identifier: Apache-2.0
"""Cables of boards that are made here: each end is there, has one cable, and every measured NIC is such an end."""

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
    local, emulated = tree.hosts_of("local_boards"), tree.hosts_of("emulated_boards")
    ends: dict[End, End] = {}
    for kind, owners, allowed in (
        ("local", local, [local, local]),
        ("emulated", emulated, [emulated, local]),  # a veth pair has no end in an emulator
    ):
        name = f"{kind}_board_cables"
        effective = (tree.effective(host).get(name) for host in owners)
        lists = {id(marked): marked for marked in effective if marked is not None}
        if any(key in wrong for key in lists):
            return
        for cables in lists.values():
            yield from _check_ends(name, cables, allowed, ends)
    measured = {board.name: board.text("board_nic") for board in boards}
    for board in boards:
        nic = measured[board.name]
        if nic is not None and board.name in local:
            yield from _check_measured(board, nic, ends, measured, "local_board_cables")
        elif nic is not None and board.name in emulated:
            yield from _check_measured(board, nic, ends, measured, "emulated_board_cables")


def _check_ends(
    name: str, cables: Marked, allowed: list[list[str]], ends: dict[End, End]
) -> Iterator[Problem]:
    """One list of cables; adds each end, and the end opposite, to ``ends``. ``allowed``: whose the two ends may be."""
    mixed = allowed[0] != allowed[1]
    known = list(dict.fromkeys([*allowed[0], *allowed[1]]))
    for index, cable in enumerate(cables.value):
        one, two = ((name, interface.value) for name, interface in cable.value.items())
        for end, opposite in ((one, two), (two, one)):
            place = cable.value[end[0]].place
            key = key_text((name, index, end[0]))
            if end[0] not in known:
                groups = "local_boards or emulated_boards" if mixed else "local_boards"
                expected = closest(end[0], known) or f"a board of the group {groups}: {', '.join(known)}"
                kind = "local or emulated board" if mixed else "local board"
                yield place.problem(key, f"no {kind} is called {end[0]}", expected)
            elif end in ends:
                expected = "another interface: a board gets as many as its cables name"
                yield place.problem(key, f"{end[1]} of {end[0]} has a cable already", expected)
            ends.setdefault(end, opposite)
        if mixed and {one[0], two[0]} <= set(known) and (one[0] in allowed[0]) == (two[0] in allowed[0]):
            yield cable.value[one[0]].place.problem(
                key_text((name, index)),
                f"{one[0]} and {two[0]} are boards of one kind",
                "an emulated board at one end of the cable, and a local board at the other",
            )


def _check_measured(
    board: Candidate, nic: str, ends: Mapping[End, End], measured: Mapping[str, str | None], name: str
) -> Iterator[Problem]:
    """The measured NIC of a board made here is an end of a cable, and a dut's leads to another measured NIC."""
    opposite = ends.get((board.name, nic))
    if opposite is None:
        own = [interface for name, interface in ends if name == board.name]
        cable = f"a cable in {name} that ends at {board.name}: {nic}"
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
            f"a cable in {name} from {board.name}: {nic} to the measured NIC of a peer",
        )
