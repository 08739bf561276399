#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PCI devices for the guests of a board."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov
short_description: PCI devices for the guests of a board, as a list
description:
  - Makes a virtual function of the measured NIC for each guest that is given no device by name, sets it up, and binds
    it to vfio-pci, from where libvirt takes it (C(hostdev) with C(managed=no)).
  - A device that is named is bound to vfio-pci as it is, a whole NIC or somebody's virtual function. One that is
    bound to it already is left so.
  - Refuses what is not its own. Virtual functions that this testbed did not make are not touched, nor a NIC that
    carries the default route, this connection or a mount, nor a device whose IOMMU group holds anything else but
    bridges.
  - What was done is undone by replaying the ledger (M(netlab.testbed.ledger)). The driver that was bound, the number of
    virtual functions and their settings are then as before.
options:
  interface:
    description: The measured NIC, whose virtual functions the guests get.
    type: str
    required: true
  guests:
    description: The guests, in their order. An empty list leaves no virtual function of ours.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the guest.
        type: str
        required: true
      mac:
        description: Ethernet address of its virtual function. A whole NIC keeps its own.
        type: str
        required: true
      pci_device:
        description: Address of the device that it is given as it is, such as V(0000:01:10.0).
        type: str
  links:
    description: >-
      Links that are set before, each as O(netlab.testbed.link#module:links) describes it. The measured NIC has to be up
      before a guest starts: a virtual function asks it for its address, and a NIC that is down does not answer.
    default: []
  spoof_check:
    description: Whether the NIC drops what a guest sends under another address than its own.
    type: bool
  trust:
    description: Whether a guest may change its address and take frames for others.
    type: bool
  link_state:
    description: Whether a virtual function's link follows the NIC's (V(auto)), or is always up or down.
    type: str
    choices: [auto, enable, disable]
  unsafe_interrupts:
    description: Whether to go on where there is no interrupt remapping (vfio_iommu_type1.allow_unsafe_interrupts).
    type: bool
    default: false
extends_documentation_fragment: [netlab.testbed.change, netlab.testbed.links]
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: A virtual function for guest1, a whole NIC for guest2
  netlab.testbed.sriov:
    interface: enp1s0f0
    guests:
      - {name: guest1, mac: "02:00:00:00:00:01"}
      - {name: guest2, mac: "02:00:00:00:00:02", pci_device: "0000:02:00.0"}
    spoof_check: true
"""

RETURN = r"""
interfaces:
  description: >-
    For each guest what M(netlab.testbed.guest) takes, C(type) hostdev with the C(device)'s address, and C(guest_mac),
    the Ethernet address that the guest finds.
  type: list
  elements: dict
  returned: always
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import (
    board_facts,
    board_nics,
    link_ops,
    link_plan,
    links_told,
)
from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops as _domains  # noqa: F401  registers its operations
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import LEDGER_OPTION, change_board
from ansible_collections.netlab.testbed.plugins.module_utils.sriov import ops as _operations  # noqa: F401  registers them
from ansible_collections.netlab.testbed.plugins.module_utils.sriov import record, state, vf_links
from ansible_collections.netlab.testbed.plugins.module_utils.sriov.plan import plan
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Step

GUEST_OPTIONS = {
    "name": {"type": "str", "required": True},
    "mac": {"type": "str", "required": True},
    "pci_device": {"type": "str"},
}


def busy(links: dict[str, dict[str, Any]]) -> dict[str, str]:
    """By interface why it is not free."""
    ways = board_facts.ways_out(links)
    carried = {name: board_nics.carries(name, links, ways) for name in links}
    return {name: " and ".join(why) for name, why in carried.items() if why}


def read(interface: str, guests: list[dict[str, Any]]) -> dict[str, Any]:
    """What there is, with what the ledger says of it."""
    current = state.read(interface, [guest["device"] for guest in guests if guest["device"]])
    entries = record.entries()
    nic = current["nic"]
    links = links_told.read()
    return {
        **current,
        "ours": nic is not None and record.made_by_us(entries, nic["address"]),
        "guests": record.guests(entries),
        "busy": busy(links),
        # the measured NIC's own are in the ledger, and go before it is given away
        "addresses": {
            name: [*link["addresses"], *link["global6"]] for name, link in links.items() if name != interface
        },
    }


def interfaces(interface: str, guests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each guest its device; in check mode where it would be."""
    nic = state.physical(interface)
    own = (nic["virtual"] or nic["predicted"]) if nic else []
    taken = record.taken(record.entries())
    found = []
    for guest in guests:
        address = guest["device"] or (own.pop(0) if own else "0000:00:00.0")
        device = (state.read_device(address) or {}) if guest["device"] else {}
        mac = guest["mac"]
        if guest["device"] and device.get("vf") is None:
            # A whole NIC keeps the address that it has from its maker. Where somebody else bound it to vfio-pci it
            # cannot be asked, and the inventory has to tell.
            mac = taken.get(address, {}).get("mac") or device.get("mac") or mac
        found.append({"type": "hostdev", "device": address, "guest_mac": mac})
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "guests": {"type": "list", "elements": "dict", "required": True, "options": GUEST_OPTIONS},
            "links": {"type": "list", "elements": "dict", "default": [], "options": link_plan.OPTIONS},
            "spoof_check": {"type": "bool"},
            "trust": {"type": "bool"},
            "link_state": {"type": "str", "choices": list(vf_links.LINK_STATES)},
            "unsafe_interrupts": {"type": "bool", "default": False},
            **LEDGER_OPTION,
        },
        supports_check_mode=True,
    )
    interface = module.params["interface"]
    guests = [
        {"name": guest["name"], "mac": guest["mac"].lower(), "device": guest["pci_device"]}
        for guest in module.params["guests"]
    ]
    wanted = {
        "interface": interface,
        "guests": guests,
        "settings": {key: module.params[key] for key in ("spoof_check", "trust", "link_state")},
        "unsafe_interrupts": module.params["unsafe_interrupts"],
    }

    def links() -> list[Step]:
        asked = module.params["links"]
        with_features = [link["name"] for link in asked if link["features"]]
        return link_plan.plan(link_ops.read(with_features), asked, "") if asked else []

    def devices() -> list[Step]:
        return plan(read(interface, guests), wanted)

    change_board(module, links, devices, after=lambda: {"interfaces": interfaces(interface, guests)})


if __name__ == "__main__":
    main()
