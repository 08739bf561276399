# SPDX-License-Identifier: Apache-2.0
"""Runs the missing trials of a run: a play for each topology of each block, a line on disk for each trial."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from netlab.cli.options import DEFAULT_RESULTS
from netlab.cli.session import Session
from netlab.collection import inventory_option
from netlab.errors import BoardUnreachable, Interrupted, NetlabError, NotSupported, PlayFailed, RuleBroken
from netlab.play.events import Event
from netlab.play.outcome import Outcome, trial_of
from netlab.play.runner import Listener
from netlab.results import RunStore

Spec = dict[str, Any]


class Recorder(Listener):
    """Puts each trial on disk as its event arrives, so that no later failure can lose it."""

    def __init__(self, store: RunStore) -> None:
        self.store = store

    def event(self, event: Event) -> None:
        if trial := trial_of(event):
            self.store.append(trial)


class Measurement:
    """The rest of one run, over one inventory."""

    def __init__(self, work: Session, store: RunStore) -> None:
        self.work = work
        self.store = store
        self.recorder = Recorder(store)
        self.cannot: dict[str, str] = {}  # topology: why no board can do it
        self.errors: list[NetlabError] = []

    def run(self) -> None:
        """Measures what is missing; raises where going on makes no sense, with what it takes to go on."""
        missing = self.store.missing()
        self.work.progress.expect_trials(missing, len(self.store.manifest.order) - len(missing))
        try:
            for (_, topology), specs in groupby(missing, key=lambda spec: (spec["block"], spec["topology"])):
                self.work.interrupt.check()
                self._group(topology, list(specs))
        except BaseException as error:
            self.store.finish("interrupted")
            if isinstance(error, NetlabError):
                error.hint = self._try(f"bench --resume {self.store.name}", inventory=True)
            raise
        self._facts_after()
        self.store.finish("complete")

    def verdict(self) -> NetlabError | None:
        """The error that a run which came to its end amounts to."""
        failed = [error for error in self.errors if not isinstance(error, NotSupported)]
        lost = [line for line in self.store.outcomes() if line["status"] == "failed"]
        if failed or lost:
            first = failed[0] if failed else lost[0]["reason"]
            return PlayFailed(
                f"{len(lost)} of {len(self.store.manifest.order)} trials failed; the first reason:\n{first}",
                hint=self._try(f"report {self.store.name}") + "   (the reasons stand under the table)",
            )
        return self.errors[0] if self.errors else self._broken_rule()

    def _try(self, command: str, *, inventory: bool = False) -> str:
        """A command for the user, with the options that make it mean this run on these boards."""
        results = self.store.path.parent
        options = "" if results == DEFAULT_RESULTS else f" --results {shlex.quote(str(results))}"
        if inventory:
            options = inventory_option(str(self.work.inventory.path)) + options
        return f"netlab {command}{options}"

    def _broken_rule(self) -> NetlabError | None:
        from netlab import analysis  # numpy, once the measuring is over

        if broken := analysis.broken(self.store.rows()):
            return RuleBroken("\n".join(broken), hint=self._try(f"report {self.store.name}"))
        return None

    def _group(self, topology: str, specs: Sequence[Spec]) -> None:
        if topology in self.cannot:
            self._record(specs, "skipped", self.cannot[topology])
            return
        variables = {"testbed_topology": topology, "testbed_trials": list(specs)}
        performed = self.work.change("bench", variables, listeners=(self.recorder,))
        self._facts_before(performed.outcome)
        done = {trial["order"] for trial in performed.outcome.trials}
        lost = [spec for spec in specs if spec["order"] not in done]
        match performed.error:
            case None:
                self._record(lost, "failed", "the play ended without a result for this trial")
            case Interrupted():
                raise performed.error
            case BoardUnreachable():
                self._record(lost, "skipped", str(performed.error))
                raise performed.error
            case NotSupported():
                self.cannot[topology] = str(performed.error)
                self._give_up(lost, "skipped", performed.error)
            case _:
                self._give_up(lost, "failed", performed.error)

    def _give_up(self, specs: Sequence[Spec], status: str, error: NetlabError) -> None:
        self.errors.append(error)
        self._record(specs, status, str(error))
        self.work.progress.note(f"netlab: {error}")

    def _record(self, specs: Sequence[Spec], status: str, reason: str) -> None:
        for spec in specs:
            trial = {**spec, "board": None, "guest": None, "status": status, "reason": reason}
            self.store.append(trial)
            self.work.progress.skip_trial(trial)

    def _facts_before(self, outcome: Outcome) -> None:
        """What the boards are, and what runs their guests, once both are known."""
        stored = self.store.manifest
        if outcome.facts and stored.facts.before is None:
            self.store.set_facts("before", outcome.facts)
        chosen = {
            board: {"accelerator": report["accelerator"], "reason": report.get("accelerator_reason") or ""}
            for board, report in outcome.reports.items()
            if report.get("accelerator") and board not in stored.accelerator
        }
        if chosen:
            known = {board: choice.model_dump() for board, choice in stored.accelerator.items()}
            self.store.set_accelerator({**known, **chosen})

    def _facts_after(self) -> None:
        """Asks the boards once more: what drifted while they were measured is part of the figures."""
        performed = self.work.read("status")
        if performed.error is None and performed.outcome.facts:
            self.store.set_facts("after", performed.outcome.facts)
