#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Network links of a board."""

from __future__ import annotations

DOCUMENTATION = r"""
module: link
short_description: Links of a board, as a list
description:
  - Makes bridges, taps and macvtaps, and sets what interfaces are to be like, through rtnetlink.
  - A link that this testbed did not make is configured where it is named without a kind, and never removed.
  - What was done is undone by replaying the ledger (M(netlab.testbed.ledger)).
options:
  links:
    description: The links, in the order in which they are to be made.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Interface name.
        type: str
        required: true
      kind:
        description: Make a link of this kind. Without it the interface must be there.
        type: str
        choices: [bridge, tap, macvtap]
      parent:
        description: The interface that a macvtap sits on.
        type: str
      mac:
        description: Ethernet address.
        type: str
      mtu:
        description: Largest packet, in bytes.
        type: int
      master:
        description: The bridge that the link is a port of. An empty string takes it out of its bridge.
        type: str
      up:
        description: Administrative state.
        type: bool
      promiscuous:
        description: Whether the interface takes frames for other stations.
        type: bool
      addresses:
        description: All IPv4 addresses that the link is to have, with prefix length. Others are removed.
        type: list
        elements: str
      features:
        description: Offloads by the names of C(ethtool -k), and whether they are on.
        type: dict
  surplus:
    description: A pattern of names. Links that this testbed made, whose name it matches, and that are not listed, go.
    type: str
    default: ""
extends_documentation_fragment: [netlab.testbed.change]
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: A bridge that holds the board's address, with a tap in it
  netlab.testbed.link:
    links:
      - {name: eth1, addresses: []}
      - {name: nlbr0, kind: bridge, up: true, addresses: [192.168.20.2/24]}
      - {name: eth1, master: nlbr0, up: true}
      - {name: nltap1, kind: tap, master: nlbr0, up: true}
"""

RETURN = r"""
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import link_ops, link_plan
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import LEDGER_OPTION, change_board

LINK_OPTIONS = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["bridge", "tap", "macvtap"]},
    "parent": {"type": "str"},
    "mac": {"type": "str"},
    "mtu": {"type": "int"},
    "master": {"type": "str"},
    "up": {"type": "bool"},
    "promiscuous": {"type": "bool"},
    "addresses": {"type": "list", "elements": "str"},
    "features": {"type": "dict"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "surplus": {"type": "str", "default": ""},
            "links": {"type": "list", "elements": "dict", "required": True, "options": LINK_OPTIONS},
            **LEDGER_OPTION,
        },
        supports_check_mode=True,
    )
    wanted = module.params["links"]
    with_features = [link["name"] for link in wanted if link["features"]]
    change_board(
        module, lambda: link_plan.plan(link_ops.read(with_features), wanted, module.params["surplus"])
    )


if __name__ == "__main__":
    main()
