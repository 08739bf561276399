#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The database of an Open vSwitch of the testbed's own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_database
short_description: The database of an Open vSwitch of the testbed's own
description:
  - Makes an empty Open vSwitch database and a folder for sockets, both apart from those of the distribution's
    service, and tells which programs are to run on them (see M(netlab.testbed.daemon)).
  - There is no state absent. What was done is undone by replaying the ledger (M(netlab.testbed.ledger)).
extends_documentation_fragment: [netlab.testbed.change]
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: Ground for an Open vSwitch of our own
  netlab.testbed.ovs_database:
  register: ovs

- name: It runs
  netlab.testbed.daemon:
    daemons: "{{ ovs.daemons }}"
"""

RETURN = r"""
daemons:
  description: The programs that serve the database and read it, as M(netlab.testbed.daemon) takes them.
  type: list
  elements: dict
  returned: always
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import LEDGER_OPTION, change_board
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import ops as _operations  # noqa: F401  registers them
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Step


def steps() -> list[Step]:
    # after a reboot the database is there and the folder of sockets is not
    if ovs_client.DATABASE.exists() and ovs_client.RUN.is_dir():
        return []
    args = {"path": str(ovs_client.DATABASE)}
    return [Step("ovs.database_create", args, undo=Step("ovs.database_remove", args))]


def main() -> None:
    module = AnsibleModule(argument_spec=dict(LEDGER_OPTION), supports_check_mode=True)
    change_board(module, steps, after=lambda: {"daemons": ovs_client.daemons()})


if __name__ == "__main__":
    main()
