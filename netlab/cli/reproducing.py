# SPDX-License-Identifier: Apache-2.0
"""The steps of `netlab reproduce`: who stands for whom, a look at the boards, the run, the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import typer

from netlab import __version__
from netlab.bundle.read import Bundle
from netlab.cli import benching, inputs, output, questions, theirs, verdicts
from netlab.cli.preview import Preview, look
from netlab.cli.session import Claim, Session, session
from netlab.errors import Interrupted, NotSupported
from netlab.inventory import Inventory
from netlab.inventory.mapping import Mapped, described, mapped
from netlab.results import RunStore


class Reproduction:
    """One bundle, and what of ours stands for its boards. `margin` is a share."""

    def __init__(
        self, bundle: Bundle, wanted: Mapping[str, str], margin: float, results: Path, *, json: bool
    ) -> None:
        self.bundle = bundle
        self.wanted = wanted
        self.margin = margin
        self.results = results
        self.json = json
        self.repeated = theirs.repeated(bundle)
        self.theirs = theirs.boards(bundle)
        self.mapped = Mapped({}, {})
        self.inventory: Inventory | None = None

    def begin(self, inventory: str) -> None:
        """Reads our inventory, once as it is, and once with what it takes over."""
        plain = inputs.checked_inventory(inventory)
        self.mapped = mapped(self.theirs, described(plain.rendered()), self.wanted)
        self.inventory = inputs.checked_inventory(inventory, settings=self.mapped.settings)

    def preview(self, work: Session) -> Preview:
        """Changes nothing."""
        topologies = list(dict.fromkeys(str(spec["topology"]) for spec in self.repeated.order))
        looked = look(work, topologies, benching.versions(), __version__)
        told = theirs.manifest(self.bundle, self.mapped, looked.manifest)
        order = self.repeated.order
        roles = theirs.other_roles(self.bundle, order)
        return Preview(self.theirs, work.inventory, self.mapped, told, looked, topologies, len(order), roles)

    def show(self, mine: RunStore) -> None:
        """The verdicts; the ordinary table where theirs have no results."""
        their_run = theirs.run(self.bundle)
        if their_run is None:
            benching.show(mine, json=self.json)
            return
        own = mine.manifest.model_dump(mode="json")
        manifests = (theirs.manifest(self.bundle, self.mapped, own), own)
        names = (self.bundle.run_name, mine.name)
        found = verdicts.result(their_run, mine, self.mapped.boards, self.margin, manifests, names)
        if self.json:
            output.as_json(found.document())
        else:
            output.line(found.words())


def judge_run(own: Reproduction, name: str) -> None:
    """Against a run that there is already."""
    mine = RunStore.open(own.results, name)
    own.mapped = mapped(own.theirs, described(benching.boards_of(mine)), own.wanted)
    own.show(mine)


def carry_out(
    own: Reproduction, claim: Claim, *, strict: bool, dry_run: bool, yes: bool, verbose: bool
) -> None:
    """A look, and unless it is a dry run or refused, the run and its verdicts."""
    assert own.inventory is not None
    specs = own.repeated.order
    benching.guest_counts(specs, own.inventory)  # refuses before anything is asked
    with session(own.inventory, verbose=verbose) as work:
        preview = own.preview(work)
    _tell(own, preview, dry_run=dry_run)
    if strict:
        _refuse_others(preview)
    if dry_run:
        return
    if not yes and questions.possible() and not typer.confirm("Set this up and measure?", err=True):
        raise Interrupted("nothing was touched")
    store = benching.new_run(own.results, own.repeated, own.inventory)
    with session(own.inventory, verbose=verbose, claim=claim) as work:
        measurement = benching.measure(work, store)
    own.show(store)
    if error := measurement.verdict():
        raise error


def _tell(own: Reproduction, preview: Preview, *, dry_run: bool) -> None:
    """A dry run's answer goes to stdout; else it stands before the run, on stderr."""
    if dry_run and own.json:
        output.as_json(preview.document())
    elif dry_run:
        output.line(preview.words())
    else:
        typer.echo(preview.words(), err=True)


def _refuse_others(preview: Preview) -> None:
    wrong = [str(other) for other in preview.others if other.board]  # what steers the boards is told, no more
    wrong += [preview.looked.silent] if preview.looked.silent else []
    if wrong:
        raise NotSupported(
            "--strict: this is not what made their figures, theirs against yours; nothing was touched:\n"
            + "\n".join(wrong),
            hint="the same command without --strict tells under its verdicts what was not the same",
        )
