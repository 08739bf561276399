# SPDX-License-Identifier: Apache-2.0
"""What `bench` and `demo` share: a plan becomes a run, the run is measured, and its table is printed."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab import collection, plan
from netlab.cli import output
from netlab.cli.measure import Measurement
from netlab.errors import InvalidInput
from netlab.results import RunStore

if TYPE_CHECKING:
    from netlab.cli.session import Session
    from netlab.inventory import Inventory


def load_plan(
    name: str, topologies: Sequence[str] | None = None, blocks: int | None = None, seed: int | None = None
) -> plan.Plan:
    """A plan whose topologies and instruments all exist, and that tells each what its role takes."""
    from netlab.cli.parameters import wrong_parameters
    from netlab.inventory.roles import read_role_options

    found = collection.find()
    instruments = list(found.instruments())
    known = {"topologies": list(found.topologies()), "instruments": instruments}
    published = read_role_options(found.root / "roles")
    keys = {name: f"{collection.INSTRUMENT_PREFIX}{name}_parameters" for name in instruments}
    options = {name: published[key] for name, key in keys.items() if key in published}
    return plan.load(
        name,
        topologies=topologies or None,
        blocks=blocks,
        seed=seed,
        known=known,
        check=lambda read: wrong_parameters(read, options),
    )


def new_run(results: Path, wanted: plan.Plan, inventory: Inventory) -> RunStore:
    """An empty run of `wanted`."""
    return RunStore.create(results, wanted, inventory=inventory.rendered(), versions=versions())


def unfinished_run(results: Path, name: str) -> RunStore:
    """A run that still lacks trials."""
    store = RunStore.open(results, name)
    if not store.missing():
        raise InvalidInput(
            f"--resume {name}: {store.name} lacks no trial", hint=f"netlab report {store.name}"
        )
    return store


def measure(work: Session, store: RunStore) -> Measurement:
    """Measures what `store` lacks."""
    work.progress.note(f"netlab: run {store.name} in {store.path}")
    measurement = Measurement(work, store)
    measurement.run()
    return measurement


def show(store: RunStore, *, json: bool) -> None:
    """The run's table, which its name stands over."""
    from netlab import report

    output.line(report.render(store, "json" if json else "table").rstrip("\n"))


def show_trials(specs: Iterable[Mapping[str, Any]], *, json: bool) -> None:
    """What would be measured, in order."""
    rows = list(specs)
    if json:
        output.as_json({"trials": rows})
        return
    keys = ("order", "block", "topology", "scenario", "instrument")
    told = [
        "  ".join(f"{key}={value}" for key, value in (row.get("parameters") or {}).items()) for row in rows
    ]
    output.table(
        [*keys, "parameters"],
        [[*(row[key] for key in keys), text] for row, text in zip(rows, told, strict=True)],
    )


def versions() -> dict[str, str]:
    """What on the controller has a say in the figures."""
    names = ("ansible-core", "ansible-runner")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}
