#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One trial of netperf on a dut, or what its netperf can do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netperf
short_description: Measure round trips with netperf, once
description:
  - Runs netperf once, in a guest through its agent or on the board itself; returns the trial and its figures.
  - Every selector is checked; every line that netperf prints becomes a figure, a flag or a failure's reason.
  - A measurement that fails is a trial with status C(failed) and a reason; the task itself succeeds.
  - Changes nothing. In check mode nothing is sent, and the trial is C(skipped).
options:
  trial:
    description:
      - The trial as the plan has it. Its C(parameters) are what role C(instrument_netperf) takes as
        C(instrument_netperf_parameters).
      - Left out, nothing is measured; the module tells what netperf can do there.
    type: dict
  board:
    description: The board's name in the inventory, for the result.
    type: str
    required: true
  guest:
    description: The guest in which netperf runs; without one it runs on the board itself.
    type: str
  peer_address:
    description: IP address at which netserver listens. Needed with O(trial).
    type: str
  control_port:
    description: TCP port at which netserver listens.
    type: int
    default: 12865
  local_address:
    description: IP address from which netperf connects, where several would do.
    type: str
  interfaces:
    description: The board's interfaces whose packets are counted; by default all but lo.
    type: list
    elements: str
    default: []
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Measures nothing.}
"""

EXAMPLES = r"""
- name: Two seconds of TCP_RR from guest1 to the peer
  netlab.testbed.netperf:
    board: board1
    guest: guest1
    peer_address: 192.168.20.1
    trial: {order: 1, topology: tap, instrument: netperf, parameters: {test: TCP_RR, duration_s: 2}}

- name: What the board's netperf can do
  netlab.testbed.netperf:
    board: board1
"""

RETURN = r"""
trial:
  description:
    - The trial's own keys, and C(board), C(guest), C(status), C(reason), C(started), C(finished), C(command),
      C(pacing), C(metrics), C(counters), C(flags), C(raw).
  type: dict
  returned: with O(trial)
netperf:
  description: C(version) and C(can_pace), whether this build has -w and -b; or C(missing), why it is unknown.
  type: dict
  returned: without O(trial)
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.netperf import trial as netperf_trial
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.output import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.netperf.place import InGuest, OnBoard, Place
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError


@contextlib.contextmanager
def place_of(guest: str | None) -> Iterator[Place]:
    """Where netperf runs. BoardError where the guest is not there."""
    if guest is None:
        yield OnBoard()
        return
    # not needed, and often not there, on a board that hosts no guests
    from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops
    from ansible_collections.netlab.testbed.plugins.module_utils.guest_agent import GuestAgent

    with domain_ops.connection() as libvirtd:
        domain = domain_ops.domain_named(libvirtd, guest)
        if domain is None:
            raise BoardError(f"guest {guest} is not there")
        yield InGuest(GuestAgent(domain), guest)


def measure(params: dict[str, Any]) -> dict[str, Any]:
    """The trial with its result, whatever happens."""
    ends = netperf_trial.Ends(
        params["peer_address"], params["control_port"], params["local_address"], params["interfaces"]
    )
    told = (params["trial"], params["board"], params["guest"])
    try:
        with place_of(params["guest"]) as place:
            return netperf_trial.run_trial(*told, place, ends)
    except BoardError as error:
        return netperf_trial.blank_trial(*told) | {"reason": str(error)}


def abilities(guest: str | None) -> dict[str, Any]:
    try:
        with place_of(guest) as place:
            return netperf_trial.probe(place)
    except (BoardError, MeasurementError) as error:
        return {"missing": str(error)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "trial": {"type": "dict"},
            "board": {"type": "str", "required": True},
            "guest": {"type": "str"},
            "peer_address": {"type": "str"},
            "control_port": {"type": "int", "default": 12865},
            "local_address": {"type": "str"},
            "interfaces": {"type": "list", "elements": "str", "default": []},
        },
        required_by={"trial": "peer_address"},
        supports_check_mode=True,
    )
    params = module.params
    if params["trial"] is None:
        module.exit_json(changed=False, netperf=abilities(params["guest"]))
    if module.check_mode:
        skipped = netperf_trial.blank_trial(params["trial"], params["board"], params["guest"])
        module.exit_json(changed=False, trial=skipped | {"status": "skipped", "reason": "check mode"})
    module.exit_json(changed=False, trial=measure(params))


if __name__ == "__main__":
    main()
