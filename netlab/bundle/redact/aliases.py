# SPDX-License-Identifier: Apache-2.0
"""One alias for each thing, the same wherever it stands; numbered in the order in which things are met.

While a text is worked on an alias is a token of private-use characters, so that no later rule takes it for a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from netlab.bundle.model import Redaction

_TOKEN = re.compile("\ue000([0-9]+)\ue001")

WITHHELD = "(withheld)"

# Kind: what an alias of it looks like. Those that stand in an inventory have to be valid there.
FORMS: Mapping[str, str] = {
    "secret": WITHHELD,
    "key": "(key withheld)",
    "dut": "dut{}",
    "peer": "peer{}",
    "host": "host{}",
    "guest": "guest{}",
    "controller": "controller",
    "domain": "domain{}.example",
    "user": "user{}",
    "group": "group{}",
    "address": "address{}",
    "path": "/redacted/path{}",
    "url": "url{}",
    "template": "(template withheld)",
}
NOTES: Mapping[str, str] = {
    "dut": "boards that host guests",
    "peer": "boards at the other end of the cable",
    "host": "other machines",
    "address": "addresses outside the measured networks",
    "network": "measured networks with public addresses, renumbered",
    "mac": "MAC addresses; those of guests are made from names",
    "machine-id": "boot ids and other UUIDs",
}


@dataclass
class Aliases:
    """`taken`: words that are something else's name, and so can be no alias."""

    taken: Collection[str] = ()
    _of: dict[tuple[str, str], str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _used: dict[str, dict[str, None]] = field(default_factory=dict)  # by kind, in the order of use
    _tokens: list[tuple[str, str]] = field(default_factory=list)
    _token_of: dict[tuple[str, str], int] = field(default_factory=dict)
    _notes: dict[str, str] = field(default_factory=dict)

    def alias(self, kind: str, original: str) -> str:
        """What stands for a thing. Nothing is counted."""
        found = self._of.get((kind, original))
        if found is None:
            found = self._of[kind, original] = self._next(kind)
        return found

    def give(self, kind: str, original: str, alias: str) -> None:
        """Decide an alias that no form makes."""
        self._of[kind, original] = alias

    def note(self, kind: str, text: str) -> None:
        """Something to say about a kind in the list."""
        self._notes[kind] = text

    def token(self, kind: str, original: str) -> str:
        """Counts a replacement; what to put there until `expand`."""
        alias = self.alias(kind, original)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._used.setdefault(kind, {})[alias] = None
        key = (kind, alias)
        if key not in self._token_of:
            self._token_of[key] = len(self._tokens)
            self._tokens.append(key)
        return f"\ue000{self._token_of[key]}\ue001"

    def expand(self, text: str) -> str:
        """The text with its aliases."""
        return _TOKEN.sub(lambda found: self._tokens[int(found[1])][1], text) if "\ue000" in text else text

    def redactions(self) -> list[Redaction]:
        """Kinds, counts and aliases: never what was replaced."""
        kinds = sorted({*self._counts, *self._notes})
        return [
            Redaction(
                kind=kind,
                count=self._counts.get(kind, 0),
                aliases=list(self._used.get(kind, ())),
                note=self._notes.get(kind) or NOTES.get(kind),
            )
            for kind in kinds
        ]

    def _next(self, kind: str) -> str:
        while True:
            number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
            made = _made(kind, number)
            if made not in self.taken or "{}" not in FORMS.get(kind, "{}"):
                return made


def _made(kind: str, number: int) -> str:
    if kind == "mac":  # locally administered, unicast
        return "02:00:" + ":".join(f"{byte:02x}" for byte in number.to_bytes(4, "big"))
    if kind == "machine-id":
        return f"00000000-0000-4000-8000-{number:012x}"
    return FORMS[kind].format(number)
