# SPDX-License-Identifier: Apache-2.0
"""What a board must have, checked before anything is changed. Runs on the controller, costs no connection."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """``requirements``: [{that: bool, message: str}]; every unmet one is told, not only the first."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset(("requirements", "report_only"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        requirements = self._task.args.get("requirements")
        if not isinstance(requirements, list):
            raise AnsibleActionFail("requirements must be a list of {that, message}")
        unmet = []
        for requirement in requirements:
            met = requirement["that"]
            if not isinstance(met, bool):
                raise AnsibleActionFail(
                    f"a requirement's `that` must be true or false, not {met!r}: {requirement['message']}"
                )
            if not met:
                unmet.append(str(requirement["message"]))
        result.update(changed=False, unmet=unmet)
        if unmet and not self._task.args.get("report_only", False):
            result.update(failed=True, msg="; ".join(unmet))
        return result
