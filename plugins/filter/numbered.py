# SPDX-License-Identifier: Apache-2.0
"""One thing for each guest: ``[{name: guest1}, ...] | numbered({name: 'nltap{number}'})``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = """
name: numbered
author: netlab-testbed maintainers (@netlab-testbed)
version_added: 0.1.0
short_description: One mapping for each guest, from a pattern
description:
  - Repeats a mapping for every guest. In its strings C({number}) stands for the guest's place, from 1, and C({guest})
    for its name.
options:
  _input:
    description: The guests, each with a C(name).
    type: list
    elements: dict
    required: true
  pattern:
    description: What there is to be for each guest.
    type: dict
    required: true
"""

EXAMPLES = """
- name: A tap for each guest
  netlab.testbed.link:
    links: "{{ board_guests | netlab.testbed.numbered({'name': 'nltap{number}', 'kind': 'tap'}) }}"
"""

RETURN = """
_value:
  description: As many mappings as there are guests.
  type: list
  elements: dict
"""


def numbered(guests: Sequence[Mapping[str, Any]], pattern: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``pattern`` once for each guest, its strings filled in."""
    return [
        {key: _filled(value, number, str(guest["name"])) for key, value in pattern.items()}
        for number, guest in enumerate(guests, start=1)
    ]


def _filled(value: Any, number: int, guest: str) -> Any:
    if not isinstance(value, str):
        return value
    return value.replace("{number}", str(number)).replace("{guest}", guest)


class FilterModule:
    """What Ansible looks for in a filter plugin."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"numbered": numbered}
