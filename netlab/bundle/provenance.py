# SPDX-License-Identifier: Apache-2.0
"""provenance.json: what a run remembers of where it comes from, so that it can be exported later.

`roles`: the versions of what built and measured; `written`: the inventory's files, the testbed's variables of them;
`images`: what the guests of each dut booted; `inventory` and `identities`: where else to look for what an export has to
replace. The last two stay in the run's folder: they are in no bundle. Runs without this file can be exported, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlab import __version__, collection
from netlab.bundle import written
from netlab.bundle.redact.identities import Identities
from netlab.errors import InvalidInput, Problem
from netlab.plan.scenarios import PREFIX as SCENARIO_PREFIX
from netlab.results import files
from netlab.results.store import PROVENANCE

FILE = PROVENANCE  # in a run's folder
_PASSED_OVER = ("__pycache__", ".pyc")
_OF_COLLECTION = ("meta", "playbooks", "plugins", "roles")


@dataclass(frozen=True)
class Provenance:
    """The file's contents; all of it may be empty."""

    inventory: Path | None = None
    identities: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    left_out: int = 0
    roles: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Any] = field(default_factory=dict)


def record(run: Path, inventory: Path, order: Iterable[Mapping[str, Any]]) -> None:
    """Write a new run's file."""
    known = Identities()
    known.add_inventory(inventory)
    _save(
        run,
        {
            "inventory": str(inventory.absolute()),
            "identities": known.as_dict(),
            "written": written.collect(inventory),
            "roles": of_roles(order),
            "images": {},
        },
    )


def record_image(run: Path, board: str, image: Mapping[str, Any]) -> None:
    """Add what a dut's guests boot: the first that a run has seen there."""
    told = _load(run)
    if told and board not in told.get("images", {}):
        told.setdefault("images", {})[board] = {"hash": image.get("hash"), "recipe": image.get("recipe")}
        _save(run, told)


def read(run: Path) -> Provenance:
    """A run's file; an empty one where there is none. InvalidInput where it is damaged."""
    told = _load(run)
    if not told:
        return Provenance()
    collected = told.get("written") or {}
    return Provenance(
        inventory=Path(told["inventory"]) if isinstance(told.get("inventory"), str) else None,
        identities=told.get("identities") or {},
        files=collected.get("files") or {},
        left_out=int(collected.get("left_out") or 0),
        roles=told.get("roles") or {},
        images=told.get("images") or {},
    )


def _load(run: Path) -> dict[str, Any]:
    path = run / FILE
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        problem = Problem(f"it cannot be read: {error}", str(path), None, None, "the file as it was written")
        raise InvalidInput([problem]) from error
    return told if isinstance(told, dict) else {}


def _save(run: Path, told: Mapping[str, Any]) -> None:
    files.replace(run / FILE, (json.dumps(told, indent=1) + "\n").encode())


def of_roles(order: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Version and hash of each role that a run's trials name, and of the collection as a whole."""
    found = collection.find()
    trials = list(order)
    kinds = {
        "topologies": ("topology", collection.TOPOLOGY_PREFIX),
        "scenarios": ("scenario", SCENARIO_PREFIX),
        "instruments": ("instrument", collection.INSTRUMENT_PREFIX),
    }
    made: dict[str, Any] = {
        "collection": _told([found.root / name for name in _OF_COLLECTION], found.root),
    }
    for kind, (key, prefix) in kinds.items():
        names = sorted({str(spec[key]).replace("-", "_") for spec in trials})
        folders = {name: found.root / "roles" / f"{prefix}{name}" for name in names}
        made[kind] = {name: _told([path], path) for name, path in folders.items() if path.is_dir()}
    return made


def _told(folders: list[Path], root: Path) -> dict[str, str]:
    return {"version": __version__, "sha256": _digest(folders, root)}


def _digest(folders: list[Path], root: Path) -> str:
    """Over the names and contents of all files: the same files, the same digest, wherever they are."""
    digest = hashlib.sha256()
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        if not any(mark in name for mark in _PASSED_OVER):
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()
