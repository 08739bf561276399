#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boards' locks: who may change them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lock
short_description: One run at a time on a board
description:
  - Takes, gives back, waits for or reads the locks of the play's boards, on the machine that keeps them; delegate
    it there. One call serves all boards of the play whose locks that machine keeps, and takes all of them or none.
  - Who holds a lock is the process in C(testbed_lock_pid), or else ansible-playbook itself.
  - A lock whose holder has ended is taken over by the same user on the same host, and by others with
    C(testbed_lock_break). One whose holder runs on this very host never is.
options:
  state:
    description: V(awaited) waits until nobody else holds them, and takes nothing.
    type: str
    choices: [taken, released, awaited, read]
    required: true
  wait_s:
    description: How many seconds V(state=awaited) waits.
    type: float
    default: 0
  best_effort:
    description: Whether a disk that is full is no reason to stop; somebody else's lock still is.
    type: bool
    default: false
  lock:
    description: Filled in on the controller.
    type: dict
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Takes nothing.}
"""

EXAMPLES = r"""
- name: Nobody else changes these boards
  netlab.testbed.lock:
    state: taken
  delegate_to: "{{ board_package_host }}"
"""

RETURN = r"""
locked:
  description: Boards whose locks are held now.
  type: list
  elements: str
  returned: with V(state=taken)
unlocked:
  description: Boards whose locks were given back.
  type: list
  elements: str
  returned: with V(state=released)
lock:
  description: Who holds the board, null where nobody does.
  type: dict
  returned: with V(state=read)
refused_by:
  description: Who holds the boards instead, each with C(boards), C(standing), C(says) and C(holder).
  type: list
  elements: dict
  returned: when it failed for that
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import lock
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError


def run(state: str, wait_s: float, asked: dict[str, Any]) -> dict[str, Any]:
    boards, holder = asked["boards"], asked["holder"]
    if state == "read":
        return {"lock": lock.read(boards[0])}
    if state == "awaited":
        return {"held": lock.wait_until_free(boards, holder["token"], wait_s)}
    if state == "released":
        return {"unlocked": lock.give_back(boards, {holder["token"]})}
    best_effort, meeting = asked["best_effort"], asked["meeting"]
    held = lock.take(boards, holder, asked["replacing"], best_effort=best_effort, meeting=meeting)
    return {"held": held} if held else {"locked": boards}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["taken", "released", "awaited", "read"], "required": True},
            "wait_s": {"type": "float", "default": 0},
            **lock.OPTION,
        },
        supports_check_mode=True,
    )
    try:
        result = run(module.params["state"], module.params["wait_s"], module.params["lock"])
    except BoardError as error:
        fail(module, error)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
