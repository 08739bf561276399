# SPDX-License-Identifier: Apache-2.0
"""An Ansible callback that stops ansible-playbook before a task, or after the last, if a test wants it to."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

sys.path.append(str(Path(__file__).resolve().parent.parent / "board"))
import fault_gate  # type: ignore[import-not-found]


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "fault_moments"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.playbook = ""
        self.tasks = 0

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self.playbook = Path(playbook._file_name).stem
        fault_gate.wrong_clocks()
        fault_gate.write("playbook", self.playbook)
        fault_gate.write("ansible", str(os.getpid()))

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self.tasks += 1
        fault_gate.come_by(f"{self.playbook} task {self.tasks}")
        fault_gate.come_by(f"{self.playbook} before {task.name}")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        fault_gate.come_by(f"{self.playbook} task {self.tasks + 1}")
