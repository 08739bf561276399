#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch bridges of a board."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_bridge
short_description: Open vSwitch bridges of a board, as a list
description:
  - Leaves exactly the bridges listed, with exactly the ports listed, in the testbed's own Open vSwitch.
    It must run (M(netlab.testbed.ovs_database), M(netlab.testbed.daemon)).
  - Bridges and ports bear the mark C(external_ids:netlab-testbed=true). One without it is refused, and never
    removed.
  - Where the userspace datapath is used, the kernel's own IPv4 on the ports is closed with a strict reverse
    path filter. Without it the kernel takes a second copy of every frame.
  - There is no state absent. What was done is undone by replaying the ledger (M(netlab.testbed.ledger)).
options:
  bridges:
    description: The bridges. An empty list leaves none of ours.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the bridge, and of the interface that the board has in it.
        type: str
        required: true
      datapath_type:
        description: V(netdev) forwards in ovs-vswitchd, V(system) in the kernel module openvswitch.
        type: str
        choices: [netdev, system]
        required: true
      fail_mode:
        description: What the bridge does without a controller. V(standalone) learns addresses as switches do.
        type: str
        choices: [standalone, secure]
        default: standalone
      ports:
        description: Interfaces that are its ports. They must be there.
        type: list
        elements: str
        default: []
      uplink:
        description: The port whose frames are counted apart, one of O(bridges[].ports).
        type: str
      mac:
        description: Ethernet address of the bridge's own interface.
        type: str
      addresses:
        description: All IPv4 addresses of the bridge's own interface, with prefix length. Others are removed.
        type: list
        elements: str
      up:
        description: Administrative state of the bridge's own interface.
        type: bool
extends_documentation_fragment: [netlab.testbed.change]
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: The measured NIC and two taps on one bridge, which holds the board's address
  netlab.testbed.ovs_bridge:
    bridges:
      - name: nlovs0
        datapath_type: netdev
        ports: [eth1, nltap1, nltap2]
        uplink: eth1
        addresses: [192.168.20.2/24]
        up: true
"""

RETURN = r"""
bridges:
  description: The bridges as ovs-vswitchd runs them, each with C(name), C(datapath_type) and C(ports).
  type: list
  elements: dict
  returned: always
datapath_type:
  description: The type in force. C(mixed) where bridges differ, null where there is none.
  type: str
  returned: always
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import LEDGER_OPTION, change_board
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import ops as _operations  # noqa: F401  registers them
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import state as ovs_state
from ansible_collections.netlab.testbed.plugins.module_utils.ovs.plan import plan
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step

BRIDGE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "datapath_type": {"type": "str", "choices": ["netdev", "system"], "required": True},
    "fail_mode": {"type": "str", "choices": ["standalone", "secure"], "default": "standalone"},
    "ports": {"type": "list", "elements": "str", "default": []},
    "uplink": {"type": "str"},
    "mac": {"type": "str"},
    "addresses": {"type": "list", "elements": "str"},
    "up": {"type": "bool"},
}


def steps_for(bridges: list[dict[str, Any]], check_mode: bool = False) -> list[Step]:
    """Plan from what there is. In check mode ovs-vswitchd may not run yet: then there is nothing."""
    for bridge in bridges:
        if bridge["uplink"] and bridge["uplink"] not in bridge["ports"]:
            raise BoardError(f"bridge {bridge['name']}: uplink {bridge['uplink']} is not one of its ports")
    if not check_mode and not ovs_client.switch_answers():
        raise BoardError("the testbed's Open vSwitch does not run on this board")
    ports = [port for bridge in bridges for port in bridge["ports"]]
    return plan(ovs_state.read(), ovs_state.read_links(ports), bridges)


def result(wanted: list[dict[str, Any]], check_mode: bool = False) -> dict[str, Any]:
    """What ovs-vswitchd says that it runs; BoardError where that is not what the database tells it to."""
    running = ovs_state.in_force() if ovs_client.switch_answers() else {}
    for bridge in [] if check_mode else wanted:
        runs_as = running.get(bridge["name"], {}).get("datapath_type")
        if runs_as != bridge["datapath_type"]:
            raise BoardError(
                f"bridge {bridge['name']}: ovs-vswitchd runs it with datapath {runs_as} and not"
                f" {bridge['datapath_type']}; see its log, /run/netlab-testbed/log/ovs-vswitchd.log"
            )
    bridges = [
        {**bridge, "name": name, "ports": [port["name"] for port in bridge["ports"].values()]}
        for name, bridge in running.items()
    ]
    types = {bridge["datapath_type"] for bridge in bridges}
    datapath_type = None if not types else types.pop() if len(types) == 1 else "mixed"
    return {"bridges": bridges, "datapath_type": datapath_type}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bridges": {"type": "list", "elements": "dict", "required": True, "options": BRIDGE_OPTIONS},
            **LEDGER_OPTION,
        },
        supports_check_mode=True,
    )
    bridges, check_mode = module.params["bridges"], module.check_mode
    change_board(module, lambda: steps_for(bridges, check_mode), after=lambda: result(bridges, check_mode))


if __name__ == "__main__":
    main()
