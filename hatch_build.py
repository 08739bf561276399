# SPDX-License-Identifier: Apache-2.0
"""Puts the Ansible collection where ansible-core finds it with no setting, beside the package.

A standard wheel gets copies. An editable install reads the working tree through `.collections`
(`dev-mode-dirs`); were the copies a static table in pyproject.toml, it would get them too, and they would
be stale after the first edit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COLLECTION = "ansible_collections/netlab/testbed"
# What plain Ansible and the wrapper read at run time.
FILES = ("LICENSE", "README.md", "galaxy.yml")
FOLDERS = ("docs/schemas", "inventory", "meta", "playbooks", "plugins", "roles")


class CollectionHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable":
            link = root / ".collections" / COLLECTION
            if not link.exists():  # an unpacked sdist: archives of the project leave the link out
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to("../../..")
        elif version == "standard":
            inside = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*"))]
            for path in (*(root / name for name in FILES), *inside):
                if path.is_file() and "__pycache__" not in path.parts:
                    relative = path.relative_to(root).as_posix()
                    build_data["force_include"][str(path)] = f"{COLLECTION}/{relative}"
