# SPDX-License-Identifier: Apache-2.0
"""Whether an emulated board is up: read on the controller, without a connection or a task."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.ops import record

DOCUMENTATION = """
name: emulated_board_up
author: netlab-testbed maintainers (@netlab-testbed)
version_added: 0.1.0
short_description: Whether an emulated board is up
description:
  - Whether the emulator of a board on this machine runs.
options:
  _input:
    description: The board's name.
    type: str
    required: true
"""

EXAMPLES = """
- name: Boards that are off go to a group of their own
  ansible.builtin.group_by:
    key: boards_off
  when: inventory_hostname is not netlab.testbed.emulated_board_up
"""

RETURN = """
_value:
  description: True where it is.
  type: bool
"""


def emulated_board_up(name: str) -> bool:
    """True where the board's emulator runs."""
    return record(name) is not None


class TestModule:
    """What Ansible looks for in a test plugin."""

    def tests(self) -> dict[str, Callable[..., bool]]:
        return {"emulated_board_up": emulated_board_up}
