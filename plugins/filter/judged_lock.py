# SPDX-License-Identifier: Apache-2.0
"""What a lock amounts to for whom this controller runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import lock_holder

DOCUMENTATION = """
name: judged_lock
author: netlab-testbed maintainers (@netlab-testbed)
version_added: 0.1.0
short_description: Whether the holder of a board's lock lives
description:
  - Adds to a lock C(standing), which is V(mine), V(alive), V(gone) or V(unknown), C(stale) and C(says).
  - V(unknown) is the lock of another host's process, of which nothing can be told here.
options:
  _input:
    description: The lock, or null.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Who has the board
  ansible.builtin.debug:
    msg: "{{ (board_info.lock | netlab.testbed.judged_lock).says | default('nobody') }}"
"""

RETURN = """
_value:
  description: The lock with what is known of its holder; null where there is none.
  type: dict
"""


def judged_lock(held: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The lock, and what is known of its holder."""
    if not held:
        return None
    stands = lock_holder.standing(held, lock_holder.holder_of(os.getpid(), "asks"))
    return {**held, "standing": stands, "stale": stands == "gone", "says": lock_holder.says(held, stands)}


class FilterModule:
    """What Ansible looks for in a filter plugin."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"judged_lock": judged_lock}
