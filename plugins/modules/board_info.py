#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a board is and can do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: board_info
short_description: What a board is and can do
description:
  - Reads a board's kernel, programs, capabilities, links and what is deployed on it. Changes nothing.
options:
  nic:
    description: The measured NIC.
    type: str
  nics:
    description: Whether to tell of every interface too, and what it carries.
    type: bool
    default: false
  findings:
    description: Whether to say in words too what decides what the board can carry or measure.
    type: bool
    default: false
  guests:
    description: Whether to ask the board's libvirtd for its guests too.
    type: bool
    default: false
  drift:
    description: Whether to compare the board with what it was when its deploy was whole.
    type: bool
    default: false
  lock:
    description: The name of the board's lock, empty for a machine's own, to tell who has it too.
    type: str
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Changes nothing.}
"""

EXAMPLES = r"""
- name: What this board can do
  netlab.testbed.board_info:
    nic: eth1
  register: board_info_result
"""

RETURN = r"""
board:
  description: Kernel, programs, features, measured NIC, and what carries the default route and this connection.
  type: dict
  returned: always
nics:
  description: Each interface that may be an end of a cable, with what it carries, with O(nics).
  type: list
  elements: dict
  returned: when asked for
findings:
  description: Lines with C(about) and C(says), with O(findings).
  type: list
  elements: dict
  returned: when asked for
networks:
  description: IPv4 networks that the board has a route to, with O(nics).
  type: list
  elements: str
  returned: when asked for
deployment:
  description: What the ledger says is deployed, empty where nothing is.
  type: dict
  returned: always
guests:
  description: The deployment's guests, each with C(name), C(address), C(state) and C(vhost), with O(guests).
  type: list
  elements: dict
  returned: when asked for
drift:
  description: What is not as the deploy left it, in words, with O(drift).
  type: list
  elements: str
  returned: when asked for
lock:
  description: Who holds the board's lock, null where nobody does, with O(lock).
  type: dict
  returned: when asked for
libvirt:
  description: Whether a libvirtd answers, with O(guests).
  type: bool
  returned: when asked for
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import (
    board_facts,
    board_findings,
    board_nics,
    domain_ops,
    links_told,
    lock,
)
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail
from ansible_collections.netlab.testbed.plugins.module_utils.observe import drift, observe
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

Domains = dict[str, dict[str, Any]]


def domains() -> Domains | None:
    """None where no libvirtd answers."""
    try:
        return domain_ops.read()
    except BoardError:
        return None


def guest_states(recorded: list[dict[str, Any]], found: Domains | None) -> list[dict[str, Any]]:
    """Each guest of the ledger as it is now, then guests of ours that the ledger does not know. Pure."""
    guests = [
        {
            "name": guest["name"],
            "address": guest["address"],
            "state": "unknown" if found is None else _state(found.get(guest["name"])),
            # None: nobody can say
            "vhost": ((found or {}).get(guest["name"]) or {}).get("vhost"),
        }
        for guest in recorded
    ]
    if found is None:
        return guests
    known = {guest["name"] for guest in recorded}
    stray = [name for name, domain in found.items() if domain["ours"] and name not in known]
    return guests + [{"name": name, "address": "", "state": "not in the ledger"} for name in stray]


def _state(domain: dict[str, Any] | None) -> str:
    if domain is None or not domain["ours"] or not domain["running"]:
        return "gone"
    return "running" if domain["interfaces"] is not None else "its agent does not answer"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "nic": {"type": "str"},
            "nics": {"type": "bool", "default": False},
            "findings": {"type": "bool", "default": False},
            "guests": {"type": "bool", "default": False},
            "drift": {"type": "bool", "default": False},
            "lock": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        links = links_told.read()
        result: dict[str, Any] = {
            "board": board_facts.gather(module.params["nic"], links),
            "deployment": Ledger("topology").deployment(),
        }
        if module.params["findings"]:
            result["findings"] = board_findings.findings(result["board"])
        if module.params["nics"]:
            result["nics"] = board_nics.read(links, result["board"])
            result["networks"] = links_told.networks()
        if module.params["lock"] is not None:
            result["lock"] = lock.read(module.params["lock"])
        recorded = result["deployment"].get("observed")
        if module.params["drift"]:
            seen = observe(whatever_is_there=True) if recorded is not None else {}
            result["drift"] = drift(recorded, seen) if recorded is not None else []
        if module.params["guests"]:
            found = domains()
            result["libvirt"] = found is not None
            result["guests"] = guest_states(result["deployment"].get("guests", []), found)
    except BoardError as error:
        fail(module, error)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
