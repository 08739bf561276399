# SPDX-License-Identifier: Apache-2.0
"""Packages are the first that a deploy may change on a machine: whoever installs them has the boards' locks first."""

from __future__ import annotations

from typing import Any

from ansible_collections.netlab.testbed.plugins.plugin_utils.locking import LockingAction, boards_together


class ActionModule(LockingAction):
    """Runs the module of the same name, with ``lock: true`` once it has taken the locks."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        return {
            **result,
            **self.plain_or_locked("packages", variables, boards_together(variables), deploys=True),
        }
