# SPDX-License-Identifier: Apache-2.0
"""Checks that every instrument's parameters need. Pure; each raises ParameterError."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import ParameterError


def whole_number(name: str, value: Any, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ParameterError(f"{name}: {value!r} is not a whole number from {lowest} to {highest}")
    return value


def number(name: str, value: Any, lowest: float, highest: float, unit: str) -> float:
    """Not a truth value, which Python would take for a number, and not NaN, which no comparison holds of."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not lowest <= value <= highest:
        raise ParameterError(f"{name}: {value!r} is not a number ({unit}) from {lowest:g} to {highest:g}")
    return float(value)


def mapping(name: str, value: Any, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ParameterError(f"{name}: {value!r} is not a mapping of {', '.join(known)}")
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise ParameterError(f"{name} has no {', '.join(unknown)}; it has {', '.join(known)}")
    return value


def told(name: str, value: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """What is said. Keys whose value is None count as left out, so that a role can pass them all."""
    return {key: item for key, item in mapping(name, value, known).items() if item is not None}


def choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ParameterError(f"{name}: {value!r} is unknown; there is {', '.join(known)}")
    return value


def truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ParameterError(f"{name}: {value!r} is neither true nor false")
    return value


def ip_address(name: str, value: Any) -> str:
    """A bare IP address. Names, which programs take too, would hide what was measured."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise ParameterError(f"{name}: {value!r} is not an IP address") from error


def port(name: str, value: Any) -> int:
    return whole_number(name, value, 1, 65_535)
