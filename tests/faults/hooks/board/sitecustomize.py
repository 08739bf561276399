# SPDX-License-Identifier: Apache-2.0
"""Loaded by Python at its start where the tests put it on PYTHONPATH: lays the gate around what changes things.

Every call of a module comes by here, so that nothing is imported before it is needed: it would be a tenth of all time.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

UTILS = "ansible_collections.netlab.testbed.plugins.module_utils."


def steps(module: Any) -> None:
    """Step.run, with a moment before it (its undo is on disk) and one after it (the change is made)."""
    import fault_gate  # type: ignore[import-not-found]  # beside this file

    run = module.Step.run

    def run_between(self: Any) -> None:
        number = fault_gate.next_step()
        fault_gate.come_by(f"{number} intended")
        try:
            run(self)
        finally:
            fault_gate.come_by(f"{number} done")

    module.Step.run = run_between


def ledger(module: Any) -> None:
    """The writing of a ledger, with a moment when half of it is on disk."""
    import fault_gate

    write = module.write_atomically

    def write_in_halves(path: Any, text: str) -> None:
        moment = fault_gate.next_of("write", " torn")
        if fault_gate.is_wanted(moment):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.with_name(path.name + ".new").write_text(text[: len(text) // 2], encoding="utf-8")
        fault_gate.come_by(moment)
        write(path, text)

    module.write_atomically = write_in_halves


def lines(module: Any) -> None:
    """A line of results, with a moment before, in the midst of and after its writing."""
    import fault_gate

    append, write = module.LineWriter.append, os.write

    def append_between(self: Any, value: Any) -> None:
        number = fault_gate.next_of("netlab line", " begun").removesuffix(" begun")
        fault_gate.come_by(f"{number} begun")

        def half(handle: int, content: Any) -> int:
            os.write = write
            content = memoryview(content)
            if not fault_gate.is_wanted(f"{number} torn"):
                return write(handle, content)
            wrote = write(handle, content[: len(content) // 2])
            fault_gate.come_by(f"{number} torn")
            return wrote

        os.write = half
        try:
            append(self, value)
        finally:
            os.write = write
        fault_gate.come_by(f"{number} done")

    module.LineWriter.append = append_between


def store(module: Any) -> None:
    """What time a run says it is: the only clock of the wrapper's that is written down."""
    import fault_gate

    fault_gate.wrong_dates(module)


GATED: dict[str, Callable[[Any], None]] = {
    f"{UTILS}steps": steps,
    f"{UTILS}ledger": ledger,
    "netlab.results.lines": lines,
    "netlab.results.store": store,
}


class Finder:
    """Waits for the modules, and changes each as soon as it is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in GATED:
            return None
        import importlib.util

        gate = GATED.pop(name)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = Loader(spec.loader, gate)  # type: ignore[assignment]
        return spec


class Loader:
    def __init__(self, real: Any, gate: Callable[[Any], None]) -> None:
        self.real, self.gate = real, gate

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = (
            self.real.create_module(spec) if hasattr(self.real, "create_module") else None
        )
        return made

    def exec_module(self, module: ModuleType) -> None:
        self.real.exec_module(module)
        self.gate(module)


if os.environ.get("ANSIBLE_FAULTS"):
    sys.meta_path.insert(0, Finder())
    if os.path.exists(f"{os.environ['ANSIBLE_FAULTS']}/clock"):  # noqa: PTH110 - see above
        import fault_gate

        fault_gate.wrong_clocks()
