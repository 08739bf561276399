# SPDX-License-Identifier: Apache-2.0
"""Local boards that are gone have their locks given back with them."""

from __future__ import annotations

from typing import Any

from ansible_collections.netlab.testbed.plugins.plugin_utils.locking import LockingAction, told


class ActionModule(LockingAction):
    """Runs the module of the same name; ``lock: true`` gives the boards' locks back at its end."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        boards, given_back = self._task.args["boards"], not told(variables, "keep")
        return {**result, **self.plain_or_locked("local_boards", variables, boards, wanted=given_back)}
