# SPDX-License-Identifier: Apache-2.0
"""By what a board knows the modules of the deploy that holds its lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.netlab.testbed.plugins.plugin_utils.locking import deploy_id, lock_name

DOCUMENTATION = """
name: ticket
author: netlab-testbed maintainers (@netlab-testbed)
version_added: 0.1.0
short_description: The deploy that a module's call is part of
description:
  - Names this run of ansible-playbook and the board's lock, for modules that change the board.
  - M(netlab.testbed.packages) with its locks notes the same run in the lock. A destroy or rollback takes it out of
    there, and a module that comes to the board only after that changes nothing.
options:
  _terms:
    description: None.
"""

EXAMPLES = """
- name: Modules that change a board, for as long as this deploy lasts
  module_defaults:
    group/netlab.testbed.change:
      ticket: "{{ lookup('netlab.testbed.ticket') }}"
  block: []
"""

RETURN = """
_raw:
  description: A ticket, with C(board), the name of the lock, and C(deploy).
  type: list
  elements: dict
"""


class LookupModule(LookupBase):
    """``lookup('netlab.testbed.ticket')``."""

    def run(
        self, _terms: list[str], variables: Mapping[str, Any] | None = None, **_kwargs: Any
    ) -> list[dict[str, str]]:
        known = variables or {}
        return [{"board": lock_name(known, str(known["inventory_hostname"])), "deploy": deploy_id()}]
