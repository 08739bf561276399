#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One trial of netperf on a dut, or what its netperf can do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netperf
short_description: Measure round trips with netperf, once
description:
  - Runs netperf, in guests through their agents or on the board itself; returns the trial and its figures.
  - Every selector is checked; every line that netperf prints becomes a figure, a flag or a failure's reason.
  - The trial's C(parameters) are what role C(instrument_netperf) takes as C(instrument_netperf_parameters).
extends_documentation_fragment: [netlab.testbed.measurement]
options:
  control_port:
    description: TCP port at which netserver listens, for flows that name none.
    type: int
    default: 12865
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: Two seconds of TCP_RR from guest1 to the peer
  netlab.testbed.netperf:
    board: board1
    flows: [{guest: guest1, peer_address: 192.168.20.1}]
    trial: {order: 1, topology: tap, instrument: netperf, parameters: {test: TCP_RR, duration_s: 2}}

- name: What the board's netperf can do
  netlab.testbed.netperf:
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
netperf:
  description: C(version) and C(can_pace), whether this build has -w and -b; or C(missing), why it is unknown.
  type: dict
  returned: without O(trial) and O(serve_in)
"""

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.module import main
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.instrument import INSTRUMENT

if __name__ == "__main__":
    main(INSTRUMENT)
