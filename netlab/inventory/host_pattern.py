# SPDX-License-Identifier: Apache-2.0
"""Ansible's host patterns: ``board[1:4]`` is four hosts, ``board1:2222`` one host with a port."""

from __future__ import annotations

import re
import string

MAXIMUM_HOSTS = 1000  # of one pattern

_RANGE = re.compile(r"\[([^\[\]]*)\]")
_BRACKETED_PORT = re.compile(r"\[(.+)\]:([0-9]+)")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")


def expand_host_pattern(pattern: str) -> list[str]:
    """The names that a pattern stands for, without a port; raises ValueError with the reason."""
    with_port = _BRACKETED_PORT.fullmatch(pattern) or _PORT.fullmatch(pattern)
    names = [with_port[1] if with_port else pattern]
    if not names[0]:
        raise ValueError("a host needs a name")
    while "[" in names[0]:
        found = _RANGE.search(names[0])
        if found is None:
            raise ValueError(f"the bracket in {pattern!r} does not close")
        values = _range(found[1])
        if len(values) * len(names) > MAXIMUM_HOSTS:
            raise ValueError(f"{pattern!r} stands for more than {MAXIMUM_HOSTS} hosts")
        # Each name has the same ranges left, at the same brackets.
        names = [_RANGE.sub(value, name, count=1) for name in names for value in values]
    return names


def _range(text: str) -> list[str]:
    """``1:3``, ``01:10:2`` or ``a:f``, as Ansible counts: both ends included."""
    begin, _colon, rest = text.partition(":")
    end, _colon, step = rest.partition(":")
    begin, step = begin or "0", step or "1"
    if not end or not re.fullmatch(r"[1-9][0-9]{0,5}", step):
        raise ValueError(f"[{text}] is not a range of hosts: write [first:last], or [first:last:step]")
    letters = string.ascii_letters
    if len(begin) == len(end) == 1 and begin in letters and end in letters:
        values = list(letters[letters.index(begin) : letters.index(end) + 1 : int(step)])
    elif re.fullmatch(r"[0-9]{1,9}", begin) and re.fullmatch(r"[0-9]{1,9}", end):
        padded = begin.startswith("0") and len(begin) > 1
        if padded and len(begin) != len(end):
            raise ValueError(f"[{text}]: both ends of a range with leading zeros need as many digits")
        numbers = range(int(begin), int(end) + 1, int(step))
        if len(numbers) > MAXIMUM_HOSTS:
            raise ValueError(f"[{text}] stands for more than {MAXIMUM_HOSTS} hosts")
        values = [str(number).zfill(len(begin)) if padded else str(number) for number in numbers]
    else:
        raise ValueError(f"[{text}] is not a range of hosts: write [first:last], or [first:last:step]")
    if not values:
        raise ValueError(f"[{text}] ends before it begins")
    return values
