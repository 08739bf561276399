# SPDX-License-Identifier: Apache-2.0
"""From what the user typed to what exists: checked before anything starts, with the names that would do."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netlab import collection
from netlab.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from netlab.inventory import Inventory


def checked_inventory(
    wanted: str, guests: int | None = None, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> Inventory:
    """An inventory without a mistake in it; what is only odd about it is said on stderr.

    `settings`, by board and variable, are somebody else's, which take the place of what it says; said already.
    """
    from netlab import inventory

    roles = collection.find().root / "roles"
    loaded = inventory.load(inventory_path(wanted), guest_count=guests, roles_dir=roles, settings=settings)
    for warning in loaded.warnings if settings is None else ():
        typer.echo(f"netlab: warning: {warning}", err=True)
    return loaded


def mapped_inventory(theirs: str, mine: str, wanted: Sequence[str], guests: int | None = None) -> Inventory:
    """Ours, with what it takes over from theirs, which is read as data and never handed to Ansible."""
    from netlab import inventory
    from netlab.inventory.mapping import asked, check_settings, described, mapped

    asked_for = asked(wanted)
    roles = collection.find().root / "roles"
    their_boards = described(inventory.load(inventory_path(theirs), roles_dir=roles).rendered())
    plain = checked_inventory(mine)
    found = mapped(their_boards, described(plain.rendered()), asked_for)
    check_settings(found.settings, plain.boards, theirs)
    for their, our in found.boards.items():
        typer.echo(f"netlab: {our} stands for {their}", err=True)
    for note in found.notes:
        typer.echo(f"netlab: {note}", err=True)
    return checked_inventory(mine, guests, found.settings)


def inventory_path(wanted: str) -> str:
    """The inventory's path: as given from here, else as one that comes with netlab."""
    for path in (Path(wanted).expanduser(), collection.find().root / wanted):
        if wanted and os.path.exists(path):  # noqa: PTH110 false, no error, for any name
            return str(path)
    shipped = collection.find().inventories()
    raise InvalidInput(
        [
            Problem(
                f"there is no inventory {wanted!r}{close(wanted, shipped)}",
                expected=f"a folder with hosts.yml in it, a file, or one of netlab's own: {listed(shipped)}",
            )
        ],
        hint=f"netlab status -i {shipped[0]}" if shipped else None,
    )


def refuse_with(option: str, given: Mapping[str, object], why: str) -> None:
    """Options that make no sense together are refused, not ignored."""
    too_many = [name for name, value in given.items() if value]
    if too_many:
        raise InvalidInput(f"{option} and {', '.join(too_many)} cannot be given together: {why}")


def topology_name(wanted: str | None) -> str:
    """The topology's name, if there is a role that builds it."""
    known = collection.find().topologies()
    if wanted in known:
        return wanted
    message = f"there is no topology {wanted!r}{close(wanted, known)}" if wanted else "no topology was named"
    raise InvalidInput(
        [Problem(message, key="--topology", expected=f"one of {listed(known)}")],
        hint="netlab topologies   (says what each of them is)",
    )


def close(wanted: str, known: Iterable[str]) -> str:
    """`; did you mean tap?`, or nothing."""
    matches = difflib.get_close_matches(wanted, list(known), n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(matches)}?" if matches else ""


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "(none)"
