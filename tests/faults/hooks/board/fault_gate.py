# SPDX-License-Identifier: Apache-2.0
"""Where a process that takes part in a deploy stops, so that a fault can be tried at that very moment.

Nothing of this is in the product: it is laid around it by a callback plugin (Ansible) and by sitecustomize (modules),
both only where ANSIBLE_FAULTS names a folder. In it:

    playbook    the one that runs now             wanted    the moment to stop at, as text
    ansible     pid of ansible-playbook           reached   {pid, moment}, once somebody has stopped there
    passed      every moment that was come by     go        made by the test: go on
    clock       seconds to add to what clocks tell
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONGEST = 120.0  # seconds that anybody is held

_time, _gmtime, _strftime = time.time, time.gmtime, time.strftime


def folder() -> Path | None:
    name = os.environ.get("ANSIBLE_FAULTS")
    return Path(name) if name else None


def text(name: str) -> str:
    place = folder()
    try:
        return (place / name).read_text(encoding="utf-8") if place else ""
    except OSError:
        return ""


def write(name: str, content: str) -> None:
    place = folder()
    if place is None:
        return
    scratch = place / f"{name}.{os.getpid()}.new"
    scratch.write_text(content, encoding="utf-8")
    scratch.replace(place / name)


def come_by(moment: str) -> None:
    """Note the moment; if it is the one that is wanted, stop until told to go on."""
    place = folder()
    if place is None:
        return
    with (place / "passed").open("a", encoding="utf-8") as passed:
        passed.write(f"{moment}\n")
    if text("wanted") != moment or (place / "reached").exists():
        return
    write("reached", json.dumps({"pid": os.getpid(), "moment": moment}))
    end = time.monotonic() + LONGEST
    # a folder that was emptied meanwhile has no use for us any more
    while (place / "reached").exists() and not (place / "go").exists() and time.monotonic() < end:
        time.sleep(0.01)


def times_passed(beginning: str) -> int:
    return sum(line.startswith(beginning) for line in text("passed").splitlines())


def _step() -> float:
    try:
        return float(text("clock") or 0)
    except ValueError:
        return 0.0


def wrong_clocks() -> None:
    """From now on the clocks of this process tell what the file `clock` adds to the time."""

    def now() -> float:
        return _time() + _step()

    def gmtime(seconds: float | None = None) -> time.struct_time:
        return _gmtime(now() if seconds is None else seconds)

    def strftime(form: str, *moment: Any) -> str:
        return _strftime(form, *(moment or (time.localtime(now()),)))

    replaced: dict[str, Callable[..., Any]] = {"time": now, "gmtime": gmtime, "strftime": strftime}
    for name, function in replaced.items():
        setattr(time, name, function)
