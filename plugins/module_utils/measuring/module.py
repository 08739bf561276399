# SPDX-License-Identifier: Apache-2.0
"""What the modules of all instruments do alike: one trial, or what the instrument can do."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Flow, Instrument
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.places import Places
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.serving import ANYWHERE, serve
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.setup import Setup, blank_trial
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.trial import run_trial
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError


def argument_spec(default_port: int) -> dict[str, Any]:
    """Doc fragment ``netlab.testbed.measurement`` describes these."""
    return {
        "trial": {"type": "dict"},
        "board": {"type": "str", "required": True},
        "guest": {"type": "str"},
        "peer_address": {"type": "str"},
        "control_port": {"type": "int", "default": default_port},
        "flows": {
            "type": "list",
            "elements": "dict",
            "options": {
                "guest": {"type": "str"},
                "peer_address": {"type": "str"},
                "control_port": {"type": "int"},
                "cpu": {"type": "int"},
                "local_address": {"type": "str"},
            },
        },
        "loads": {"type": "list", "elements": "dict", "default": []},
        "interfaces": {"type": "list", "elements": "str", "default": []},
        "warm_up_s": {"type": "float", "default": 0.0},
        "pause_s": {"type": "float", "default": 0.0},
        "pins": {"type": "raw"},
        "serve_in": {"type": "list", "elements": "str"},
    }


def flows_of(params: dict[str, Any]) -> list[Flow]:
    """Those named, each with the module's own options where it says nothing; without any, the one of those."""
    named = params["flows"] if params["flows"] is not None else [{"guest": params["guest"]}]
    return [
        Flow(
            guest=flow.get("guest"),
            peer_address=flow.get("peer_address") or params["peer_address"] or "",
            control_port=flow.get("control_port") or params["control_port"],
            cpu=flow.get("cpu"),
            local_address=flow.get("local_address"),
        )
        for flow in named
    ]


def abilities(instrument: Instrument[Any], guest: str | None) -> dict[str, Any]:
    """What the instrument can do there, or why that is unknown."""
    try:
        with Places() as places:
            return instrument.probe(places.at(guest))
    except (BoardError, MeasurementError) as error:
        return {"missing": str(error)}


def measured(instrument: Instrument[Any], setup: Setup, check_mode: bool) -> dict[str, Any]:
    """The trial with its result, whatever happens."""
    if check_mode:
        return blank_trial(setup) | {"status": "skipped", "reason": "check mode"}
    with Places() as places:
        return run_trial(instrument, setup, places)


def served(instrument: Instrument[Any], guests: list[str], port: int, check_mode: bool) -> list[str]:
    """The guests in which a server had to be started. BoardError, MeasurementError."""
    servers = instrument.servers(ANYWHERE, port)
    with Places() as places:
        return [guest for guest in guests if serve(places.at(guest), servers, port, check_mode)]


def main(instrument: Instrument[Any]) -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(instrument.port),
        mutually_exclusive=[("trial", "serve_in")],
        supports_check_mode=True,
    )
    params = module.params
    if params["serve_in"] is not None:
        try:
            new = served(instrument, params["serve_in"], params["control_port"], module.check_mode)
        except (BoardError, MeasurementError) as error:
            module.fail_json(msg=str(error))
        module.exit_json(changed=bool(new), served=new)
    if params["trial"] is None:
        module.exit_json(changed=False, **{instrument.name: abilities(instrument, params["guest"])})
    setup = Setup(
        trial=params["trial"],
        board=params["board"],
        flows=flows_of(params),
        loads=params["loads"],
        interfaces=params["interfaces"],
        warm_up_s=params["warm_up_s"],
        pause_s=params["pause_s"],
        pins=params["pins"],
    )
    module.exit_json(changed=False, measured=measured(instrument, setup, module.check_mode))
