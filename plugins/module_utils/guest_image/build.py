# SPDX-License-Identifier: Apache-2.0
"""Turn a recipe and a distribution's packages into a kernel and an initramfs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import AptStale, AptWorld, Package
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import tree as tree_of
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.cpio import (
    Entry,
    archive,
    regular,
)
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.kernel import plain_kernel
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.recipe import (
    APPLETS,
    MODULES,
    OPTIONAL_MODULES,
    ROLE_FILES,
    Recipe,
)
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

UNPACK_SECONDS = 120
# netperf is in non-free on Debian 12 and in main on 13.
COMPONENTS = ("main", "non-free")


class BuildError(BoardError):
    """The image cannot be built from what the distribution offers."""


@dataclass(frozen=True)
class Image:
    """A built image, and the versions of the packages that it was built from."""

    kernel: bytes
    initramfs: bytes
    packages: dict[str, str]


def choose_packages(world: AptWorld, recipe: Recipe) -> list[Package]:
    """The kernel behind its metapackage, the programs' packages, and the libraries' packages."""
    meta_name = recipe.architecture.kernel_package
    meta = world.candidates([meta_name])
    kernels = [name for name in meta[meta_name].depends if name.startswith("linux-image-")] if meta else []
    if len(kernels) != 1:
        raise BuildError(f"the APT sources offer no {meta_name} for {recipe.architecture.debian}")
    chosen = {**world.library_closure(recipe.programs), **world.candidates(kernels)}
    missing = sorted({*recipe.programs, *kernels} - set(chosen))
    if missing:
        raise BuildError(f"the APT sources offer no {', '.join(missing)} for {recipe.architecture.debian}")
    return list(chosen.values())


def unpack(packages: Sequence[Path], root: Path) -> None:
    """Unpack packages one over the other; their scripts are not run."""
    root.mkdir(parents=True, exist_ok=True)
    for package in packages:
        done = subprocess.run(
            ["dpkg-deb", "-x", str(package), str(root)], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=UNPACK_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BuildError(f"dpkg-deb could not unpack {package.name}: {done.stderr.strip()}")


def assemble(recipe: Recipe, root: Path) -> tuple[bytes, bytes]:
    """(kernel, initramfs) from unpacked packages. The same tree and recipe give the same bytes."""
    kernels = sorted((root / "boot").glob("vmlinuz-*"))
    if len(kernels) != 1:
        raise BuildError(f"expected one kernel in the packages, found {len(kernels)}")
    release = kernels[0].name.removeprefix("vmlinuz-")
    tree = tree_of.Tree(root)
    entries: list[Entry] = list(tree_of.skeleton(APPLETS))
    programs = []
    for package, paths in recipe.programs.items():
        # A package names the same program by its old and its merged place, or several programs by different
        # names.
        names = {path.rpartition("/")[2] for path in paths}
        for name in sorted(names):
            place, content = tree.first([path for path in paths if path.rpartition("/")[2] == name], package)
            programs.append(content)
            entries.append(regular(place, content, 0o755))
    entries += tree_of.libraries(tree, recipe.architecture.triplet, programs)
    module_folder = tree.find(f"lib/modules/{release}")
    if module_folder is None:
        raise BuildError(f"the packages hold no modules of kernel {release}")
    entries += tree_of.module_entries(release, tree_of.modules(module_folder, MODULES, OPTIONAL_MODULES))
    for name, place in ROLE_FILES.items():
        entries.append(
            regular(place, recipe.files[name].encode(), 0o644 if place.startswith("etc/") else 0o755)
        )
    return plain_kernel(kernels[0].read_bytes()), archive(entries)


def build(recipe: Recipe, world: AptWorld, scratch: Path) -> Image:
    """Download, unpack, assemble; `scratch` (about 600 MB) is the caller's to remove."""
    try:
        packages = choose_packages(world, recipe)
        files = world.download(packages, scratch / "packages")
    except AptStale:
        packages = choose_packages(world, recipe)
        files = world.download(packages, scratch / "packages")
    unpack(files, scratch / "tree")
    kernel, initramfs = assemble(recipe, scratch / "tree")
    return Image(kernel, initramfs, {package.name: package.version for package in packages})
