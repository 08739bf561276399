# SPDX-License-Identifier: Apache-2.0
"""Stopwatch: programs timed by the wall clock, two of them in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

median = statistics.median


def seconds(command: Sequence[str | Path], cwd: Path, limit: float = 300.0) -> float:
    """Wall-clock seconds that a program takes; it must succeed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NETLAB_")}
    began = time.perf_counter()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit,
        check=False,
    )
    took = time.perf_counter() - began
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}"
    return took


def alternate(
    first: Callable[[], float], second: Callable[[], float], pairs: int
) -> tuple[list[float], list[float]]:
    """Measure two things in turn, so that what else the machine does strikes both alike."""
    both = [(first(), second()) for _ in range(pairs)]
    return [a for a, _ in both], [b for _, b in both]
