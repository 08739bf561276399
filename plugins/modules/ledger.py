#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A board's ledger: open for a topology, close as ready, replay backwards, read."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger
short_description: The record of what was changed on a board
description:
  - Every module of this collection that changes a board writes each change's inverse to the board's ledger first.
  - Opening it for another topology than the one it records undoes that one.
options:
  state:
    description:
      - V(open) makes the board ready to be changed for O(topology). V(ready) notes that it carries the topology,
        and what the board looks like with it.
      - V(absent) replays the ledger backwards. V(compare) only tells, what has drifted since V(ready) too.
    type: str
    choices: [open, ready, absent, compare]
    required: true
  topology:
    description: The topology, with V(state=open) and V(state=ready).
    type: str
  facts:
    description: What else to note about the deployment, with V(state=ready).
    type: dict
    default: {}
  ticket:
    description: The deploy that this is part of, see P(netlab.testbed.ticket#lookup).
    type: dict
  confirm_within_s:
    description:
      - With V(state=open), the board rolls back by itself unless the controller confirms within so many seconds, each
        module that changes the board beginning them anew. For a board that may lose the connection it is reached by.
    type: float
  confirm:
    description:
      - With V(state=ready), the board need not roll back by itself. The connection is made anew for this, and one that
        was there before the changes is refused.
    type: bool
    default: false
  scopes:
    description: What V(state=absent) undoes. V(topology) leaves what the board needs under any topology.
    type: list
    elements: str
    choices: [topology, board]
    default: [topology, board]
  lock:
    description:
      - Whether the board's lock has a say, see M(netlab.testbed.lock). V(state=compare) fails where somebody else has
        it, and V(state=ready) gives it back at the end.
      - The controller fills in who asks.
    type: raw
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Says what would be done.}
  diff_mode: {support: full, description: Lists the steps.}
"""

EXAMPLES = r"""
- name: This board is to carry macvtap
  netlab.testbed.ledger:
    state: open
    topology: macvtap

- name: As it was before the first change
  netlab.testbed.ledger:
    state: absent
"""

RETURN = r"""
deployment:
  description: What the board carries, empty where nothing is deployed; C(topology), C(state) and what the roles noted.
  type: dict
  returned: always
drift:
  description: What is not as it was when the deployment was whole, in words, with V(state=compare).
  type: list
  elements: str
  returned: when asked for
testbed_report:
  description:
    - With V(state=absent), C(residue), what is not as it was before the first change, each with C(what) and C(why).
    - C(why) is empty where it is left of this testbed. C(residue) is null where there was nothing to undo.
  type: dict
  returned: with V(state=absent)
undoable:
  description: Whether something is to be undone where the deploy goes no further, with V(state=open).
  type: bool
  returned: with V(state=open)
unlocked:
  description: Boards whose locks were given back.
  type: list
  elements: str
  returned: with O(lock)
undone:
  description: What was undone, in words.
  type: list
  elements: str
  returned: always
