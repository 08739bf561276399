# SPDX-License-Identifier: Apache-2.0
"""One thing for each guest: ``[{name: guest1}, ...] | numbered({name: 'nltap{number}'})``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = """
name: numbered
author: netlab-testbed maintainers (@netlab-testbed)
version_added: 0.1.0
short_description: One mapping for each guest, from a pattern
description:
  - Repeats a mapping for every guest. In its strings C({number}) stands for the guest's place, from 1, and C({name}),
    C({mac}) and C({address}) for what the guest has under that key.
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
        {key: _filled(value, {**guest, "number": number}) for key, value in pattern.items()}
        for number, guest in enumerate(guests, start=1)
    ]


def _filled(value: Any, words: Mapping[str, Any]) -> Any:
    # not str.format, whose fields may call for attributes of what they name
    return (
        re.sub(r"\{(\w+)\}", lambda field: str(words[field[1]]), value) if isinstance(value, str) else value
    )


class FilterModule:
    """What Ansible looks for in a filter plugin."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"numbered": numbered}
