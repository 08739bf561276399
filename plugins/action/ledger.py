# SPDX-License-Identifier: Apache-2.0
"""A ledger is compared on a board that nobody else holds, and the lock given back once the board is ready.

Where the board would roll back by itself, ``confirm: true`` has it told over a new connection that it need not.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.netlab.testbed.plugins.plugin_utils.locking import LockingAction, told


class ActionModule(LockingAction):
    """Runs the module of the same name, with ``lock: true`` where the board's lock has a say."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        if boolean(self._task.args.get("confirm", False)) and not self._task.check_mode:
            self._connection.reset()  # what confirms a change has to come by a connection that was made after it
        release = self._task.args.get("state") == "ready" and not told(variables, "keep")
        board = str(variables["inventory_hostname"])
        return {**result, **self.plain_or_locked("ledger", variables, [board], release=release)}
