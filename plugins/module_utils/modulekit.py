# SPDX-License-Identifier: Apache-2.0
"""What every module of ours that changes a board does alike: check mode, diff, ledger, errors in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import lock
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import ROLLED_BACK, Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.self_rollback import timer
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, Step, run_steps

LEDGER_OPTION: dict[str, dict[str, Any]] = {
    "ledger": {"type": "str", "choices": ["board", "topology"], "default": "topology"},
    "topology": {"type": "str"},
    "ticket": {"type": "dict"},
}


def fail(module: AnsibleModule, error: BoardError) -> NoReturn:
    """End the module with the error's one sentence; a refusal is told apart, since the board can do no better."""
    if isinstance(error, Refusal):
        module.fail_json(msg=str(error), unmet=[str(error)])
    module.fail_json(msg=str(error))


def finish(module: AnsibleModule, steps: Sequence[Step], **result: Any) -> NoReturn:
    """End the module with what was done, or would be, in words and as its diff."""
    says = [step.says() for step in steps]
    module.exit_json(
        changed=bool(steps),
        steps=says,
        diff={"before": "", "after": "".join(f"{line}\n" for line in says)},
        **result,
    )


def timely(ticket: Mapping[str, Any] | None) -> None:
    """BoardError for a module of a deploy that is over. For who holds the ledger. Without a ticket all are timely."""
    if not ticket:
        return
    deployment = Ledger("topology").deployment()
    if deployment.get("state") == ROLLED_BACK and deployment.get("deploy") == ticket["deploy"]:
        raise BoardError(timer.says(deployment))
    if why := lock.outdated(ticket):
        raise BoardError(why)


def change_board(
    module: AnsibleModule,
    *plans: Callable[[], Sequence[Step]],
    after: Callable[[], dict[str, Any]] | None = None,
) -> NoReturn:
    """Plan, then show (check mode) or do, through the ledger named by the module's ``ledger`` option.

    Of several plans each is made when the one before is done; in check mode, on the board as it is.
    ``after`` is called once the steps are done (in check mode too, on the board as it is) and gives the
    module's result; it only reads.
    """
    try:
        steps: list[Step] = []
        if module.check_mode:
            for plan in plans:
                steps += plan()
        else:
            scope = module.params["ledger"]
            # what is in the board's own scope outlives the topology
            topology = module.params.get("topology") if scope == "topology" else None
            ledger = Ledger(scope, topology=topology)
            with ledger.alone():  # what is planned is still so when it is done
                timely(module.params.get("ticket"))
                timer.extend()
                for plan in plans:
                    planned = list(plan())
                    run_steps(planned, ledger)
                    steps += planned
                timer.extend()
        result = after() if after else {}
    except BoardError as error:
        fail(module, error)
    finish(module, steps, **result)
