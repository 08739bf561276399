# SPDX-License-Identifier: Apache-2.0
"""The full log of a play that failed: Ansible's own output, kept where the error message says."""

from __future__ import annotations

import contextlib
import datetime
import os
from pathlib import Path

from netlab import settings
from netlab.play.outcome import Outcome

KEPT = 20  # newest logs; older ones are removed


def keep(outcome: Outcome) -> Path | None:
    """Writes the log of `outcome`, readable by its owner alone; None if the folder cannot be written.

    A log that cannot be kept must not hide why the play failed, so an OSError ends here.
    """
    folder = settings.log_folder()
    now = datetime.datetime.now(datetime.UTC)
    file = folder / f"{now:%Y%m%dT%H%M%S.%fZ}-{outcome.play.rpartition('.')[2]}.log"
    heading = (
        f"{outcome.play} over {outcome.inventory}: {outcome.status} after {outcome.seconds:.1f} s, "
        f"ended {now:%Y-%m-%dT%H:%M:%SZ}\n\n"
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as stream:
            stream.write(heading + outcome.log_text)
        _prune(folder)
    except OSError:
        return None
    return file


def _prune(folder: Path) -> None:
    for old in sorted(folder.glob("*Z-*.log"))[:-KEPT]:
        with contextlib.suppress(FileNotFoundError):  # another netlab was quicker
            old.unlink()
