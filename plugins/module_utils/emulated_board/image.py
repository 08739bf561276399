# SPDX-License-Identifier: Apache-2.0
"""The image of emulated boards: found where it was built before, built where it was not."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import build, recipe, sandbox
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.store import Store
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.tools import Tools
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

# The program files that shape an image: a change in one of them is a change of the recipe.
_SHAPING = (build, recipe, sandbox)


def _source(module: ModuleType) -> str:
    """The module's text, also where Ansible runs it from inside a zip file."""
    loader = getattr(module, "__loader__", None)
    text = loader.get_source(module.__name__) if loader is not None else None
    if not isinstance(text, str):
        raise BoardError(f"the source of {module.__name__} cannot be read, so its recipe is not known")
    return text


class BoardImage:
    """What is there of it, and how to get it."""

    def __init__(self, cache: Path) -> None:
        self._store = Store(cache)
        self._digest = recipe.digest(_source(module) for module in _SHAPING)

    def current(self) -> dict[str, Any] | None:
        """The image if it is there and of this recipe; no program is run."""
        return self._store.current(self._digest)

    def build(self, tools: Tools, refresh: bool = False) -> dict[str, Any]:
        """The image. One that another builder has just built is used, unless to ``refresh``."""
        with self._store.locked():
            found = self._store.current(self._digest)
            if found is not None and not refresh:
                return found
            with self._store.scratch() as scratch:
                result = scratch / "result"
                result.mkdir()
                packages = build.build(tools, scratch, result)
                told = {"release": recipe.RELEASE, "architecture": recipe.ARCHITECTURE, "packages": packages}
                return self._store.publish(result, told, self._digest)
