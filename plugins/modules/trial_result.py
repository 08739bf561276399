# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of this name: it runs on the controller, and reads the peer's counters."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trial_result
short_description: A trial made whole, with the peer's counters
description:
  - Runs for a dut and is delegated to its peer, whose counters it reads, as M(netlab.testbed.counters) does, but
    without a module there. They become C(counters.before.peer) and C(counters.after.peer) of the dut's trial.
  - The reading after one trial is the one before the next; before the first, the task runs once without O(trial).
  - A peer that cannot be read does not lose the trial, which then has the flag C(peer_counters_missing).
options:
  trial:
    description: The trial as the plan has it. Left out, the counters are only read.
    type: dict
  measured:
    description: What the instrument returned under C(measured).
    type: dict
  skipped:
    description: Why nothing was measured. The trial is then C(skipped).
    type: str
    default: ""
  interfaces:
    description: The peer's interfaces whose packets are counted; by default all but lo.
    type: list
    elements: str
    default: []
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Changes nothing.}
"""

EXAMPLES = r"""
- name: The trial with the peer's counters
  netlab.testbed.trial_result:
    trial: "{{ trial }}"
    measured: "{{ instrument_netperf_measured.measured }}"
    interfaces: [eth1]
  delegate_to: board2
"""

RETURN = r"""
trial:
  description: The trial, as it is recorded.
  type: dict
  returned: with O(trial)
"""
