# SPDX-License-Identifier: Apache-2.0
"""JSON from somebody else: no key twice, no NaN, no depth or number of values that would use up the machine."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NoReturn

from netlab.bundle import limits

# Backslashes go in pairs, so a quote behind one of them does not end the text.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
# Characters that a terminal obeys, or that make a reader see another text than is there.
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn")
_LETTERS = re.compile(r"[\n\t\x20-\x7e]*")


class Unfit(ValueError):
    """What is wrong with the text, in words."""


def parse(content: bytes, *, values: int = limits.JSON_VALUES) -> Any:
    """The value. Raises Unfit."""
    _check_size(content, values)
    try:
        text = content.decode("utf-8")
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
    except UnicodeDecodeError as error:
        raise Unfit(f"not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise Unfit("nested too deep") from None
    except Unfit:
        raise
    except ValueError as error:
        raise Unfit(f"not JSON: {error}") from None


def count(content: bytes) -> int:
    """No fewer values than the text holds, found without parsing it."""
    return 1 + sum(content.count(mark) for mark in (b",", b"[", b"{", b":"))


def _check_size(content: bytes, values: int) -> None:
    if count(content) > values:
        raise Unfit(f"more than {values} values")
    depth = 0
    for mark in _BRACKETS.findall(_STRINGS.sub(b"", content)):
        depth += 1 if mark in b"[{" else -1
        if depth > limits.JSON_DEPTH:
            raise Unfit(f"nested deeper than {limits.JSON_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise Unfit(f"the key {key!r:.60} stands twice in one object")
        made[key] = value
    return made


def _constant(word: str) -> NoReturn:
    raise Unfit(f"{word} is not a number of JSON's")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unfit(f"{text:.30} is too large for a number")
    return number


def _int(text: str) -> int:
    if len(text) > 20:
        raise Unfit(f"{text:.20}... is too large for a number")
    return int(text)


def strings(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, keys among them, with its place such as ``boards[0].name``."""
    waiting: list[tuple[str, Any]] = [(place, value)]
    while waiting:
        where, item = waiting.pop()
        if isinstance(item, str):
            yield where, item
        elif isinstance(item, dict):
            for key, inner in item.items():
                yield where, key
                waiting.append((f"{where}.{key}".lstrip("."), inner))
        elif isinstance(item, list):
            waiting += [(f"{where}[{index}]", inner) for index, inner in enumerate(item)]


def unprintable(text: str) -> str | None:
    """The name of the first character that is not for reading, such as an escape; None if there is none."""
    if _LETTERS.fullmatch(text):
        return None
    for letter in text:
        if letter not in "\n\t" and unicodedata.category(letter) in _INVISIBLE:
            return f"U+{ord(letter):04X}"
    return None
