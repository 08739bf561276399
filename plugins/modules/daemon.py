#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that must run on a board."""

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon
short_description: Programs that run on a board, as a list
description:
  - Sees that programs run and listen. Where systemd runs and a unit is named, the unit is started; else the program is.
  - A program is started with a mark in its environment and known again by it, never by its name.
  - Something that listens already and was not started here is left as it is and used.
options:
  daemons:
    description: The programs.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the ledger and the log call it.
        type: str
        required: true
      command:
        description: Program and arguments, staying in the foreground.
        type: list
        elements: str
        required: true
      unit:
        description: A systemd unit to start in place of the command, on boards where systemd runs.
        type: str
      ready:
        description: Where it listens when ready, C(unix:/path), C(tcp:host:port), C(udp:address:port), C(libvirt:uri).
        type: str
        required: true
      limit:
        description: Seconds to wait until it listens.
        type: float
        default: 20
      environment:
        description: Variables for the program, beside a plain PATH, HOME and LANG. A unit has its own.
        type: dict
        default: {}
extends_documentation_fragment: [netlab.testbed.change]
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: The board's libvirtd
  netlab.testbed.daemon:
    ledger: board
    daemons:
      - {name: libvirtd, command: [libvirtd], unit: libvirtd.service, ready: "libvirt:qemu:///system"}
"""

RETURN = r"""
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import process_ops
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import LEDGER_OPTION, change_board
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step


def current(daemon: dict[str, Any]) -> dict[str, Any]:
    """How it stands with one wanted daemon: who runs, and whether anybody listens."""
    pids = process_ops.marked(daemon["name"])
    unit: str | None = daemon["unit"] if process_ops.has_systemd() else None
    return {
        "unit": unit,
        "active": unit is not None and process_ops.service_active(unit),
        "commands": process_ops.command_lines(pids),
        "listens": process_ops.answers(daemon["ready"]),
    }


def plan(now: dict[str, Any], daemon: dict[str, Any]) -> list[Step]:
    """Steps for one daemon. Pure."""
    name, command = daemon["name"], daemon["command"]
    if now["unit"]:
        if now["active"]:
            return []
        return [
            Step("service.start", {"unit": now["unit"]}, undo=Step("service.stop", {"unit": now["unit"]}))
        ]
    # argv[0] may have been resolved or rewritten by the program itself
    same = any(line[1:] == command[1:] for line in now["commands"])
    if now["listens"] and (same or not now["commands"]):
        if not same and daemon["ready"].startswith(("tcp:", "udp:")):
            raise BoardError(f"{name}: something else listens on {daemon['ready'][4:]}; choose another port")
        return []
    stop = Step("process.stop", {"name": name})
    start = Step(
        "process.start",
        {
            "name": name, "argv": command, "ready": daemon["ready"], "limit": daemon["limit"],
            "environment": daemon.get("environment", {}),
        },
        undo=stop,
    )  # fmt: skip
    return [stop, start] if now["commands"] else [start]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "daemons": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "command": {"type": "list", "elements": "str", "required": True},
                    "unit": {"type": "str"},
                    "ready": {"type": "str", "required": True},
                    "limit": {"type": "float", "default": 20},
                    "environment": {"type": "dict", "default": {}},
                },
            },
            **LEDGER_OPTION,
        },
        supports_check_mode=True,
    )
    daemons = module.params["daemons"]
    change_board(module, lambda: [step for daemon in daemons for step in plan(current(daemon), daemon)])


if __name__ == "__main__":
    main()
