# SPDX-License-Identifier: Apache-2.0
"""Runs the missing trials of a run: a play for each topology of each block, a line on disk for each trial."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from netlab.bundle import provenance
from netlab.cli.estimate import Estimate
from netlab.cli.options import DEFAULT_RESULTS
from netlab.cli.session import Session, remedy
from netlab.cli.surroundings import Flag, Surroundings
from netlab.collection import inventory_option
from netlab.errors import (
    BoardUnreachable,
    Interrupted,
    Locked,
    NetlabError,
    NotSupported,
    PlayFailed,
    ResultsUnwritable,
    RuleBroken,
)
from netlab.inventory.mapping import as_variables
from netlab.play.events import Event
from netlab.play.outcome import Outcome, image_of, trial_of
from netlab.play.runner import Listener
from netlab.results import RunStore
from netlab.results.samples import DamagedSamples
from netlab.results.shape import DamagedResult

Spec = Mapping[str, Any]


class Recorder(Listener):
    """Puts each trial on disk as its event arrives, so that no later failure can lose it."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.flags: list[Flag] = []  # of the block that is measured now

    def event(self, event: Event) -> None:
        if image := image_of(event):
            provenance.record_image(self.store.path, *image)
        trial = trial_of(event)
        # A dut that has its result measures again only because another one lacks it: all load the peer at once.
        if trial is None or self.store.has(trial):
            return
        trial = {**trial, "flags": [*(trial.get("flags") or []), *self.flags]}
        try:
            self._append(trial)
        except OSError as error:
            raise ResultsUnwritable.of(error, self.store.path) from error

    def _append(self, trial: Mapping[str, Any]) -> None:
        try:
            self.store.append(trial)
        except DamagedSamples as error:
            self.store.append({**trial, "samples": None, "status": "failed", "reason": str(error)})
        except DamagedResult as error:
            self.store.append(self._without_figures(trial, str(error)))

    def _without_figures(self, trial: Mapping[str, Any], reason: str) -> dict[str, Any]:
        """The planned trial as a failed one, with nothing of what the board sent but its words."""
        planned = next(dict(spec) for spec in self.store.manifest.order if spec["order"] == trial["order"])
        words = {"raw": str(trial.get("raw") or ""), "flags": list(self.flags), "guest": None}
        return {**planned, **words, "board": trial["board"], "status": "failed", "reason": reason}


