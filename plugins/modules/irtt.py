#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One trial of irtt on a dut, or what its irtt is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: irtt
short_description: Measure round trips with irtt, once
description:
  - Runs C(irtt client), in guests through their agents or on the board itself; returns the trial, its figures and
    each probe. Probes are sent at even intervals, whether or not the last one was answered.
  - Figures are taken from the probes, each held against its own time stamps, and not from irtt's summary.
  - The trial's C(parameters) are what role C(instrument_irtt) takes as C(instrument_irtt_parameters).
extends_documentation_fragment: [netlab.testbed.measurement]
options:
  control_port:
    description: UDP port at which C(irtt server) listens, for flows that name none.
    type: int
    default: 2112
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: Two seconds of a probe every 10 ms from guest1 to the peer
  netlab.testbed.irtt:
    board: board1
    flows: [{guest: guest1, peer_address: 192.168.20.1}]
    trial: {order: 1, topology: tap, instrument: irtt, parameters: {duration_s: 2, interval_ms: 10}}

- name: What the board's irtt is
  netlab.testbed.irtt:
    board: board1
"""

RETURN = r"""
measured:
  description:
    - The trial's own keys, and C(board), C(guest), C(status), C(reason), C(started), C(finished), C(command),
      C(pacing), C(metrics), C(counters), C(flags), C(raw), C(flows), C(loads), C(pins), C(samples).
  type: dict
  returned: with O(trial)
served:
  description: The guests of O(serve_in) in which a server was started, or in check mode would be.
  type: list
  elements: str
  returned: with O(serve_in)
irtt:
  description: C(version), or C(missing), why it is unknown.
  type: dict
  returned: without O(trial) and O(serve_in)
"""

from ansible_collections.netlab.testbed.plugins.module_utils.irtt.instrument import INSTRUMENT
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.module import main

if __name__ == "__main__":
    main(INSTRUMENT)