"""

from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import lock
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail, timely
from ansible_collections.netlab.testbed.plugins.module_utils.observe import drift, observe
from ansible_collections.netlab.testbed.plugins.module_utils.self_rollback import timer
from ansible_collections.netlab.testbed.plugins.module_utils.ssh_connection import ssh_connection
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step, run_steps


def would_undo(ledger: Ledger) -> list[str]:
    """In words, last change first."""
    return [Step.from_dict(entry["undo"]).says() for entry in reversed(ledger.entries()) if entry.get("undo")]


def undo(module: AnsibleModule, scopes: list[str]) -> tuple[list[str], list[dict[str, str]] | None]:
    """Replay the scopes (topology before board); what was undone, and what is left of it once all is.

    Ends the module when something stays in a ledger.
    """
    # registers every operation; imported here because it takes what only a board with guests has
    from ansible_collections.netlab.testbed.plugins.module_utils import all_ops  # noqa: F401

    undone: list[str] = []
    stuck: list[str] = []
    residue: list[dict[str, str]] | None = None
    for scope in sorted(scopes, reverse=True):
        ledger = Ledger(scope)
        if module.check_mode:
            undone += would_undo(ledger)
            continue
        done, failed = ledger.rollback()
        undone += done
        stuck += failed
        residue = ledger.residue if ledger.residue is not None else residue
    if stuck:
        module.fail_json(
            msg=f"{len(stuck)} of {len(stuck) + len(undone)} changes could not be undone and stay in the ledger "
            f"for the next destroy: {'; '.join(stuck)}",
            undone=undone,
            stuck=stuck,
        )
    return undone, residue


def not_ours(module: AnsibleModule) -> None:
    """Ends the module where somebody else has the board; forgets a holder that is no more."""
    asked = module.params["lock"]
    if not asked:
        return
    if asked["replacing"]:
        lock.give_back(asked["boards"], asked["replacing"])
    if held := lock.others(asked["boards"], asked["holder"]["token"]):
        module.exit_json(changed=False, held=held)


def given_back(module: AnsibleModule) -> dict[str, Any]:
    asked = module.params["lock"]
    if not asked or not asked["release"]:
        return {}
    return {"unlocked": lock.give_back(asked["boards"], {asked["holder"]["token"]})}


def armed(module: AnsibleModule) -> bool:
    """Whether the board now rolls back by itself."""
    within_s = module.params["confirm_within_s"]
    if within_s is None:
        return False
    # what the timer runs has to come to the board with this module
    from ansible_collections.netlab.testbed.plugins.module_utils.self_rollback import program  # noqa: F401

    deploy = str((module.params["ticket"] or {}).get("deploy", ""))
    run_steps([timer.step(within_s, ssh_connection(), deploy)], Ledger(timer.SCOPE))
    return True


def opened(module: AnsibleModule, ledger: Ledger) -> tuple[list[str], bool]:
    """What was undone to make room for the wanted topology, and whether that was another one."""
    deployment: dict[str, Any] = ledger.deployment()
    wanted = module.params["topology"]
    if deployment.get("topology") == wanted or not (deployment or ledger.entries()):
        return [], False
    if not module.check_mode:
        timer.extend()
    undone, _ = undo(module, ["topology"])
    if not module.check_mode:
        ledger.note(topology=wanted, state="building")
    return undone, True


def finish(module: AnsibleModule, changed: bool, undone: list[str], **result: Any) -> NoReturn:
    module.exit_json(
        **result,
        changed=changed,
        undone=undone,
        deployment=Ledger("topology").deployment(),
        diff={"before": "".join(f"{line}\n" for line in undone), "after": ""} if undone else {},
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["open", "ready", "absent", "compare"], "required": True},
            "topology": {"type": "str"},
            "ticket": {"type": "dict"},
            "confirm_within_s": {"type": "float"},
            "confirm": {"type": "bool", "default": False},
            "facts": {"type": "dict", "default": {}},
            "scopes": {
                "type": "list", "elements": "str", "choices": ["topology", "board"], "default": ["topology", "board"],
            },
            **lock.OPTION,
        },
        required_if=[("state", "open", ("topology",)), ("state", "ready", ("topology",))],
        supports_check_mode=True,
    )  # fmt: skip
    state: str = module.params["state"]
    ledger = Ledger("topology")
    undone: list[str] = []
    changed = False
    told: dict[str, Any] = {}
    try:
        not_ours(module)
        if state == "absent":
            undone, residue = undo(module, module.params["scopes"])
            changed = bool(undone)
            told["testbed_report"] = {"residue": residue}
        elif state == "open":
            if module.check_mode:
                undone, changed = opened(module, ledger)
            else:
                with ledger.alone():
                    timely(module.params["ticket"])
                    # a deploy that finds nothing to change has changed nothing, once it has confirmed that
                    told["undoable"] = armed(module)
                    undone, changed = opened(module, ledger)
        elif state == "ready" and not module.check_mode:
            facts = {**module.params["facts"], "topology": module.params["topology"]}
            with ledger.alone():
                timely(module.params["ticket"])
                changed = ledger.note(state="ready", observed=observe(), **facts)
                if module.params["confirm"]:
                    timer.confirm(ssh_connection())
            told = given_back(module)
        elif state == "compare":
            # nothing deployed: nothing to read, and perhaps nothing to read it with
            recorded = ledger.deployment().get("observed")
            changes = drift(recorded, observe(whatever_is_there=True)) if recorded is not None else []
            module.exit_json(changed=False, undone=[], deployment=ledger.deployment(), drift=changes)
        finish(module, changed, undone, **told)
    except BoardError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
