# SPDX-License-Identifier: Apache-2.0
"""The runs of a results folder, and one of them by its name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlab.errors import InvalidInput, NetlabError, Problem
from netlab.results.manifest import read
from netlab.results.store import MANIFEST, RunStore

LATEST = "latest"


@dataclass(frozen=True)
class RunSummary:
    """A run in a list; `done` counts trials that have succeeded or failed."""

    name: str
    path: Path
    plan: str
    state: str
    started: str
    finished: str | None
    topologies: list[str]
    done: int
    planned: int

    def as_dict(self) -> dict[str, Any]:
        """For `netlab runs --json`."""
        return {**vars(self), "path": str(self.path)}


def list_runs(results_dir: Path) -> list[RunSummary]:
    """Every run of the folder, oldest first; one that cannot be read has the state `damaged`."""
    return sorted((_summary(path) for path in _folders(results_dir)), key=lambda run: (run.started, run.name))


def find(results_dir: Path, name: str) -> Path:
    """The folder of a run: its name in `results_dir`, `latest`, or its own path."""
    if name == LATEST:
        return _latest(results_dir)
    if "/" not in name:
        path = results_dir / name
        if name not in ("", ".", "..") and (path / MANIFEST).is_file():
            return path
        names = [folder.name for folder in _folders(results_dir)]
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise _no_run(f"no run is called {name!r} in {results_dir}{guess}")
    if not (Path(name) / MANIFEST).is_file():
        raise _no_run(f"{name} is not the folder of a run: it has no {MANIFEST}")
    return Path(name)


def _folders(results_dir: Path) -> list[Path]:
    if not results_dir.is_dir():
        return []
    return [path for path in sorted(results_dir.iterdir()) if (path / MANIFEST).is_file()]


def _latest(results_dir: Path) -> Path:
    readable = [run for run in list_runs(results_dir) if run.state != "damaged"]
    if not readable:
        raise InvalidInput(f"there is no run in {results_dir} yet", hint="netlab demo")
    return readable[-1].path


def _no_run(message: str) -> InvalidInput:
    problem = Problem(message, key="run", expected=f"a run's name, {LATEST}, or the path of a run's folder")
    return InvalidInput([problem], hint="netlab runs")


def _summary(path: Path) -> RunSummary:
    try:
        store = RunStore(path, read(path / MANIFEST))
        left = len(store.missing())
        state: str = store.state
    except (NetlabError, OSError):
        return RunSummary(path.name, path, "", "damaged", "", None, [], 0, 0)
    contents = store.manifest
    topologies = contents.plan.get("topologies")
    return RunSummary(
        name=path.name,
        path=path,
        plan=str(contents.plan.get("name", "")),
        state=state,
        started=contents.started,
        finished=contents.finished,
        topologies=[str(item) for item in topologies] if isinstance(topologies, list) else [],
        done=len(contents.order) - left,
        planned=len(contents.order),
    )
