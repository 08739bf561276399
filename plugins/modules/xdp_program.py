#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The XDP redirect bridge of a board."""

from __future__ import annotations

DOCUMENTATION = r"""
module: xdp_program
short_description: An Ethernet bridge in XDP over a list of ports
description:
  - Compiles the program's C source on the board (each source once), loads it, and attaches it to every port.
  - The ports are all that the bridge is to have; others of ours are detached. Somebody else's XDP program on
    an interface is never replaced, the module fails instead.
  - Programs, maps and attachments are pinned in C(/sys/fs/bpf/netlab-testbed/xdp). A BPF file system is
    mounted on C(/sys/fs/bpf) if the board has none.
  - The interfaces must be there. The uplink must be promiscuous, and offloads that leave a checksum to
    hardware which an XDP frame never meets must be off on it, on its peer and in the guests
    (see C(docs/datapaths/xdp.md)).
options:
  state:
    description: Whether there is to be such a bridge. V(absent) unloads every one of ours.
    type: str
    choices: [present, absent]
    default: present
  ports:
    description: The bridge's ports. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Interface name.
        type: str
        required: true
      role:
        description:
          - V(uplink) is the measured NIC. Frames for the board itself that arrive there go to the board's
            network stack. V(guest) is a guest's tap.
        type: str
        choices: [uplink, guest]
        required: true
  source:
    description: The program in C, as text. Required when O(state=present).
    type: str
  mode:
    description:
      - V(native) runs in the driver, V(generic) on the kernel's own buffers with any driver, slower.
      - There is no falling back from one to the other.
    type: str
    choices: [native, generic]
    default: native
  board_addresses:
    description:
      - IPv4 addresses of the board on its uplink, with or without prefix length. ARP requests for them go to
        the board's network stack. By default those that the uplink has now.
    type: list
    elements: str
  ageing_time:
    description: Seconds after which a silent station is forgotten.
    type: int
    default: 300
extends_documentation_fragment: [netlab.testbed.change]
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: The measured NIC and two guests' taps on one XDP bridge
  netlab.testbed.xdp_program:
    source: "{{ lookup('ansible.builtin.file', 'xdp_bridge.bpf.c') }}"
    ports:
      - {name: eth1, role: uplink}
      - {name: nltap1, role: guest}
      - {name: nltap2, role: guest}
"""

RETURN = r"""
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
object:
  description: Names the source and how it is compiled.
  type: str
  returned: when O(state=present)
mode:
  description: How the kernel says the program is attached. C(mixed) if the ports differ, null without ports.
  type: str
  returned: always
ports:
  description: The ports there are, each with C(name), C(role) and the C(mode) that the kernel reports.
  type: list
  elements: dict
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import LEDGER_OPTION, change_board
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import maps as xdp_maps
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import ops as xdp_ops
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import state as xdp_state
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.compile import object_hash
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.links import board_macs, read_links
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.plan import Settings, Wanted, plan


def wanted_of(params: dict[str, Any]) -> Wanted:
    """What is asked for, with the board's own addresses as its uplinks have them now."""
    links = read_links()
    given = params["board_addresses"]
    uplinks = [
        links[port["name"]] for port in params["ports"] if port["role"] == "uplink" and port["name"] in links
    ]
    addresses = [address for link in uplinks for address in link.ipv4] if given is None else given
    return Wanted(
        object_hash=object_hash(params["source"]),
        source=params["source"],
        mode=params["mode"],
        settings=Settings(
            ageing_time=params["ageing_time"],
            board_macs=tuple(sorted({mac for link in uplinks for mac in board_macs(link)})),
            board_ipv4=tuple(sorted({address.partition("/")[0] for address in addresses})),
        ),
        ports={port["name"]: port["role"] for port in params["ports"]},
    )


def steps_for(params: dict[str, Any]) -> list[Step]:
    if params["state"] == "absent":
        return plan(xdp_state.read_current(None, {}), None)
    names = [port["name"] for port in params["ports"]]
    if len(set(names)) < len(names):
        raise BoardError(f"ports: an interface is named twice: {', '.join(names)}")
    if params["ageing_time"] < 1:
        raise BoardError(f"ageing_time: {params['ageing_time']} is not a number of seconds, 1 or more")
    wanted = wanted_of(params)
    return plan(xdp_state.read_current(wanted.object_hash, read_links(), names), wanted)


def result_of(params: dict[str, Any]) -> dict[str, Any]:
    """What the kernel says is attached now."""
    name = object_hash(params["source"]) if params["state"] == "present" else None
    current = xdp_state.read_current(name, read_links())
    ports = [{"name": port, "role": state.role, "mode": state.mode} for port, state in current.ports.items()]
    modes = {port["mode"] for port in ports}
    mode = None if not modes else modes.pop() if len(modes) == 1 else "mixed"
    return {"mode": mode, "ports": ports, **({"object": name} if name else {})}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ports": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "role": {"type": "str", "choices": list(xdp_maps.ROLES), "required": True},
                },
            },
            "source": {"type": "str"},
            "mode": {"type": "str", "choices": list(xdp_ops.FLAGS), "default": "native"},
            "board_addresses": {"type": "list", "elements": "str"},
            "ageing_time": {"type": "int", "default": 300},
            **LEDGER_OPTION,
        },
        required_if=[("state", "present", ("ports", "source"))],
        supports_check_mode=True,
    )
    change_board(module, lambda: steps_for(module.params), after=lambda: result_of(module.params))


if __name__ == "__main__":
    main()
