# SPDX-License-Identifier: Apache-2.0
"""The name that somebody probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

_CANDIDATES = 500
_LETTERS = 64


def closest(word: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is nearest to ``word``, if any is near; the time it takes is bounded."""
    found = difflib.get_close_matches(str(word)[:_LETTERS], list(islice(known, _CANDIDATES)), 1, cutoff)
    return found[0] if found else None
