# SPDX-License-Identifier: Apache-2.0
"""irtt's JSON, unpacked and checked before a figure is taken from it. Pure.

The form is that of result.go (irtt 0.9.0 to 0.9.2, json_format 1); keys not known here are passed over. What
a hostile or a broken file can be is a MeasurementError: too long once unpacked, nested too deep, not JSON, cut
off, another form, numbers that are no whole nanoseconds.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import quote

MAXIMUM_TEXT = 64 * 1024 * 1024  # bytes; a probe takes about 1.1 thousand
LARGEST = 2**63 - 1
GZIP = b"\x1f\x8b"


def unpacked(content: bytes) -> bytes:
    """The text, of a file that Go's gzip wrote or of a plain one."""
    if not content.startswith(GZIP):
        text, whole = content[: MAXIMUM_TEXT + 1], True
    else:
        stream = zlib.decompressobj(wbits=31)
        try:
            text = stream.decompress(content, MAXIMUM_TEXT + 1)
        except zlib.error as error:
            raise MeasurementError(f"irtt's file cannot be unpacked: {error}") from error
        whole = stream.eof
    if len(text) > MAXIMUM_TEXT:
        raise MeasurementError(f"irtt's result is longer than {MAXIMUM_TEXT >> 20} MiB")
    if not whole:
        raise MeasurementError("irtt's file is cut off")
    return text


def _no_number(word: str) -> NoReturn:
    raise MeasurementError(f"irtt's result holds {word}, which is no number", "not_a_number")


def read_document(content: bytes) -> Mapping[str, Any]:
    """The result as a whole. MeasurementError where it is none."""
    if not content:
        raise MeasurementError("irtt wrote no result")
    text = unpacked(content)
    try:
        document = json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise MeasurementError("irtt's result is nested too deep to be one") from error
    except UnicodeDecodeError as error:
        raise MeasurementError("irtt's result is not text") from error
    except ValueError as error:
        raise MeasurementError(f"irtt's result is not whole JSON: {quote(str(error))}") from error
    if not isinstance(document, Mapping):
        raise MeasurementError("irtt's result is no JSON object")
    return document


def member(where: str, holder: Any, *path: str) -> Any:
    """A member of nested objects. MeasurementError, with its path, where it is not there."""
    for name in path:
        if not isinstance(holder, Mapping) or name not in holder:
            raise MeasurementError(
                f"irtt's {where} has no {'.'.join(path)}: it is cut off, or of another version"
            )
        holder = holder[name]
    return holder


def whole(where: str, holder: Any, *path: str) -> int:
    """A count or a time in ns that is not negative and fits 64 bits."""
    value = member(where, holder, *path)
    name = f"{where}'s {'.'.join(path)}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise MeasurementError(f"irtt's {name} is {quote(str(value))}, no whole number")
    if value < 0:
        raise MeasurementError(f"irtt's {name} is negative: {value}", "negative_figure")
    if value > LARGEST:
        raise MeasurementError(f"irtt's {name} is beyond 64 bits")
    return value
