# SPDX-License-Identifier: Apache-2.0
"""The runs of a results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlab.errors import NetlabError
from netlab.results.names import folders
from netlab.results.store import RunStore


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
    return sorted((_summary(path) for path in folders(results_dir)), key=lambda run: (run.started, run.name))


def _summary(path: Path) -> RunSummary:
    try:
        store = RunStore.at(path)
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