class Measurement:
    """The rest of one run, over one inventory. `guests`: on how many guests each topology is deployed."""

    def __init__(self, work: Session, store: RunStore, guests: Mapping[str, int], expected: Estimate) -> None:
        self.work = work
        self.store = store
        self.guests = guests
        self.expected = expected
        self.recorder = Recorder(store)
        self.surroundings = Surroundings(work, store)
        self.cannot: dict[str, str] = {}  # topology: why no board can do it
        self.skipped: set[int] = set()  # trials that cannot be measured now; a resumed run may
        self.errors: list[NetlabError] = []

    def run(self) -> None:
        """Measures what is missing; raises where going on makes no sense, with what it takes to go on."""
        missing = self.store.missing()
        before = len(self.store.manifest.order) - len(missing)
        self.work.progress.expect_trials(
            missing, before, expected=self.expected.seconds, retries=self.store.manifest.retries()
        )
        try:
            for block in dict.fromkeys(spec["block"] for spec in missing):
                self._block(block)
        except OSError as error:
            self._interrupted()
            raise self._resumable(ResultsUnwritable.of(error, self.store.path)) from error
        except BaseException as error:
            if isinstance(error, Locked) and self.store.discard():
                raise  # nothing was done, and so there is nothing to go on with
            self._interrupted()
            self._resumable(error)
            raise
        try:
            self.surroundings.after()
            self._facts_after()
        except OSError as error:
            raise self._resumable(ResultsUnwritable.of(error, self.store.path)) from error
        finally:
            self._complete()  # nothing is missing, whatever became of the last look

    def _interrupted(self) -> None:
        """A run that says it is running, and nobody writes to it, is an interrupted one too."""
        try:
            self.store.finish("interrupted")
        except OSError:
            self.store.close()

    def _complete(self) -> None:
        try:
            self.store.finish("complete")
        except OSError as error:
            self.store.close()
            raise self._resumable(ResultsUnwritable.of(error, self.store.path)) from error

    def _resumable(self, error: BaseException) -> BaseException:
        if isinstance(error, NetlabError):
            again = self._try(f"bench --resume {self.store.name}", inventory=True)
            error.hint = remedy(error, again) if isinstance(error, Locked) else again
        return error

    def verdict(self) -> NetlabError | None:
        """The error that a run which came to its end amounts to."""
        lost = {line["order"]: line for line in self.store.outcomes() if line["status"] == "failed"}
        if lost:
            first = next(iter(lost.values()))["reason"]
            return PlayFailed(
                f"{len(lost)} of {len(self.store.manifest.order)} trials failed; the first reason:\n{first}",
                hint=self._try(f"report {self.store.name}") + "   (the reasons stand under the table)",
            )
        unsupported = [error for error in self.errors if isinstance(error, NotSupported)]
        return unsupported[0] if unsupported else self._broken_rule()

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

    def _block(self, block: int) -> None:
        """What is missing of a block, in order; at its end, what failed, as often as the plan allows."""
        self.work.interrupt.check()
        left = self.store.missing(block)
        self.recorder.flags = self.surroundings.before(block, self._deployment(left[0]["topology"]))
        self._groups(self.store.untried(left))
        while again := [spec for spec in self.store.missing(block) if spec["order"] not in self.skipped]:
            self._groups(again)  # each of them gets a line, so that this comes to an end

    def _groups(self, specs: Iterable[Spec]) -> None:
        """A play for each topology; the halves of an A/A pair are deployed one by one."""
        for _, group in groupby(specs, key=lambda spec: (spec["topology"], spec.get("replica", 1))):
            self.work.interrupt.check()
            self._group(list(group))

    def _group(self, specs: Sequence[Spec]) -> None:
        topology = specs[0]["topology"]
        if topology in self.cannot:
            self._record(specs, "skipped", self.cannot[topology])
            return
        plan = self.store.manifest.plan
        variables = {
            **self._deployment(topology),
            "testbed_trials": [dict(spec) for spec in specs],
            "testbed_warm_up_s": plan.get("warm_up_s", 0),
            "testbed_pause_s": plan.get("pause_s", 0),
        }
        performed = self.work.change("bench", variables, listeners=(self.recorder,))
        self._facts_before(performed.outcome)
        told = {(trial["order"], trial["board"]) for trial in performed.outcome.trials}
        match performed.error:
            case None:
                self._without_result(specs, told, "the play ended without a result for this trial")
            case Interrupted() | Locked() | ResultsUnwritable():
                raise performed.error
            case BoardUnreachable():
                self._record(self._silent(specs, told), "skipped", str(performed.error))
                raise performed.error
            case NotSupported():
                self.cannot[topology] = str(performed.error)
                self._give_up(performed.error)
                self._record(self._silent(specs, told), "skipped", str(performed.error))
            case _:
                self._give_up(performed.error)
                self._without_result(specs, told, str(performed.error))

    def _deployment(self, topology: str) -> dict[str, Any]:
        """The variables that deploy a topology, with the guests that this run's scenarios need."""
        count = self.guests.get(topology)
        own = as_variables(self.work.inventory.settings)
        return {**own, "testbed_topology": topology, **({"guest_count": count} if count else {})}

    def _silent(self, specs: Sequence[Spec], told: set[tuple[int, str]]) -> list[Spec]:
        """The trials of which no board had a result in this play."""
        heard = {order for order, _ in told}
        return [spec for spec in specs if spec["order"] not in heard]

    def _without_result(self, specs: Sequence[Spec], told: set[tuple[int, str]], reason: str) -> None:
        """A failed trial is one that has a line: for all duts if none had a result, else for those without."""
        silent = self._silent(specs, told)
        self._record(silent, "failed", reason)
        for spec in (spec for spec in specs if spec not in silent):
            for dut in self.store.manifest.duts():
                if (spec["order"], dut) not in told and not self.store.has({**spec, "board": dut}):
                    self._record([spec], "failed", reason, dut)

    def _give_up(self, error: NetlabError) -> None:
        self.errors.append(error)
        self.work.progress.note(f"netlab: {error}")

    def _record(self, specs: Sequence[Spec], status: str, reason: str, board: str | None = None) -> None:
        for spec in specs:
            trial = {**spec, "board": board, "guest": None, "status": status, "reason": reason}
            trial["flags"] = list(self.recorder.flags)
            self.store.append(trial)
            self.work.progress.skip_trial(trial)
            if status == "skipped":
                self.skipped.add(spec["order"])

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
        images = {
            board: report["guest_image"]
            for board, report in outcome.reports.items()
            if report.get("guest_image") and board not in stored.guest_image
        }
        if images:
            self.store.set_guest_image(images)
        if chosen:
            known = {board: choice.model_dump() for board, choice in stored.accelerator.items()}
            self.store.set_accelerator({**known, **chosen})

    def _facts_after(self) -> None:
        """Asks the boards once more: what drifted while they were measured is part of the figures."""
        performed = self.work.read("status")
        if performed.error is None and performed.outcome.facts:
            self.store.set_facts("after", performed.outcome.facts)
