# SPDX-License-Identifier: Apache-2.0
"""The keys of a board's environment: what each is called, and how much it can sway a latency."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources

import yaml

Place = tuple[str, ...]


@dataclass(frozen=True)
class Key:
    """A pattern of places. ``rank`` 1 sways most; keys of one cause have the same."""

    pattern: str
    words: str
    cause: str
    rank: int


@dataclass(frozen=True)
class Cause:
    """Keys that act in the same way."""

    name: str
    why: str
    keys: tuple[Key, ...]


@functools.cache
def causes() -> tuple[Cause, ...]:
    """All of them, the most influential first."""
    text = resources.files("netlab.analysis").joinpath("environment_keys.yml").read_text(encoding="utf-8")
    return tuple(
        Cause(
            entry["cause"],
            entry["why"],
            tuple(Key(pattern, words, entry["cause"], rank) for pattern, words in entry["keys"].items()),
        )
        for rank, entry in enumerate(yaml.safe_load(text), 1)
    )


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], Key], ...]:
    """The longest first: of two that fit, the one that says more wins."""
    keys = sorted(
        (key for cause in causes() for key in cause.keys), key=lambda key: (-len(key.pattern), key.pattern)
    )
    return tuple((re.compile(re.escape(key.pattern).replace(r"\*", "([^/]*)")), key) for key in keys)


@functools.cache
def known(place: Place) -> tuple[Key, str] | None:
    """The key that a place is of, and the place in words; None for one that a later netlab has added."""
    text = "/".join(place)
    for pattern, key in _patterns():
        if found := pattern.fullmatch(text):
            return key, key.words.format(*found.groups())
    return None


def words(place: Place) -> str:
    found = known(place)
    return found[1] if found else " ".join(place).replace("_", " ")


def rank(place: Place) -> int:
    found = known(place)
    return found[0].rank if found else len(causes()) + 1
