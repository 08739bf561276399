# SPDX-License-Identifier: Apache-2.0
"""Take, give back or wait for boards' locks: one call for all boards whose locks one machine keeps."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.netlab.testbed.plugins.plugin_utils.locking import (
    LockingAction,
    boards_together,
    holder,
    lock_name,
    refusal,
    told,
)

ROUND = 10.0  # seconds of waiting on a board, between two looks at whether the holder still lives


class ActionModule(LockingAction):
    """Delegated to the machine that keeps the lock."""

    _VALID_ARGS = frozenset(("state", "wait_s", "best_effort"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self._task.args
        state = arguments.get("state")
        if state not in ("taken", "released", "awaited", "read"):
            raise AnsibleActionFail(f"state must be taken, released, awaited or read, not {state!r}")
        result["changed"] = False
        this = str(variables["inventory_hostname"])
        if state == "read":
            told_by = self._execute_module(
                module_name="netlab.testbed.lock",
                module_args={"state": "read", "lock": {"boards": [lock_name(variables, this)], "holder": {}}},
                task_vars=variables,
            )
            return {**result, **told_by}
        boards = boards_together(variables)
        # The first of them that is left in the play does it for all.
        if this != next(board for board in boards if board in variables["ansible_play_hosts"]):
            return result
        if self._task.check_mode:
            return result
        if state == "awaited":
            return {**result, **self._wait(boards, variables, float(arguments.get("wait_s", 0)))}
        best_effort = bool(arguments.get("best_effort", False))
        return {
            **result,
            **self.locked_module("lock", {"state": state}, variables, boards, best_effort=best_effort),
        }

    def _wait(self, boards: list[str], variables: dict[str, Any], limit: float) -> dict[str, Any]:
        """Until each lock is free, or may be taken because its holder has died."""
        me = holder(variables)
        names = {lock_name(variables, board): board for board in boards}
        end = time.monotonic() + limit
        while True:
            left = max(0.0, end - time.monotonic())
            result: dict[str, Any] = self._execute_module(
                module_name="netlab.testbed.lock",
                module_args={
                    "state": "awaited",
                    "wait_s": min(left, ROUND),
                    "lock": {"boards": list(names), "holder": me},
                },
                task_vars=variables,
            )
            held = {names[name]: other for name, other in (result.pop("held", None) or {}).items()}
            refused = refusal(held, me, break_lock=told(variables, "break"))
            if not refused:
                return result
            if left <= ROUND or all(entry["standing"] == "gone" for entry in refused):
                return self.refused(refused)
