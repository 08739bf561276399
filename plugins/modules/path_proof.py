#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proof that a datapath carries TCP, and that frames really went through it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: path_proof
short_description: Prove a datapath with TCP and its own counters
description:
  - On a dut, sends a known number of bytes over TCP each way between every guest and the peer, and fails unless
    every counter named moved by at least as much in both directions.
  - On a peer, opens connections towards the guests and sends them the same number of bytes.
  - Needs C(netserver) on both ends. Changes nothing.
options:
  guests:
    description: Names of the guests to send from. With an empty list and O(from_board) the board itself sends.
    type: list
    elements: str
    default: []
  from_board:
    description: Whether the board itself sends.
    type: bool
    default: false
  targets:
    description: Addresses of the other ends.
    type: list
    elements: str
    required: true
  counters:
    description:
      - Places on the path that must count the bytes. C(source) is link, ovs or xdp, with C(name) a port or interface;
        port, the NIC of that C(name) by its own count of what passed its cable, left out where its driver tells none;
        or guest, the guest's only NIC, whose address is C(name).
        C(guest) names the guest whose traffic passes there, and is left out where everybody's does.
    type: list
    elements: dict
    default: []
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Sends nothing.}
"""

EXAMPLES = r"""
- name: Guest1 reaches the peer through its tap and the NIC
  netlab.testbed.path_proof:
    guests: [guest1]
    targets: [192.168.20.1]
    counters:
      - {source: link, name: nltap1, guest: guest1}
      - {source: link, name: eth1}
"""

RETURN = r"""
proofs:
  description: For each guest what was sent where, and what each counter moved by.
  type: list
  elements: dict
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops, path_proof
from ansible_collections.netlab.testbed.plugins.module_utils.guest_agent import GuestAgent
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError


def runner(libvirtd: Any, guest: str) -> path_proof.Run:
    """What runs a program in a guest."""
    domain = domain_ops.domain_named(libvirtd, guest)
    if domain is None:
        raise BoardError(f"guest {guest} is gone")
    agent = GuestAgent(domain)
    return lambda argv: agent.run(argv, timeout=path_proof.LIMIT)


def prove(params: dict[str, Any]) -> list[dict[str, Any]]:
    """What was sent by the board itself, then by each guest."""
    targets, counters = params["targets"], params["counters"]
    proofs = []
    if params["from_board"]:
        proofs = [path_proof.prove_guest(None, path_proof.on_board, target, counters) for target in targets]
    if params["guests"]:
        with domain_ops.connection() as libvirtd:
            for guest in params["guests"]:
                run = runner(libvirtd, guest)
                passed = [counter for counter in counters if counter.get("guest") in (guest, None)]
                proofs += [path_proof.prove_guest(guest, run, target, passed) for target in targets]
    return proofs


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "guests": {"type": "list", "elements": "str", "default": []},
            "from_board": {"type": "bool", "default": False},
            "targets": {"type": "list", "elements": "str", "required": True},
            "counters": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        proofs = [] if module.check_mode else prove(module.params)
    except BoardError as error:
        fail(module, error)
    module.exit_json(changed=False, proofs=proofs)


if __name__ == "__main__":
    main()
