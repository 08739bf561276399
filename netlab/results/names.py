# SPDX-License-Identifier: Apache-2.0
"""Which folder a run's name means."""

from __future__ import annotations

import contextlib
import difflib
import os
from pathlib import Path

from netlab.errors import InvalidInput, NetlabError, Problem
from netlab.results.manifest import MANIFEST, read

LATEST = "latest"


def find(results_dir: Path, name: str) -> Path:
    """The folder of a run: its name in `results_dir`, `latest`, or its own path."""
    if name == LATEST:
        return _latest(results_dir)
    if "/" not in name:
        path = results_dir / name
        if name not in ("", ".", "..") and os.path.isfile(path / MANIFEST):  # noqa: PTH113 no error for any name
            return path
        names = [folder.name for folder in folders(results_dir)]
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise _no_run(f"no run is called {name!r} in {results_dir}{guess}")
    if not os.path.isfile(Path(name) / MANIFEST):  # noqa: PTH113
        raise _no_run(f"{name} is not the folder of a run: it has no {MANIFEST}")
    return Path(name)


def folders(results_dir: Path) -> list[Path]:
    """The runs' folders, by name."""
    if not results_dir.is_dir():
        return []
    return [path for path in sorted(results_dir.iterdir()) if (path / MANIFEST).is_file()]


def _latest(results_dir: Path) -> Path:
    started = []
    for path in folders(results_dir):
        with contextlib.suppress(NetlabError):  # a damaged one is not the latest
            started.append((read(path / MANIFEST).started, path))
    if not started:
        raise InvalidInput(f"there is no run in {results_dir} yet", hint="netlab demo")
    return max(started)[1]


def _no_run(message: str) -> InvalidInput:
    problem = Problem(message, key="run", expected=f"a run's name, {LATEST}, or the path of a run's folder")
    return InvalidInput([problem], hint="netlab runs")
