# SPDX-License-Identifier: Apache-2.0
"""A trial made whole: what the dut measured, with the peer's counters around it.

The task is delegated to the peer. Its counters are read once a trial: the reading after one trial is the one
before the next, so what the next one does before it counts is in it, its pause, loads and warm-up. They are read by
cat(1) and taken apart here: a module on the peer, with a Python to start and a pack to send, would take ten times as
long, for every trial.
"""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.counters import FILES, read_counters

READ = f"cat {shlex.join(FILES)}"  # what is not there it remarks on, and reads the rest
FACT = "testbed_peer_counters"  # the last reading, kept with the dut's facts

Trial = dict[str, Any]


def skipped(spec: Mapping[str, Any], board: str, reason: str) -> Trial:
    """A trial that was not measured, with the keys that every result has."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    return {
        **spec, "board": board, "guest": None, "status": "skipped", "reason": reason, "started": now, "finished": now,
        "command": [], "pacing": None, "metrics": {}, "counters": {"before": {}, "after": {}}, "flags": [], "raw": "",
        "flows": [], "loads": [], "pins": {}, "samples": None,
    }  # fmt: skip


def joined(
    measured: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    why_not: str,
) -> Trial:
    """The measured trial with the peer's counters; a flag where they are not known."""
    counters = measured.get("counters") or {}
    trial = {
        **measured,
        "counters": {
            "before": {**counters.get("before", {}), "peer": dict(before or {})},
            "after": {**counters.get("after", {}), "peer": dict(after or {})},
        },
    }
    if not before or not after:
        text = f"the peer's counters are not known around this trial{f': {why_not}' if why_not else ''}"
        flag = {"rule": "peer_counters_missing", "text": text, "severity": "note"}
        trial["flags"] = [*measured.get("flags", []), flag]
    return trial


class ActionModule(ActionBase):
    """Without ``trial`` it only reads the peer's counters, for the trial that comes next."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset(("trial", "measured", "skipped", "interfaces"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self._task.args
        spec, measured, reason = (arguments.get(name) for name in ("trial", "measured", "skipped"))
        result["changed"] = False
        if spec is not None and reason:
            result["trial"] = skipped(spec, str(variables["inventory_hostname"]), str(reason))
            return result
        if spec is not None and not isinstance(measured, Mapping):
            raise AnsibleActionFail("measured must be what the instrument returned, or skipped a reason")
        before = (variables.get("ansible_facts") or {}).get(FACT)
        after, why_not = self._read(arguments.get("interfaces") or [])
        result["ansible_facts"] = {FACT: after}
        if spec is not None and isinstance(measured, Mapping):
            result["trial"] = joined(measured, before, after, why_not)
        return result

    def _read(self, interfaces: list[str]) -> tuple[dict[str, Any] | None, str]:
        """The peer's counters, or why they are not known: a trial that was measured is not lost for that."""
        try:
            told = self._low_level_execute_command(READ, sudoable=True)
        except AnsibleError as error:
            return None, str(error)
        if not told["stdout"].strip():
            return None, f"{READ} ended with status {told['rc']}: {told['stderr'].strip()[:200]}"
        return read_counters(told["stdout"], interfaces), ""
