# SPDX-License-Identifier: Apache-2.0
"""What `bench` and `demo` share: a plan becomes a run, the run is measured, and its table is printed."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab import collection, plan
from netlab.bundle import provenance
from netlab.cli import output
from netlab.cli.estimate import estimate, learn
from netlab.cli.measure import Measurement
from netlab.cli.parameters import wrong_parameters
from netlab.errors import InvalidInput, Problem, ResultsUnwritable
from netlab.plan.design import guests_needed
from netlab.plan.document import Document
from netlab.plan.scenarios import guestless
from netlab.results import RunStore
from netlab.results.store import Planned

if TYPE_CHECKING:
    from netlab.cli.session import Session
    from netlab.inventory import Inventory
    from netlab.inventory.roles import Option


@dataclass(frozen=True)
class Existing:
    """What the collection has that a plan can name, and what each instrument can be told."""

    names: Mapping[str, Collection[str]] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)

    @classmethod
    def look(cls) -> Existing:
        from netlab.inventory.roles import read_role_options

        found = collection.find()
        instruments = list(found.instruments())
        published = read_role_options(found.root / "roles")
        keys = {name: f"{collection.INSTRUMENT_PREFIX}{name}_parameters" for name in instruments}
        options = {name: published[key] for name, key in keys.items() if key in published}
        return cls({"topologies": list(found.topologies()), "instruments": instruments}, options)

    def check(self, read: Document) -> Iterator[Problem]:
        """What instruments are told and cannot be told."""
        return wrong_parameters(read, self.options)


def load_plan(
    name: str, topologies: Sequence[str] | None = None, blocks: int | None = None, seed: int | None = None
) -> plan.Design:
    """A plan whose topologies, scenarios and instruments all exist, and that tells each what its role takes."""
    existing = Existing.look()
    return plan.Design.of(
        plan.load(
            name,
            topologies=topologies or None,
            blocks=blocks,
            seed=seed,
            known=existing.names,
            check=existing.check,
        )
    )


def new_run(results: Path, wanted: Planned, inventory: Inventory) -> RunStore:
    """An empty run of `wanted`."""
    try:
        store = RunStore.create(results, wanted, inventory=inventory.rendered(), versions=versions())
        provenance.record(store.path, inventory.path, store.manifest.order)
    except OSError as error:
        raise ResultsUnwritable.of(error, results) from error
    return store


def resume(store: RunStore) -> None:
    """Takes a run up again."""
    try:
        store.resume()
    except OSError as error:
        raise ResultsUnwritable.of(error, store.path) from error


def unfinished_run(results: Path, name: str) -> RunStore:
    """A run that still lacks trials, or that nobody has said of that it is complete."""
    from netlab.cli.stored_plan import recheck

    store = RunStore.open(results, name)
    if not store.missing() and store.state == "complete":
        raise InvalidInput(
            f"--resume {name}: {store.name} lacks no trial", hint=f"netlab report {store.name}"
        )
    existing = Existing.look()
    recheck(store, existing.names, existing.check)
    return store


def boards_of(store: RunStore) -> dict[str, dict[str, Any]]:
    """The boards that a run was made on, as its manifest has them."""
    told = store.manifest.inventory
    boards: dict[str, Any] = told if isinstance(told, dict) else {}
    return {name: own for name, own in boards.items() if isinstance(own, dict)}


def inventory_of(store: RunStore, wanted: str) -> Inventory:
    """The inventory that a run goes on with: what it took over from somebody else's is checked again, and holds."""
    from netlab.cli import inputs
    from netlab.inventory.mapping import check_settings

    settings = {name: own["settings"] for name, own in boards_of(store).items() if "settings" in own}
    plain = inputs.checked_inventory(wanted)
    if not settings:
        return plain
    check_settings(settings, plain.boards, str(store.path))
    return inputs.checked_inventory(wanted, settings=settings)


def same_duts(store: RunStore, inventory: Inventory) -> None:
    """A run goes on where it began: figures of other boards are another run's."""
    before, now = store.manifest.duts(), [board.name for board in inventory.duts]
    if before and set(before) != set(now):
        raise InvalidInput(
            f"{store.name} measures {', '.join(before)}; the duts of {inventory.path} are {', '.join(now)}",
            hint=f"netlab bench --resume {store.name} -i ...   (the inventory that the run began with)",
        )


def guest_counts(specs: Sequence[Mapping[str, Any]], inventory: Inventory) -> dict[str, int]:
    """By topology, on how many guests a dut is to be deployed, where that is more than the inventory gives.

    Raises InvalidInput where the inventory has no room for them.
    """
    from netlab.cli import inputs

    given = {len(inventory.guests.get(board.name, ())) for board in inventory.duts}
    known = plan.scenarios()
    counts = {}
    topologies = list(dict.fromkeys(str(spec["topology"]) for spec in specs))
    without = guestless(topologies)
    for topology in (name for name in topologies if name not in without):
        needed = guests_needed(specs, topology, known)
        if given and needed > min(given):
            counts[topology] = max(needed, *given)
    if counts:
        inputs.checked_inventory(
            str(inventory.path), guests=max(counts.values()), settings=inventory.settings
        )
    return counts


def measure(work: Session, store: RunStore) -> Measurement:
    """Measures what `store` lacks."""
    work.progress.note(f"netlab: run {store.name} in {store.path}")
    guests = guest_counts(store.manifest.order, work.inventory)
    expected = estimate(store.missing(), store.manifest.plan, learn(store.path.parent))
    measurement = Measurement(work, store, guests, expected)
    measurement.run()
    return measurement


def show(store: RunStore, *, json: bool) -> None:
    """The run's table, which its name stands over."""
    from netlab import report

    output.line(report.render(store, "json" if json else "table").rstrip("\n"))


def versions() -> dict[str, str]:
    """What on the controller has a say in the figures."""
    names = ("ansible-core", "ansible-runner")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}
