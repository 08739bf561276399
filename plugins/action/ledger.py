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
        release = self._task.args.get("state") == "ready" and not told(variables, "keep")
        board = str(variables["inventory_hostname"])
        return {**result, **self.plain_or_locked("ledger", variables, [board], release=release)}
