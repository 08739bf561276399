# SPDX-License-Identifier: Apache-2.0
"""Why a task failed, in the words that a person needs: Ansible's result is a wall of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_LINES = 12  # of one message; the log has the whole of it

# What Ansible puts before a message and nobody needs, with what stands there instead.
NO_ANSWER = ("MODULE FAILURE", "Module result deserialization failed")
PREFIXES = {"Task failed: Module failed: ": "the module crashed: ", "Task failed: ": ""}


def explain(result: Mapping[str, Any]) -> str:
    """One message from a failed task's result, at most twelve lines long."""
    items = [item for item in result.get("results") or [] if isinstance(item, Mapping) and item.get("failed")]
    if items:  # a loop's own message only says that an item failed
        return "\n".join(dict.fromkeys(explain(item) for item in items))
    errors = result.get("argument_errors")
    if errors:
        return "\n".join(str(error) for error in errors)
    message = str(result.get("msg") or result.get("reason") or "").strip()
    for prefix, words in PREFIXES.items():
        if message.startswith(prefix):
            message = words + message.removeprefix(prefix)
            break
    parts = [message] if message else []
    if message.startswith("non-zero return code"):
        command = result.get("cmd")
        said = " ".join(map(str, command)) if isinstance(command, list) else command
        parts[0] = f"{said or 'the command'} ended with status {result.get('rc')}"
    if message.startswith(NO_ANSWER):  # killed, or its interpreter is missing
        parts[0] = f"the module ended without an answer, with status {result.get('rc', 'unknown')}"
    if not message or parts[0] != message:
        outputs = ("stderr", "module_stderr", "module_stdout")
        parts += [str(result[key]).strip() for key in outputs if result.get(key)]
    if not parts and result.get("censored"):
        parts = [str(result["censored"])]
    return _shortened("\n".join(parts) or "the task gave no reason")


def _shortened(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if len(lines) <= MOST_LINES:
        return "\n".join(lines)
    # The beginning of a message says what happened, the end of a traceback says why.
    kept = MOST_LINES // 2
    return "\n".join(
        [*lines[:kept], f"... ({len(lines) - 2 * kept} lines more in the log) ...", *lines[-kept:]]
    )
