# SPDX-License-Identifier: Apache-2.0
"""One hash of all that decides what a deployment looks like: the inventory's say, and ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: fingerprint
author: netlab-testbed maintainers (@netlab-testbed)
version_added: 0.1.0
short_description: A hash of what decides a deployment
description:
  - Over the topology, every board's variables that belong to this collection, and the collection's roles, plugins and
    playbooks as they are on the controller.
options:
  _terms:
    description: The topology.
    required: true
"""

EXAMPLES = """
- name: Two deploys with one fingerprint want the same
  ansible.builtin.debug:
    msg: "{{ lookup('netlab.testbed.fingerprint', testbed_topology) }}"
"""

RETURN = """
_raw:
  description: SHA-256, in hexadecimal digits.
  type: list
  elements: str
"""

PREFIXES = ("board_", "guest_", "datapath_", "local_board_")
# Of these prefixes, but found out by the play itself.
FOUND = (
    "board_info",
    "board_guests",
    "board_compared",
    "board_carried",
    "guest_image_",
    "guest_result_",
)
ROOT = Path(__file__).resolve().parents[2]


def decisive(variables: Mapping[str, Any]) -> dict[str, Any]:
    """A board's variables that an inventory may set and a role reads. Pure."""
    return {
        key: value
        for key, value in variables.items()
        if key.startswith(PREFIXES)
        and not key.startswith(FOUND)
        and "__" not in key
        and "_result_" not in key
        and not key.endswith("_notes")
        and not registered(value)
    }


def registered(value: Any) -> bool:
    """Whether it is a task's result."""
    return isinstance(value, Mapping) and {"changed", "failed"} <= set(value)


def code_hash(root: Path = ROOT) -> str:
    """Over the names and contents of what is run."""
    digest = hashlib.sha256()
    for folder in ("roles", "plugins", "playbooks"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix not in (".pyc", ".md"):
                digest.update(f"{path.relative_to(root)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


class LookupModule(LookupBase):
    """``lookup('netlab.testbed.fingerprint', topology)``."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **_kwargs: Any) -> list[str]:
        hostvars = (variables or {})["hostvars"]
        boards = sorted({*variables["groups"].get("duts", []), *variables["groups"].get("peers", [])})  # type: ignore[index]
        extra = {key: (variables or {})[key] for key in ("guest_count",) if key in (variables or {})}
        what = [terms, code_hash(), extra, {board: decisive(hostvars[board]) for board in boards}]
        return [hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()]
