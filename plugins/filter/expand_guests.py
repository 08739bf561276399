# SPDX-License-Identifier: Apache-2.0
"""The filter ``netlab.testbed.expand_guests``; the work is done in module_utils/guests.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.netlab.testbed.plugins.module_utils.guests import GuestError, expand_guests

DOCUMENTATION = """
name: expand_guests
author: netlab-testbed contributors (@netlab-testbed)
version_added: 0.1.0
short_description: Full definitions of a dut's guests
description:
  - Gives every guest of a dut all of C(name), C(mac), C(address) (CIDR), C(vcpus) and C(memory_mib).
  - There are as many guests as the longer of O(_input) and O(guest_count) says. The list's own come first,
    with what they leave out filled in, then generated ones.
  - Guest i of dut d among n duts (i and d from 0) gets host number O(first_host) + i * n + d of the
    board's measured network, so that guests of different duts never share an address. Numbers that are taken
    are skipped.
  - A generated MAC address is locally administered, unicast, and always the same for the same O(dut) and
    guest name.
positional: _input, guest_count, board_address
options:
  _input:
    description: The guests that the inventory describes (C(guest_list)); every key of each is optional.
    type: list
    elements: dict
    required: true
  guest_count:
    description: How many guests there shall be at least.
    type: int
    required: true
  board_address:
    description: The dut's own address on the measured network, with its prefix length.
    type: str
    required: true
  dut:
    description: The dut's name in the inventory.
    type: str
    required: true
  dut_index:
    description: The dut's place among all duts of the inventory, sorted by name, from 0.
    type: int
    default: 0
  dut_count:
    description: How many duts the inventory has.
    type: int
    default: 1
  reserved:
    description: Addresses that no guest may get, with or without prefix length, such as every board's own.
    type: list
    elements: str
    default: []
  first_host:
    description: Host number, in the measured network, of the first guest.
    type: int
    default: 101
  vcpus:
    description: Virtual processors of a guest that says nothing else.
    type: int
    default: 1
  memory_mib:
    description: Memory of a guest that says nothing else, in MiB.
    type: int
    default: 192
"""

EXAMPLES = """
- name: Say which guests this dut shall have
  ansible.builtin.debug:
    msg: >-
      {{ guest_list | default([]) | netlab.testbed.expand_guests(
         guest_count | default(1) | int, board_address,
         dut=inventory_hostname, dut_index=(groups['duts'] | sort).index(inventory_hostname),
         dut_count=groups['duts'] | length,
         reserved=groups['all'] | map('extract', hostvars, 'board_address') | select('defined')) }}
"""

RETURN = """
_value:
  description: The guests, each with C(name), C(mac), C(address) in CIDR form, C(vcpus) and C(memory_mib).
  type: list
  elements: dict
"""


def expand_guests_filter(
    guest_list: Any, guest_count: int, board_address: str, **options: Any
) -> list[dict[str, Any]]:
    """See DOCUMENTATION; raises AnsibleFilterError with the reason on one line."""
    try:
        return expand_guests(guest_list, guest_count, board_address, **options)
    except GuestError as error:
        which = "" if error.guest is None else f"guest {error.guest + 1}: "
        raise AnsibleFilterError(f"expand_guests: {which}{error}") from error


class FilterModule:
    """What Ansible looks for in a filter plugin."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"expand_guests": expand_guests_filter}
