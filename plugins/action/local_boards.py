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
        arguments = dict(self._task.args)
        if not arguments.pop("lock", False) or self._task.check_mode or told(variables, "keep"):
            plain = self._execute_module(
                module_name="netlab.testbed.local_boards", module_args=arguments, task_vars=variables
            )
            return {**result, **plain}
        return {**result, **self.locked_module("local_boards", arguments, variables, arguments["boards"])}
