#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Switch an emulated board on and off. The one owner of boards that are QEMU processes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: emulated_board
short_description: An ARM64 board emulated on this machine
description:
  - Starts and stops a board under QEMU, with a management NIC, reached at one port of 127.0.0.1, and a measured NIC on
    a cable to a local board.
  - The board has an overlay of its own over the image, which goes with it; so do its SSH keys, made when it is started.
    They are in C(/run/netlab-testbed/emulated-boards/NAME), C(key) and C(known_hosts).
  - The first board of a kind (image, QEMU, memory, processors, slot of its NIC) is booted, and leaves a snapshot; the
    next ones go on from there. The snapshot is taken before a board is told its name and keys, so none are in it. A
    board that does not start from it is booted, with a warning that says why.
  - One that is up and was started with other settings, or whose cable's other end is gone, is switched off and on.
  - Runs on the controller, as root.
options:
  name:
    description: The board's name.
    type: str
    required: true
  nic:
    description: The measured NIC as the board's kernel will call it, C(enp0s1) to C(enp0s10), by its PCI slot.
    type: str
  port:
    description: The port of 127.0.0.1 that leads to the board's SSH server.
    type: int
  memory_mib:
    description: Its memory, in MiB.
    type: int
    default: 2048
  vcpus:
    description: Its processors.
    type: int
    default: 2
  cables:
    description: Cables, each a mapping of an emulated and a local board to the interface that the cable ends in.
    type: list
    elements: dict
    default: []
  image:
    description: What M(netlab.testbed.board_image) returned.
    type: dict
    default: {}
  tools:
    description: The folder of the emulator's programs.
    type: path
  guest_images:
    description: A folder with the image of guests, which the board finds where it looks for it.
    type: path
  snapshots:
    description: Whether it may be started from a snapshot, and may leave one.
    type: bool
    default: true
  together_mib:
    description: Memory of all boards that are to be started with this one, for O(state=possible).
    type: int
    default: 0
  state:
    description: Whether the board is up, gone, or only might be started as far as this machine can tell.
    type: str
    choices: [present, absent, possible]
    default: present
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Says what would be done.}
  diff_mode: {support: full, description: Lists the steps.}
"""

EXAMPLES = r"""
- name: A board on a cable to a local board
  netlab.testbed.emulated_board:
    name: arm1
    nic: enp0s5
    port: 22901
    cables:
      - {arm1: enp0s5, peer1: eth1}
    image: "{{ board_image.image }}"
    tools: "{{ board_image.tools }}"
"""

RETURN = r"""
start:
  description: C(how) the board was started (C(snapshot) or C(cold boot)), C(reason) where it was not from a snapshot,
    whether one was C(kept), C(seconds) from nothing to its SSH server. Empty where it is not up.
  type: dict
  returned: always
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

import json
import re
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import machine, ops
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail, finish
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, Step

SPARE_MIB = 512  # beside the boards' memory, for QEMU itself and the machine
IMAGE = ("kernel", "initramfs", "disk", "hash")


def settings(parameters: dict[str, Any], guest_image: str | None) -> dict[str, Any]:
    """What the board is started with, the far end of its cable and the guests' image among it. Pure."""
    name = parameters["name"]
    missing = [key for key in ("nic", "port") if parameters[key] is None]
    if missing:
        raise BoardError(f"emulated board {name} needs {' and '.join(missing)}")
    found = {key: parameters[key] for key in ("nic", "port", "memory_mib", "vcpus")}
    machine.Board(name, **found).check()
    return {**found, "cable": far_end(name, found["nic"], parameters["cables"]), "guest_image": guest_image}


def far_end(name: str, nic: str, cables: list[dict[str, str]]) -> dict[str, str] | None:
    """Where the measured NIC's cable leads. Pure."""
    for cable in cables:
        if cable.get(name) == nic:
            others = [end for end in cable.items() if end[0] != name]
            if len(others) != 1:
                raise BoardError(f"a cable has two ends on two boards, this one has not: {cable}")
            return {"board": others[0][0], "interface": others[0][1]}
    return None


def lack_of_memory(needed_mib: int, meminfo: str) -> str | None:
    """What to say where the boards do not fit into the memory that /proc/meminfo calls available. Pure."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo, re.MULTILINE)
    available = int(found[1]) >> 10 if found else 0
    if needed_mib + SPARE_MIB <= available:
        return None
    return (
        f"this machine has {available} MiB of memory available, and its emulated boards need"
        f" {needed_mib} + {SPARE_MIB} MiB (emulated_board_memory_mib in the inventory)"
    )


def current_guest_image(folder: str | None) -> str | None:
    """The name of the image that is current in a store of guest images: a board with an older one is started anew."""
    if not folder:
        return None
    try:
        return str(json.loads(Path(folder, "current.json").read_text(encoding="utf-8"))["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "nic": {"type": "str"},
            "port": {"type": "int"},
            "memory_mib": {"type": "int", "default": 2048},
            "vcpus": {"type": "int", "default": 2},
            "cables": {"type": "list", "elements": "dict", "default": []},
            "image": {"type": "dict", "default": {}},
            "tools": {"type": "path"},
            "guest_images": {"type": "path"},
            "snapshots": {"type": "bool", "default": True},
            "together_mib": {"type": "int", "default": 0},
            "state": {"type": "str", "choices": ["present", "absent", "possible"], "default": "present"},
        },
        supports_check_mode=True,
    )
    name, state = module.params["name"], module.params["state"]
    steps: list[Step] = []
    try:
        if state == "absent":
            if ops.left(name):
                steps = [Step("emulated_board.stop", {"name": name})]
        else:
            guest_images = module.params["guest_images"]
            board = settings(module.params, current_guest_image(guest_images))
            up = ops.record(name)
            if up is None:
                needed = max(board["memory_mib"], module.params["together_mib"])
                reason = lack_of_memory(needed, Path("/proc/meminfo").read_text(encoding="ascii"))
                if reason and state == "possible":
                    raise Refusal(reason)
            if state == "present" and up != ops.started_with(board):
                image = {key: module.params["image"].get(key) for key in IMAGE}
                common = {
                    "image": image,
                    "tools": module.params["tools"],
                    "guest_images": guest_images,
                    "snapshots": module.params["snapshots"],
                }
                steps = [Step("emulated_board.start", {"name": name, "board": board, **common})]
        if not module.check_mode:
            for step in steps:
                step.run()
    except BoardError as error:
        fail(module, error)
    start = ops.start_of(name)
    if steps and start.get("failure"):
        module.warn(f"emulated board {name}: {start['failure']}")
    finish(module, steps, start=start)


if __name__ == "__main__":
    main()
