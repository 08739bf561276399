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
    required: true
  surplus:
    description: A pattern of names. Links that this testbed made, whose name it matches, and that are not listed, go.
    type: str
    default: ""
extends_documentation_fragment: [netlab.testbed.change, netlab.testbed.links]
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


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "surplus": {"type": "str", "default": ""},
            "links": {"type": "list", "elements": "dict", "required": True, "options": link_plan.OPTIONS},
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
