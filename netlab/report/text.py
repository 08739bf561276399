# SPDX-License-Identifier: Apache-2.0
"""Numbers and foreign text as they are printed."""

from __future__ import annotations

import re
import textwrap

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# what lets the text around it appear in another order is written out as well
_DRIVES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FIGURE = re.compile(r"(?<!\w)\d+([.,]\d+)*")
_ASCII = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "µ": "u",
        "μ": "u",
        "×": "x",
        "→": "->",
    }
)
NOTHING = "-"
LONGEST = 300  # of one reason in a terminal; trials.jsonl has the rest


def figure(value: float | None) -> str:
    """A time in microseconds or a rate; three digits say enough, a dash says that there is none."""
    if value is None:
        return NOTHING
    return f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"


def one_line(text: object) -> str:
    """Text from outside on one line, without control characters: nothing in it can drive a terminal."""
    return " ".join(_CONTROL.sub(" ", str(text)).split())


def printable(text: str) -> str:
    """The same lines, with everything that could drive a terminal, or that no encoding has, written out."""
    return _DRIVES.sub(_written_out, text).encode("utf-8", "backslashreplace").decode("utf-8")


def _written_out(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"  # as JSON takes it, too


def without_figures(text: str) -> str:
    """A wording without its figures: two notes that differ in nothing else say the same. `p99` is a name."""
    return _FIGURE.sub("#", text)


def ascii_safe(text: str) -> str:
    """Text that every terminal and every encoding of stdout can show; keeps line ends."""
    return "\n".join(line.encode("ascii", "backslashreplace").decode() for line in _lines(text))


def _lines(text: str) -> list[str]:
    return [_CONTROL.sub(" ", line).translate(_ASCII) for line in text.split("\n")]


def shortened(text: str) -> str:
    """At most LONGEST characters."""
    return text if len(text) <= LONGEST else text[: LONGEST - 4].rstrip() + " ..."


def wrapped(text: str, width: int, indent: str = "", first: str | None = None) -> str:
    """Text broken at spaces, never within a word: paths and commands stay whole and can be copied."""
    return textwrap.fill(
        text,
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
