# SPDX-License-Identifier: Apache-2.0
"""The faults are tried by two workers, one a core, each with boards of its own; every test waits for its own.

NETLAB_FAULTS=whole tries all of them, as `./lab test faults` does, and NETLAB_FAULTS=3/20 the third twentieth, for
whoever shares a machine; else it is a sample, the same each time.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress

import pytest

from tests.faults.catalogue import Trial, everything, sample
from tests.faults.lab import Lab
from tests.faults.trying import attempt

WORKERS = 2
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
    if "trial" in metafunc.fixturenames:
        trials = chosen()
        metafunc.parametrize("trial", trials, ids=[trial.name for trial in trials])


class Campaign:
    """The trials of this session, tried in their order by a few threads."""

    def __init__(self, trials: list[Trial]) -> None:
        self.results: dict[Trial, Future[None]] = {trial: Future() for trial in trials}
        self.left = list(trials)
        self.over = False
        self.mutex = threading.Lock()
        names = [f"f{os.getpid() % 10000}{letter}" for letter in "ab"[:WORKERS]]
        self.workers = [threading.Thread(target=self._work, args=(name,)) for name in names]
        for worker in self.workers:
            worker.start()

    def _next(self) -> Trial | None:
        with self.mutex:
            return None if self.over or not self.left else self.left.pop(0)

    def _work(self, name: str) -> None:
        lab = Lab(name)
        try:
            while (trial := self._next()) is not None:
                began = time.monotonic()
                try:
                    attempt(lab, trial)
                except BaseException as error:  # noqa: BLE001 - it is the test's
                    self.results[trial].set_exception(error)
                else:
                    self.results[trial].set_result(None)
                TOOK[trial] = time.monotonic() - began
        finally:
            lab.close()

    def end(self) -> None:
        self.over = True
        for worker in self.workers:
            worker.join()


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    specs = [getattr(item, "callspec", None) for item in request.session.items]
    trials = [spec.params["trial"] for spec in specs if spec is not None and "trial" in spec.params]
    made = Campaign(trials)
    yield made
    made.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    spec = getattr(item, "callspec", None)
    if spec is not None and "trial" in spec.params and report.when == "call":
        RESULTS[spec.params["trial"]] = "survived" if report.passed else "lost"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table fault x moment, and the one line that counts."""
    if not RESULTS:
        return
    terminalreporter.section("faults")
    columns = sorted({_moment(trial) for trial in RESULTS})
    rows = sorted({trial.fault for trial in RESULTS})
    counts = {result: Counter((t.fault, _moment(t)) for t, r in RESULTS.items() if r == result)
              for result in ("survived", "lost")}  # fmt: skip
    width = max(len(row) for row in rows)
    wide = [max(len(column), 5) for column in columns]
    write = terminalreporter.write_line
    write("  ".join([" " * width, *(f"{c:>{w}}" for c, w in zip(columns, wide, strict=True))]))
    for row in rows:
        cells = []
        for column, w in zip(columns, wide, strict=True):
            good, bad = (counts[result][row, column] for result in ("survived", "lost"))
            cells.append(f"{f'{good}/{good + bad}' if good + bad else '-':>{w}}")
        write("  ".join([f"{row:<{width}}", *cells]))
    for trial, result in RESULTS.items():
        if result == "lost":
            write(f"lost: {trial.name}")
    survived = sum(result == "survived" for result in RESULTS.values())
    write(f"faults: {len(RESULTS)} tried, {survived} survived, {len(RESULTS) - survived} lost")


def _moment(trial: Trial) -> str:
    """A column: the tasks of a command, or one side of its changes; one more where guests run."""
    at = "tasks" if trial.at.startswith("task") else trial.at.rpartition(" ")[2]
    with suppress(KeyError):
        at = {"tasks": "between tasks", "intended": "before a change", "done": "after it"}[at]
    return f"{trial.topology} {trial.command}{' with guest' if trial.guest else ''}: {at}"
