# SPDX-License-Identifier: Apache-2.0
"""A ledger is compared on a board that nobody else holds, and the lock given back once the board is ready."""

from __future__ import annotations

from typing import Any

from ansible_collections.netlab.testbed.plugins.plugin_utils.locking import LockingAction, told


class ActionModule(LockingAction):
    """Runs the module of the same name, with ``lock: true`` where the board's lock has a say."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if not arguments.pop("lock", False) or self._task.check_mode:
            plain = self._execute_module(
                module_name="netlab.testbed.ledger", module_args=arguments, task_vars=variables
            )
            return {**result, **plain}
        release = arguments.get("state") == "ready" and not told(variables, "keep")
        board = str(variables["inventory_hostname"])
        return {**result, **self.locked_module("ledger", arguments, variables, [board], release=release)}
