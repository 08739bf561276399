#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wait until a machine is quiet enough to measure on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: quiet
short_description: Wait until a machine is quiet enough to measure on
description:
  - Watches the machine for O(window_s), again and again until one window keeps all limits or O(wait_s) are over.
  - A machine that does not become quiet is told as such, and no failure. The result says what keeps it busy.
  - What counts is the whole machine, whoever uses it. Only the time that this watching takes is left out.
options:
  idle_at_least:
    description: Share of all CPUs' time that is idle or waits for disks, 0 to 1.
    type: float
    default: 0.9
  steal_at_most:
    description: Share of all CPUs' time that the machine wanted and its own host gave to others, 0 to 1.
    type: float
    default: 0.02
  running_at_most:
    description: Tasks that run or wait for a CPU, on the mean of a window. This one is not counted.
    type: float
    default: 1.0
  wait_s:
    description: Seconds to wait for quiet at most. 0 watches once.
    type: float
    default: 10.0
  window_s:
    description: Seconds that are watched at a time. Clock ticks are 10 ms, so that less than half a second says little.
    type: float
    default: 0.5
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Changes nothing.}
"""

EXAMPLES = r"""
- name: The machine is quiet
  netlab.testbed.quiet:
    wait_s: 30
  register: board_quiet
"""

RETURN = r"""
quiet:
  description:
    - C(quiet) (whether all limits are kept), C(waited_s), C(window_s), C(idle), C(steal), C(running), C(busiest)
      (name and share of the programs that used most), C(limits), and C(said), all of it in one sentence.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.environment import quiet


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "idle_at_least": {"type": "float", "default": 0.9},
            "steal_at_most": {"type": "float", "default": 0.02},
            "running_at_most": {"type": "float", "default": 1.0},
            "wait_s": {"type": "float", "default": 10.0},
            "window_s": {"type": "float", "default": 0.5},
        },
        supports_check_mode=True,
    )
    given = module.params
    for key in ("idle_at_least", "steal_at_most"):
        if not 0 <= given[key] <= 1:
            module.fail_json(msg=f"{key} is a share, 0 to 1, not {given[key]:g}")
    if given["window_s"] <= 0:
        module.fail_json(msg=f"window_s must be above 0, not {given['window_s']:g}")
    limits = quiet.Limits(given["idle_at_least"], given["steal_at_most"], given["running_at_most"])
    module.exit_json(changed=False, quiet=quiet.wait(limits, given["wait_s"], given["window_s"]))


if __name__ == "__main__":
    main()
