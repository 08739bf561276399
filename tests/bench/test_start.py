# SPDX-License-Identifier: Apache-2.0
"""How long it takes until something happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.bench.stopwatch import alternate, median, seconds

HELP_LIMIT = 0.2  # seconds
LAUNCHER_LIMIT = 0.020  # seconds on top of the program it starts


def test_help(repository: Path, figure: Callable[..., None]) -> None:
    took = median([seconds([repository / ".venv/bin/netlab", "--help"], repository) for _ in range(9)])
    figure("netlab --help, seconds", took, f"at most {HELP_LIMIT}")
    assert took <= HELP_LIMIT


def test_launcher(repository: Path, figure: Callable[..., None]) -> None:
    through, direct = alternate(
        lambda: seconds([repository / "lab", "--version"], repository),
        lambda: seconds([repository / ".venv/bin/netlab", "--version"], repository),
        pairs=15,
    )
    extra = median(through) - median(direct)
    figure("./lab over netlab, seconds", extra, f"at most {LAUNCHER_LIMIT}")
    assert extra <= LAUNCHER_LIMIT
