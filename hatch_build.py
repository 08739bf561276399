# SPDX-License-Identifier: Apache-2.0
"""Puts the Ansible collection into the wheel, where ansible-core finds it with no setting.

Only standard wheels get the copies. An editable install reads the working tree through `.collections`
(`dev-mode-dirs`); were the copies a static table in pyproject.toml, it would get them too, and they would
be stale after the first edit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COLLECTION = "ansible_collections/netlab/testbed"
# What plain Ansible and the wrapper read at run time.
PARTS = (
    "galaxy.yml",
    "LICENSE",
    "README.md",
    "meta",
    "plugins",
    "roles",
    "playbooks",
    "inventory",
    "docs/schemas",
    "plans",
)


class CollectionHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        root = Path(self.root)
        for part in PARTS:
            source = root / part
            for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
                if path.is_file() and "__pycache__" not in path.parts:
                    relative = path.relative_to(root).as_posix()
                    build_data["force_include"][str(path)] = f"{COLLECTION}/{relative}"
