#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everything of a board that has a say in a latency."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment
short_description: Everything of a board that has a say in a latency
description:
  - Reads a board's kernel, processors, memory, sysctls, versions, links and guests, for the record and to compare.
    Changes nothing.
  - What the board does not have is null, and RV(environment.absent) has the reason.
options:
  nic:
    description: The measured NIC. It is told with the links that are the testbed's.
    type: str
  ask_guests:
    description:
      - Whether each guest's agent is asked for the guest's own kernel and NIC.
      - It wakes the guest, so never while something is measured.
    type: bool
    default: true
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Changes nothing.}
"""

EXAMPLES = r"""
- name: What the board is like now
  netlab.testbed.environment:
    nic: eth1
  register: board_environment
"""

RETURN = r"""
environment:
  description: By section, keys sorted; docs/environment.md has every key.
  type: dict
  returned: always
  contains:
    format:
      description: Raised when a key changes its meaning or goes.
      type: int
    absent:
      description: By place (C(cpu/frequency/governor)), why there is no value.
      type: dict
    changing:
      description: What changes by itself (load, steal, uptime) and is never compared.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.environment.gather import gather


def main() -> None:
    module = AnsibleModule(
        argument_spec={"nic": {"type": "str"}, "ask_guests": {"type": "bool", "default": True}},
        supports_check_mode=True,
    )
    environment = gather(module.params["nic"], ask_guests=module.params["ask_guests"])
    module.exit_json(changed=False, environment=environment)


if __name__ == "__main__":
    main()
