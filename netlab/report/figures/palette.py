# SPDX-License-Identifier: Apache-2.0
"""Colours as names that the page's style gives a value to, one for light and one for dark.

matplotlib wants to know a colour when it draws; the page decides it when it is shown. So each name has a stand-in
colour, which svg.py replaces by `var(--name)`. That the values can be told apart by readers with protanopia,
deuteranopia and tritanopia, and from the paper, is tested (tests/unit/netlab/report/test_palette.py). No figure
says anything by colour alone: dashes and markers differ too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HUES = ("c1", "c2", "c3", "c4", "c5", "c6")
NAMES = ("ink", "soft", "line", "hair", "panel", "range", "p50", "p90", "p99", "higher", "lower", "c0", *HUES)
STAND_INS = {name: f"#00f0{number:02x}" for number, name in enumerate(NAMES, 1)}

_SOLID: tuple[float, ...] = ()
_AGAIN = (1.5, 1.5)
_DASHES = (_SOLID, (7.0, 2.5), (2.5, 2.0), (9.0, 2.5, 2.0, 2.5), (14.0, 3.0), (9.0, 2.0, 2.0, 2.0, 2.0, 2.0))
_MARKERS = "os^Dv*P"


@dataclass(frozen=True)
class Style:
    """How one thing is drawn. `colour` is a name of NAMES; `dash` in pixels on and off, empty: solid."""

    colour: str
    dash: tuple[float, ...] = ()
    marker: str = "o"

    @property
    def stand_in(self) -> str:
        """The colour that matplotlib draws with."""
        return STAND_INS[self.colour]

    @property
    def pattern(self) -> tuple[int, tuple[float, ...] | None]:
        """The dash as matplotlib's linestyle."""
        return (0, self.dash or None)


def colour(name: str) -> str:
    """The stand-in of a name."""
    return STAND_INS[name]


def styles(labels: Iterable[str], baseline: str | None = None, again: str | None = None) -> dict[str, Style]:
    """A style for each label, in order; the baseline's is the colour of the text, its second measurement grey."""
    made: dict[str, Style] = {}
    number = 0
    for label in dict.fromkeys(labels):
        if label == baseline:
            made[label] = Style("c0")
            continue
        if label == again:
            made[label] = Style("soft", _AGAIN, "X")
            continue
        turn, hue = divmod(number, len(HUES))
        made[label] = Style(HUES[hue], _DASHES[(turn + hue) % len(_DASHES)], _MARKERS[1 + hue])
        number += 1
    return made
