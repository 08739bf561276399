# SPDX-License-Identifier: Apache-2.0
"""The guest image of one architecture: found where it was built before, built where it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import AptWorld
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import build as guest_image_build
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import cpio as guest_image_cpio
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import elf as guest_image_elf
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import kernel as guest_image_kernel
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import tree as guest_image_tree
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.recipe import (
    ARCHITECTURES,
    ROLE_FILES,
    Recipe,
)
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.store import Store
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

CACHE = Path("/var/cache/netlab-testbed")
# The program files that shape an image's bytes: a change in one of them is a change of the recipe.
_SHAPING = (guest_image_build, guest_image_cpio, guest_image_elf, guest_image_kernel, guest_image_tree)
QCOW2_MAGIC = b"QFI\xfb"


def _source(module: ModuleType) -> str:
    """The module's text, also where Ansible runs it from inside a zip file."""
    loader = getattr(module, "__loader__", None)
    text = loader.get_source(module.__name__) if loader is not None else None
    if not isinstance(text, str):
        raise BoardError(
            f"the source of {module.__name__} cannot be read, so the recipe cannot be told from another"
        )
    return text


def recipe_for(
    arch: str, files: dict[str, str], programs: Mapping[str, Sequence[str]] | None = None
) -> Recipe:
    """``programs``: paths in packages, by package, beside those of every image. Sorted: their order is no change."""
    missing = sorted(set(ROLE_FILES) - set(files))
    if missing:
        raise BoardError(f"the guest image needs the role's files {', '.join(missing)}")
    more = {package: tuple(paths) for package, paths in sorted((programs or {}).items())}
    if odd := [path for paths in more.values() for path in paths if path.startswith("/") or ".." in path]:
        raise BoardError(f"programs: {odd[0]!r} is no path inside a package, such as usr/bin/irtt")
    return Recipe(ARCHITECTURES[arch], {name: files[name] for name in ROLE_FILES}, more)


class GuestImage:
    """What is there of one architecture's image, and how to get it."""

    def __init__(self, recipe: Recipe, cache: Path = CACHE) -> None:
        self.recipe = recipe
        self.arch = recipe.architecture.name
        self._cache = cache
        self._store = Store(self.arch, cache / "guest-image")
        self._digest = recipe.digest(_source(module) for module in _SHAPING)

    def current(self) -> dict[str, Any] | None:
        """The image if it is there and of this recipe; no program is run."""
        found = self._store.current(self._digest)
        return None if found is None else self._result(found)

    def build(self, refresh: bool = False) -> tuple[bool, dict[str, Any]]:
        """(whether it is another image than before, the image). With `refresh` from the newest packages, even
        where the recipe has its image; without, a second builder that waited for the first builds nothing."""
        with self._store.locked():
            before = self._store.current(self._digest)
            if before is not None and not refresh:
                return False, self._result(before)
            debian = self.recipe.architecture.debian
            world = AptWorld(
                f"guest-image-{debian}", debian, guest_image_build.COMPONENTS, root=self._cache / "apt"
            )
            world.refresh(max_age=0) if refresh else world.refresh()
            with self._store.scratch() as scratch:
                image = guest_image_build.build(self.recipe, world, scratch)
            description = {
                "arch": self.arch,
                "kernel_command_line": self.recipe.architecture.kernel_command_line,
                "packages": image.packages,
            }
            built = self._store.publish(image.kernel, image.initramfs, description, self._digest)
            return before is None or before["hash"] != built["hash"], self._result(built)

    def _result(self, found: dict[str, Any]) -> dict[str, Any]:
        return {
            **found,
            "arch": self.arch,
            "kernel_command_line": found["recipe"]["kernel_command_line"],
        }


def checked_disk(path: Path) -> None:
    """Raise BoardError unless the user's own disk is a qcow2 that can be read. It is opened for reading
    only."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(QCOW2_MAGIC))
    except OSError as error:
        raise BoardError(f"guest_disk {path} cannot be read: {error.strerror}") from error
    if magic != QCOW2_MAGIC:
        raise BoardError(
            f"guest_disk {path} is not a qcow2 image; qemu-img convert -O qcow2 makes one of another format"
        )
