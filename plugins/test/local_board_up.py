# SPDX-License-Identifier: Apache-2.0
"""Whether a local board is up: read on the controller, without a connection or a task."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.netlab.testbed.plugins.module_utils.local_board import board_pid

DOCUMENTATION = """
name: local_board_up
author: netlab-testbed maintainers (@netlab-testbed)
version_added: 0.1.0
short_description: Whether a local board is up
description:
  - Whether the namespaces of a local board on this machine are there.
options:
  _input:
    description: The board's name.
    type: str
    required: true
"""

EXAMPLES = """
- name: Boards that are not up go to a group of their own
  ansible.builtin.group_by:
    key: boards_down
  when: inventory_hostname is not netlab.testbed.local_board_up
"""

RETURN = """
_value:
  description: True where it is.
  type: bool
"""


def local_board_up(name: str) -> bool:
    """True where the board's init runs."""
    return board_pid(name) is not None


class TestModule:
    """What Ansible looks for in a test plugin."""

    def tests(self) -> dict[str, Callable[..., bool]]:
        return {"local_board_up": local_board_up}
