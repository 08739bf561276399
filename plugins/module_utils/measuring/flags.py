# SPDX-License-Identifier: Apache-2.0
"""Rules that speak of a trial's figures, each by its name. Pure."""

from __future__ import annotations

from typing import Literal, TypedDict

SHOWN = 120  # characters of a line that are quoted


class Flag(TypedDict):
    """A rule by its name, and in words what it means for these figures.

    ``severity`` is ``note``, something to know of true figures, or ``broken``, for figures that cannot all be
    true. A note's text is the same for every trial that it speaks of, so that a table can say it once.
    """

    rule: str
    text: str
    severity: Literal["note", "broken"]


def flag(rule: str, text: str) -> Flag:
    return {"rule": rule, "text": text, "severity": "note"}


def broken(rule: str, text: str) -> Flag:
    return {"rule": rule, "text": text, "severity": "broken"}


def each_rule_once(flags: list[Flag]) -> list[Flag]:
    """The first of those that name the same rule."""
    return list({item["rule"]: item for item in reversed(flags)}.values())[::-1]


def quote(text: str, length: int = SHOWN) -> str:
    """Text from outside for a message: one line, printable ASCII, not long."""
    plain = ascii(text)[1:-1]
    return f'"{plain}"' if len(plain) <= length else f'"{plain[:length]}…"'
