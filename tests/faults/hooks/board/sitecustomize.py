# SPDX-License-Identifier: Apache-2.0
"""Loaded by Python at its start where the tests put it on PYTHONPATH: lays the gate around each step of a module."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import socket
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

STEPS = "ansible_collections.netlab.testbed.plugins.module_utils.steps"


def gated(steps: ModuleType) -> None:
    """Step.run, with a moment before it (its undo is on disk) and one after it (the change is made)."""
    import fault_gate  # type: ignore[import-not-found]  # beside this file

    run = steps.Step.run
    name = socket.gethostname()
    board = next((kind for kind in ("dut", "peer") if name.endswith(kind)), "machine")

    def run_between(self: Any) -> None:
        place = f"{fault_gate.text('playbook')} {board} step "
        number = fault_gate.times_passed(place) // 2 + 1
        fault_gate.come_by(f"{place}{number} intended")
        try:
            run(self)
        finally:
            fault_gate.come_by(f"{place}{number} done")

    steps.Step.run = run_between  # type: ignore[attr-defined]


class Finder(importlib.abc.MetaPathFinder):
    """Waits for the one module, and changes it as soon as it is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != STEPS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = Loader(spec.loader)
        return spec


class Loader(importlib.abc.Loader):
    def __init__(self, real: Any) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = (
            self.real.create_module(spec) if hasattr(self.real, "create_module") else None
        )
        return made

    def exec_module(self, module: ModuleType) -> None:
        self.real.exec_module(module)
        gated(module)


if os.environ.get("ANSIBLE_FAULTS"):
    import fault_gate

    fault_gate.wrong_clocks()
    sys.meta_path.insert(0, Finder())
