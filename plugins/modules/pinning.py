#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which CPUs a board's guests and interrupts run on, while something is measured."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pinning
short_description: Where threads of guests and interrupts run, as a list
description:
  - Leaves exactly what is listed pinned. What this testbed had pinned before and is not listed may run again where it
    could at first.
  - What was pinned is read back from the kernel. Each change's inverse is in the board's ledger until it was undone.
  - Where something is not there (a NIC without interrupts, a guest without vhost threads) the result says so.
options:
  pins:
    description: What is to run where. An empty list undoes all pins.
    type: list
    elements: dict
    required: true
    suboptions:
      what:
        description:
          - V(vcpu), virtual processors of a guest; V(emulator), the other threads of its QEMU; V(vhost), the kernel's
            threads that move its frames; V(guest), all of these that there are; V(interrupts), those of a NIC.
        type: str
        choices: [vcpu, emulator, vhost, guest, interrupts]
        required: true
      guest:
        description: The guest, with all but V(interrupts).
        type: str
      vcpu:
        description: One virtual processor, counted from 0; all of the guest's if left out.
        type: int
      nic:
        description: The NIC, with V(interrupts).
        type: str
      cpus:
        description: CPUs of the board, as the kernel lists them, such as C(0,2-3).
        type: str
        required: true
  needed:
    description: CPUs that programs are going to be bound to, and that must be there too.
    type: list
    elements: int
    default: []
  report_only:
    description: Where the board lacks a CPU or a guest, pin nothing and say so in C(unmet), rather than fail.
    type: bool
    default: false
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Says what would be done.}
  diff_mode: {support: full, description: Lists the steps.}
"""

EXAMPLES = r"""
- name: Two guests on a CPU each
  netlab.testbed.pinning:
    pins:
      - {what: guest, guest: guest1, cpus: "0"}
      - {what: vcpu, guest: guest2, cpus: "1"}
      - {what: emulator, guest: guest2, cpus: "1"}

- name: As it was before
  netlab.testbed.pinning:
    pins: []
"""

RETURN = r"""
pins:
  description:
    - C(set), by thing the CPUs that the kernel says it runs on now. Things are C(vcpu/guest1/0), C(emulator/guest1),
      C(vhost/guest1), C(irq/24).
    - C(absent), what was listed and is not there, and why.
  type: dict
  returned: always
unmet:
  description: What the board lacks, in words.
  type: list
  elements: str
  returned: always
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail, finish
from ansible_collections.netlab.testbed.plugins.module_utils.pinning import ops
from ansible_collections.netlab.testbed.plugins.module_utils.pinning.plan import cpu_set, held_by, plan
from ansible_collections.netlab.testbed.plugins.module_utils.pinning.state import (
    PARTS,
    PinLedger,
    Wanted,
    wanted_of,
)
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, Step, run_steps


def steps_for(wanted: Wanted, ledger: PinLedger) -> list[Step]:
    """From what is to what should be."""
    held = held_by(ledger.entries())
    found = {thing: ops.read(thing) for thing in {**held, **wanted.things}}
    return plan({thing: seen for thing, seen in found.items() if seen}, held, wanted.things)


def read_back(wanted: Wanted) -> dict[str, str]:
    """What the kernel says of each thing that was to be pinned. BoardError where it says otherwise."""
    told = {}
    for thing, cpus in wanted.things.items():
        seen = ops.read(thing)
        if seen is None or not seen.uniform or cpu_set(seen.cpus) != cpu_set(cpus):
            where = "is gone" if seen is None else f"runs on CPU {seen.cpus}"
            raise BoardError(f"{thing} was pinned to CPU {cpus} and {where}")
        told[thing] = seen.cpus
    return told


def main() -> None:
    kinds = [*PARTS, "guest", "interrupts"]
    pin_options: dict[str, Any] = {
        "what": {"type": "str", "choices": kinds, "required": True},
        "guest": {"type": "str"},
        "vcpu": {"type": "int"},
        "nic": {"type": "str"},
        "cpus": {"type": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "pins": {
                "type": "list", "elements": "dict", "required": True, "options": pin_options,
                "required_if": [
                    ("what", "interrupts", ("nic",)),
                    *(("what", kind, ("guest",)) for kind in (*PARTS, "guest")),
                ],
            },
            "needed": {"type": "list", "elements": "int", "default": []},
            "report_only": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )  # fmt: skip
    told: dict[str, str] = {}
    try:
        ledger = PinLedger()
        wanted = wanted_of(module.params["pins"], module.params["needed"])
        if wanted.unmet and not module.params["report_only"]:
            raise Refusal("; ".join(wanted.unmet))
        if wanted.unmet:
            wanted = Wanted({}, wanted.absent, wanted.unmet)
        steps = steps_for(wanted, ledger)
        if not module.check_mode:
            run_steps(steps, ledger)
            told = read_back(wanted)
            ledger.forget(wanted.things)
    except BoardError as error:
        fail(module, error)
    finish(module, steps, pins={"set": told, "absent": wanted.absent}, unmet=wanted.unmet)


if __name__ == "__main__":
    main()
