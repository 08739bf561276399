# SPDX-License-Identifier: Apache-2.0
"""Where the Ansible collection is, and what it holds: topologies and instruments are roles."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from netlab import settings
from netlab.errors import InvalidInput, NetlabError

NAME = "netlab.testbed"
INSIDE = Path("ansible_collections", *NAME.split("."))
TOPOLOGY_PREFIX = "datapath_"
INSTRUMENT_PREFIX = "instrument_"
DEFAULT_INVENTORY = "inventory/local"


@dataclass(frozen=True)
class Role:
    """A role of the collection, and the argument specification that it publishes."""

    name: str  # without its prefix: the topology's or the instrument's own name
    path: Path

    @property
    def specification(self) -> Mapping[str, Any]:
        """The role's `main` entry of meta/argument_specs.yml; empty if it has none."""
        file = self.path / "meta" / "argument_specs.yml"
        if not file.is_file():
            return {}
        import yaml  # not at the top: `netlab --help` has no use for it

        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        main = content.get("argument_specs", {}).get("main", {})
        return main if isinstance(main, dict) else {}

    @property
    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """What the role can be told: option name to its specification."""
        return self.specification.get("options") or {}

    @property
    def description(self) -> str:
        return str(self.specification.get("short_description", ""))


@dataclass(frozen=True)
class Collection:
    """The collection at `root`, which is .../ansible_collections/netlab/testbed."""

    root: Path

    @property
    def search_path(self) -> Path:
        """What ANSIBLE_COLLECTIONS_PATH must hold for Ansible to find this very collection."""
        return self.root.parent.parent.parent

    def role(self, name: str) -> Role:
        return Role(name, self.root / "roles" / name)

    def topologies(self) -> dict[str, Role]:
        return self._roles(TOPOLOGY_PREFIX)

    def instruments(self) -> dict[str, Role]:
        return self._roles(INSTRUMENT_PREFIX)

    def inventories(self) -> list[str]:
        """The inventories that come with netlab, as `-i` takes them."""
        return sorted(f"inventory/{path.name}" for path in self.root.glob("inventory/*") if path.is_dir())

    def _roles(self, prefix: str) -> dict[str, Role]:
        found = sorted(path for path in self.root.glob(f"roles/{prefix}*") if path.is_dir())
        return {path.name.removeprefix(prefix): Role(path.name.removeprefix(prefix), path) for path in found}


@cache
def find() -> Collection:
    """The collection that belongs to this very wrapper: the checkout's, or the one beside the package."""
    chosen = settings.text(settings.COLLECTIONS)
    if chosen:
        root = Path(chosen).expanduser().absolute() / INSIDE
        if not (root / "playbooks").is_dir():
            raise InvalidInput(
                f"{settings.COLLECTIONS.name}={chosen}: there is no {INSIDE} in it",
                hint=f"unset {settings.COLLECTIONS.name}",
            )
        return Collection(root)
    beside = Path(__file__).absolute().parent.parent
    for folder in (beside / ".collections", beside):
        if (folder / INSIDE / "playbooks").is_dir():
            return Collection(folder / INSIDE)
    raise NetlabError(
        f"the Ansible collection {NAME} is not where it is installed with netlab: {beside / INSIDE}",
        hint="pip install --force-reinstall netlab-testbed",
    )


def inventory_option(inventory: str) -> str:
    """What a suggested command needs behind it to mean this inventory: ` -i lab`, or nothing."""
    default = (DEFAULT_INVENTORY, str(find().root / DEFAULT_INVENTORY))
    return "" if inventory in default else f" -i {shlex.quote(inventory)}"
