# SPDX-License-Identifier: Apache-2.0
"""The faults are tried by three workers, each with boards of its own; every test waits for its own. A trial waits
now and then, so three keep two cores busy.

NETLAB_FAULTS=whole tries all of them, as `./lab test faults` does, and NETLAB_FAULTS=3/20 the third twentieth, for
whoever shares a machine; else it is a sample, the same each time. NETLAB_FAULTS_LOG names a file that gets a line of
JSON for each, as soon as it was tried.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future

import pytest

from tests.faults import table
from tests.faults.catalogue import CUT, ON_EMULATED, Trial, everything, sample
from tests.faults.far import FarLab
from tests.faults.lab import Lab
from tests.faults.trying import attempt

WORKERS = 3
RESULTS: dict[Trial, str] = {}
TOOK: dict[Trial, float] = {}


def chosen() -> list[Trial]:
    """What is tried in this session."""
    trials, wanted = everything(), os.environ.get("NETLAB_FAULTS", "")
    if wanted == "whole":
        return trials
    number, _, of = wanted.partition("/")
    return trials[int(number) - 1 :: int(of)] if of else sample(trials)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "campaign" in metafunc.fixturenames and "trial" in metafunc.fixturenames:
        trials = chosen()
        metafunc.parametrize("trial", trials, ids=[trial.name for trial in trials])


class Campaign:
    """The trials of this session, tried in their order by a few threads."""

    def __init__(self, trials: list[Trial]) -> None:
        self.results: dict[Trial, Future[None]] = {trial: Future() for trial in trials}
        self.left = list(trials)
        self.over = False
        self.mutex = threading.Lock()
        names = [f"f{os.getpid() % 10000}{letter}" for letter in "abc"[:WORKERS]]
        self.workers = [threading.Thread(target=self._work, args=(name,)) for name in names]
        for worker in self.workers:
            worker.start()

    def _next(self) -> Trial | None:
        with self.mutex:
            return None if self.over or not self.left else self.left.pop(0)

    def _work(self, name: str) -> None:
        near, far = Lab(name), FarLab(f"{name}s")
        try:
            while (trial := self._next()) is not None:
                began = time.monotonic()
                lost: BaseException | None = None
                try:
                    attempt(far if trial.fault == CUT else near, trial)
                except BaseException as error:  # noqa: BLE001 - it is the test's
                    lost = error
                TOOK[trial] = time.monotonic() - began
                self._note(trial, lost)
                if lost is None:
                    self.results[trial].set_result(None)
                else:
                    self.results[trial].set_exception(lost)
        finally:
            near.close()
            far.close()

    def _note(self, trial: Trial, lost: BaseException | None) -> None:
        """A line in NETLAB_FAULTS_LOG, at once: an hour's work is not to wait for its end to be seen."""
        if (name := os.environ.get("NETLAB_FAULTS_LOG")) is None:
            return
        result = {"fault": trial.name, "seconds": round(TOOK[trial], 1), "lost": lost and str(lost)}
        with self.mutex, open(name, "a", encoding="utf-8") as log:
            log.write(json.dumps(result) + "\n")

    def end(self) -> None:
        self.over = True
        for worker in self.workers:
            worker.join()


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    specs = [getattr(item, "callspec", None) for item in request.session.items]
    trials = [spec.params["trial"] for spec in specs if spec is not None and "trial" in spec.params]
    made = Campaign([trial for trial in trials if trial not in ON_EMULATED])
    yield made
    made.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    spec = getattr(item, "callspec", None)
    if spec is not None and "trial" in spec.params and report.when == "call":
        RESULTS[spec.params["trial"]] = "survived" if report.passed else "lost"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table fault x moment, and the one line that counts."""
    if RESULTS:
        terminalreporter.section("faults")
        for line in table.lines(RESULTS, TOOK):
            terminalreporter.write_line(line)
