# SPDX-License-Identifier: Apache-2.0
"""What made a run's figures, as its manifest pins it (kernel, packages, guests' image), and what of it differs.

Pure: a manifest is taken as data. A run of an older netlab lacks some of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netlab.analysis.environment_places import Reading, mapping

# The keys of a board's pins, in the order in which they are told, and what each is called.
KERNEL = "kernel"
IMAGE = "guest image"


@dataclass(frozen=True)
class Pin:
    """One thing that is pinned. `board` is empty for the controller. `value` is None where it is not there."""

    board: str
    name: str
    value: str | None

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class Other:
    """A pin that is not the same: `theirs` and `mine` are None where that side has not got it, or is not known."""

    board: str
    name: str
    theirs: str | None
    mine: str | None
    known: bool = True

    def __str__(self) -> str:
        mine = (self.mine or "none") if self.known else "not known"
        said = f"{self.name}: {self.theirs or 'none'} against {mine}"
        return f"{self.board}: {said}" if self.board else said

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return dict(vars(self))


def pins(manifest: Reading) -> list[Pin]:
    """All that a run's manifest pins: what steered it, then each board."""
    found = [Pin("", name, str(value)) for name, value in sorted(mapping(manifest.get("versions")).items())]
    if manifest.get("netlab"):
        found.insert(0, Pin("", "netlab", str(manifest["netlab"])))
    for board in _boards(manifest):
        found += [Pin(board, name, value) for name, value in _of_board(manifest, board)]
    return found


def others(theirs: Reading, mine: Reading) -> list[Other]:
    """What is not the same, board by board of one name; a pin that theirs lack is not asked for.

    `mine` may be what was read before anything is deployed: then what is not known yet, such as the image of guests
    that were never built, is one that is not the same.
    """
    here = {(pin.board, pin.name): pin.value for pin in pins(mine)}
    known = {board for board, _ in here}
    return [
        Other(pin.board, pin.name, pin.value, here.get((pin.board, pin.name)), pin.board in known)
        for pin in pins(theirs)
        if pin.value != here.get((pin.board, pin.name))
    ]


def _boards(manifest: Reading) -> list[str]:
    read = (mapping(mapping(manifest.get(key)).get("before")) for key in ("environment", "facts"))
    return list(dict.fromkeys(name for part in read for name in part))


def _of_board(manifest: Reading, board: str) -> Iterator[tuple[str, str | None]]:
    facts, reading = (
        mapping(mapping(mapping(manifest.get(key)).get("before")).get(board))
        for key in ("facts", "environment")
    )
    kernel = mapping(reading.get("kernel"))
    release = kernel.get("release") or facts.get("kernel")
    architecture = kernel.get("architecture") or facts.get("arch")
    if release or architecture:
        yield KERNEL, " ".join(str(part) for part in (release, architecture) if part)
    if kernel.get("version"):
        yield "kernel build", str(kernel["version"])
    for name, value in sorted(mapping(reading.get("versions")).items()):
        yield name, None if value is None else str(value)
    image = mapping(mapping(manifest.get("guest_image")).get(board))
    if image.get("hash"):
        yield IMAGE, str(image["hash"])
    for name, value in sorted(mapping(image.get("packages")).items()):
        yield f"{IMAGE}, {name}", str(value)
