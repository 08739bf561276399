#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Make and remove local boards. The one owner of boards that are namespaces."""

from __future__ import annotations

DOCUMENTATION = r"""
module: local_boards
short_description: Boards made of Linux namespaces on this machine
description:
  - Starts and stops local boards, and wires them with veth pairs.
  - A board is one C(tini) in its own pid, mount, uts, ipc and network namespaces; killing it removes all of it.
  - Runs on the controller, as root.
options:
  boards:
    description: Names of the boards.
    type: list
    elements: str
    required: true
  cables:
    description: Cables between the boards, each a mapping of two boards to the interface that the cable ends in.
    type: list
    elements: dict
    default: []
  state:
    description: Whether the boards are up and wired, or gone.
    type: str
    choices: [present, absent]
    default: present
  lock:
    description:
      - Whether to give the boards' locks back at the end, see M(netlab.testbed.lock). Nothing is done where somebody
        else has one of them.
      - The controller fills in who asks.
    type: raw
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Says what would be done.}
  diff_mode: {support: full, description: Lists the steps.}
"""

EXAMPLES = r"""
- name: Two boards on a cable
  netlab.testbed.local_boards:
    boards: [board1, board2]
    cables:
      - {board1: eth1, board2: eth1}
"""

RETURN = r"""
boards:
  description: Names of the boards that are up, and the pid of each one's init.
  type: dict
  returned: always
unlocked:
  description: Boards whose locks were given back.
  type: list
  elements: str
  returned: with O(lock)
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import local_board, lock
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail, finish
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step


def plan(
    current: dict[str, set[str]], boards: list[str], cables: list[dict[str, Any]], state: str
) -> list[Step]:
    """``current``: each board that is up, and its interfaces."""
    if state == "absent":
        return [Step("local_board.stop", {"name": name}) for name in boards if name in current]
    steps = [Step("local_board.start", {"name": name}) for name in boards if name not in current]
    for cable in cables:
        ends = ((cable["a_board"], cable["a_link"]), (cable["b_board"], cable["b_link"]))
        there = [link in current.get(board, set()) for board, link in ends]
        if not any(there):
            steps.append(Step("local_board.wire", cable))
        elif not all(there):
            # one end alone is not a veth: somebody else's link has the name
            board, link = ends[there.index(True)]
            raise BoardError(f"{board} has an interface {link} already, which is not the end of this cable")
    return steps


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "boards": {"type": "list", "elements": "str", "required": True},
            "cables": {"type": "list", "elements": "dict", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **lock.OPTION,
        },
        supports_check_mode=True,
    )
    names: list[str] = module.params["boards"]
    asked = module.params["lock"]
    unlocked: dict[str, Any] = {}
    try:
        local_board.check_names(names)
        if asked and (held := lock.others(asked["boards"], asked["holder"]["token"])):
            module.exit_json(changed=False, held=held)
        up = set(local_board.current_boards())
        state = module.params["state"]
        if state == "absent":
            up |= local_board.recorded_boards()  # nor is the record of a dead one to stay
        current = {
            name: local_board.current_links(name)
            if state == "present" and local_board.board_pid(name)
            else set()
            for name in names
            if name in up
        }
        steps = plan(current, names, local_board.wanted_cables(module.params["cables"]), state)
        # No ledger: a board holds its own, and goes as a whole with its init.
        if not module.check_mode:
            for step in steps:
                step.run()
            if asked:
                tokens = {asked["holder"]["token"]}
                unlocked["unlocked"] = lock.give_back(asked["boards"], tokens)
    except BoardError as error:
        fail(module, error)
    finish(module, steps, boards={name: local_board.board_pid(name) for name in names}, **unlocked)


if __name__ == "__main__":
    main()
