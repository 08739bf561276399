#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Guests of a dut."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest
short_description: Guests of a board, as a list
description:
  - Leaves exactly the guests listed, each running, its agent answering, its address set and C(netserver) listening.
  - All are started before the first is waited for.
  - Domains that this testbed did not make are left as they are; one with a wanted guest's name is refused.
options:
  guests:
    description: The guests.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the domain.
        type: str
        required: true
      mac:
        description: Ethernet address of the guest's NIC.
        type: str
        required: true
      address:
        description: IPv4 address of the guest's NIC, with prefix length.
        type: str
        required: true
      gateway:
        description: The guest's default gateway.
        type: str
      vcpus:
        description: Virtual CPUs.
        type: int
        required: true
      memory_mib:
        description: Memory in MiB.
        type: int
        required: true
      pci_device:
        description: The device that the guest was given by name. Only O(interfaces) tells what it gets.
        type: str
  interfaces:
    description:
      - What each guest's NIC is connected to, in the order of O(guests). C(type=ethernet) with C(dev), an interface
        that is there; C(type=user) with C(address) and C(prefix) of QEMU's own network, and the guest's
        C(guest_address) and C(guest_gateway) in it, which then stand for O(guests[].address) and O(guests[].gateway);
        C(type=hostdev) with C(device), a PCI device that is bound to vfio-pci, and C(guest_mac), the address that the
        guest finds, which then stands for O(guests[].mac).
      - C(offloads) switches what virtio offers, C(host) and C(guest) side, by the names of libvirt's C(driver) element.
    type: list
    elements: dict
    required: true
  arch:
    description: The guests' architecture.
    type: str
    choices: [x86_64, aarch64]
    required: true
  accelerator:
    description: What runs the guests' code.
    type: str
    choices: [kvm, tcg]
    required: true
  kernel:
    description: Path of the guests' kernel. Not with O(disk).
    type: str
  initramfs:
    description: Path of the guests' initramfs.
    type: str
  kernel_command_line:
    description: The kernel's arguments.
    type: str
    default: ""
  disk:
    description: Path of a qcow2 with a guest agent. Each guest gets a layer over it; it is never written to.
    type: str
  limit:
    description: Seconds until a guest's agent must answer.
    type: float
    default: 90
extends_documentation_fragment: [netlab.testbed.change]
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: One guest on a tap
  netlab.testbed.guest:
    arch: x86_64
    accelerator: tcg
    kernel: /var/cache/netlab-testbed/guest-image/x86_64/current/kernel
    initramfs: /var/cache/netlab-testbed/guest-image/x86_64/current/initramfs
    kernel_command_line: console=ttyS0
    guests:
      - name: guest1
        mac: "02:00:00:00:00:01"
        address: 192.168.20.101/24
        vcpus: 1
        memory_mib: 192
    interfaces:
      - {type: ethernet, dev: nltap1}
"""

RETURN = r"""
guests:
  description: The guests' names, MAC addresses and addresses.
  type: list
  elements: dict
  returned: always
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops, guest_plan
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import LEDGER_OPTION, change_board
from ansible_collections.netlab.testbed.plugins.module_utils.sriov import pci
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step

SHARED = ("arch", "accelerator", "kernel", "initramfs", "kernel_command_line", "disk")

GUEST_OPTIONS = {
    "name": {"type": "str", "required": True},
    "mac": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "gateway": {"type": "str"},
    "vcpus": {"type": "int", "required": True},
    "memory_mib": {"type": "int", "required": True},
    "pci_device": {"type": "str"},
}


def _in_own_network(interface: dict[str, Any]) -> dict[str, Any]:
    """Where QEMU is the guest's network, its address and gateway are of that one; a device may bring its own MAC."""
    return {
        key: interface[f"guest_{key}"] for key in ("address", "gateway", "mac") if f"guest_{key}" in interface
    }


def indexed(interface: dict[str, Any]) -> dict[str, Any]:
    """With the number that the kernel gave the interface or device, none where it is not there (yet)."""
    if "device" in interface:
        identity = pci.identity(interface["device"])
        return interface if identity is None else {**interface, "index": identity}
    if "dev" not in interface:
        return interface
    try:
        index = int(Path(f"/sys/class/net/{interface['dev']}/ifindex").read_text(encoding="ascii"))
    except OSError:
        return interface
    return {**interface, "index": index}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "guests": {"type": "list", "elements": "dict", "required": True, "options": GUEST_OPTIONS},
            "interfaces": {"type": "list", "elements": "dict", "required": True},
            "arch": {"type": "str", "choices": ["x86_64", "aarch64"], "required": True},
            "accelerator": {"type": "str", "choices": ["kvm", "tcg"], "required": True},
            "kernel": {"type": "str"},
            "initramfs": {"type": "str"},
            "kernel_command_line": {"type": "str", "default": ""},
            "disk": {"type": "str"},
            "limit": {"type": "float", "default": 90},
            **LEDGER_OPTION,
        },
        required_one_of=[("kernel", "disk")],
        mutually_exclusive=[("kernel", "disk")],
        required_together=[("kernel", "initramfs")],
        supports_check_mode=True,
    )
    guests, interfaces = module.params["guests"], module.params["interfaces"]
    if len(guests) != len(interfaces):
        module.fail_json(
            msg=f"{len(guests)} guests and {len(interfaces)} interfaces: there must be one for each"
        )
    shared = {key: module.params[key] for key in SHARED}
    wanted: list[dict[str, Any]] = [
        {**shared, **guest, "interface": indexed(interface), **_in_own_network(interface)}
        for guest, interface in zip(guests, interfaces, strict=True)
    ]

    def steps() -> list[Step]:
        try:
            current = domain_ops.read()
        except BoardError:
            # check mode on a board whose libvirtd would have been started by now
            if not module.check_mode:
                raise
            current = {}
        return guest_plan.plan(current, wanted, module.params["limit"])

    def after() -> dict[str, Any]:
        return {"guests": [{key: guest[key] for key in ("name", "mac", "address")} for guest in wanted]}

    change_board(module, steps, after=after)


if __name__ == "__main__":
    main()
