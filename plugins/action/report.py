# SPDX-License-Identifier: Apache-2.0
"""What a play has to say to whoever runs it, beside its tasks' own results."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """``data`` becomes the result's ``testbed_report``."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset(("data",))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        result.update(changed=False, testbed_report=self._task.args["data"])
        return result
