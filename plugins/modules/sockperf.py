#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One trial of sockperf on a dut, or what its sockperf is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sockperf
short_description: Measure round trips with sockperf, once
description:
  - Runs C(sockperf), in guests through their agents or on the board itself; returns the trial, its figures and
    each message. Always whole round trips; what sockperf printed without C(--full-rtt) is refused.
  - Figures are taken from the messages, each held against its own time stamps, and not from sockperf's summary.
  - The trial's C(parameters) are what role C(instrument_sockperf) takes as C(instrument_sockperf_parameters).
extends_documentation_fragment: [netlab.testbed.measurement]
options:
  control_port:
    description: Port at which C(sockperf server) listens, of UDP and of TCP, for flows that name none.
    type: int
    default: 11111
author: netlab-testbed maintainers (@netlab-testbed)
"""

EXAMPLES = r"""
- name: Two seconds of messages, each after the last answer, from guest1 to the peer
  netlab.testbed.sockperf:
    board: board1
    flows: [{guest: guest1, peer_address: 192.168.20.1}]
    trial: {order: 1, topology: tap, instrument: sockperf, parameters: {duration_s: 2}}

- name: What the board's sockperf is
  netlab.testbed.sockperf:
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
sockperf:
  description: C(version), or C(missing), why it is unknown.
  type: dict
  returned: without O(trial) and O(serve_in)
"""

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.module import main
from ansible_collections.netlab.testbed.plugins.module_utils.sockperf.instrument import INSTRUMENT

if __name__ == "__main__":
    main(INSTRUMENT)
