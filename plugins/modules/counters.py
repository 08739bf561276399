#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A board's counters of what its network lost, sent again, or dropped."""

from __future__ import annotations

DOCUMENTATION = r"""
module: counters
short_description: Read a board's network counters
description:
  - Reads what TCP sent again, and what sockets, softirqs and interfaces dropped, as every trial has it of its own
    end in C(counters.board). For peers, so that a trial has both ends.
  - Changes nothing, and reads in check mode too.
options:
  interfaces:
    description: The interfaces whose packets are counted; by default all but lo.
    type: list
    elements: str
    default: []
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Reads all the same.}
"""

EXAMPLES = r"""
- name: What the peer has counted
  netlab.testbed.counters:
    interfaces: [eth1]
"""

RETURN = r"""
counters:
  description:
    - TCP's, UDP's and IP's of this network namespace, C(softnet_*) of the whole machine, and C(interfaces) by name.
      A counter that this kernel lacks is left out.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.counters import FILES, read_counters
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.on_board import OnBoard


def main() -> None:
    module = AnsibleModule(
        argument_spec={"interfaces": {"type": "list", "elements": "str", "default": []}},
        supports_check_mode=True,
    )
    read = read_counters(OnBoard().read(FILES), module.params["interfaces"])
    module.exit_json(changed=False, counters=read)


if __name__ == "__main__":
    main()
