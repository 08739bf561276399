# SPDX-License-Identifier: Apache-2.0
"""What the documentation of every instrument's module says alike."""

from __future__ import annotations


class ModuleDocFragment:
    """``extends_documentation_fragment: [netlab.testbed.measurement]``."""

    DOCUMENTATION = r"""
description:
  - A measurement that fails is a trial with status C(failed) and a reason; the task itself succeeds.
  - Changes nothing but with O(serve_in). In check mode nothing is sent, and the trial is C(skipped).
options:
  trial:
    description:
      - The trial as the plan has it, with its C(parameters).
      - Left out, nothing is measured; the module tells what the instrument can do there.
    type: dict
  board:
    description: The board's name in the inventory, for the result.
    type: str
    required: true
  guest:
    description: The guest that measures, or is asked, where there are no O(flows); without one the board itself.
    type: str
  peer_address:
    description: IP address of the other end, for flows that name none.
    type: str
  flows:
    description:
      - What measures at the same time. All are started as close together as can be, and all are waited for.
      - Left out, one flow from O(guest) to O(peer_address).
    type: list
    elements: dict
    suboptions:
      guest:
        description: The guest in which it runs; without one the board itself.
        type: str
      peer_address:
        description: IP address of the other end, O(peer_address) if not said.
        type: str
      control_port:
        description: Port at which the other end listens, O(control_port) if not said.
        type: int
      cpu:
        description: The one CPU on which it may run, counted where it runs. It is refused where that cannot be.
        type: int
      local_address:
        description: IP address from which it sends, where several would do.
        type: str
  loads:
    description:
      - What runs beside the measurement, from before the warm-up until after the last flow's end, so that every
        sample is in full overlap with every load. A load that ends earlier makes the trial a failed one.
    type: list
    elements: dict
    default: []
  interfaces:
    description: The board's interfaces whose packets are counted; by default all but lo.
    type: list
    elements: str
    default: []
  warm_up_s:
    description: Seconds for which the same runs first, unmeasured. An instrument may round it up.
    type: float
    default: 0.0
  pause_s:
    description: Seconds in which nothing runs, before all this.
    type: float
    default: 0.0
  pins:
    description: What was pinned where, for the result; stored as it stands.
    type: raw
  serve_in:
    description:
      - Guests in which the instrument's server is to listen at O(control_port), for flows from other guests. Nothing is
        measured then. A server ends with its guest.
    type: list
    elements: str
attributes:
  check_mode: {support: full, description: Measures nothing.}
"""
