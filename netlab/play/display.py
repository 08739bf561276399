# SPDX-License-Identifier: Apache-2.0
"""Which way of showing progress suits where stderr goes."""

from __future__ import annotations

import os
import sys

from netlab.play.progress import Lines, Progress, Verbatim


def choose(*, verbose: bool) -> Progress:
    """The display that suits stderr."""
    if verbose:
        return Verbatim()
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from netlab.play.live import Live  # and rich with it, only where it is seen

        return Live()
    return Lines()
