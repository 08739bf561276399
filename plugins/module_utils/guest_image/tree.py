# SPDX-License-Identifier: Apache-2.0
"""Choose from unpacked packages the files of an initramfs: programs, the libraries they need, kernel modules.

Nothing from the packages is executed, so the packages may be of another architecture than this machine's.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import elf as elf
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.cpio import (
    Entry,
    character_device,
    directory,
    regular,
    symlink,
)
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.kernel import decompress
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

# Debian's merged /usr: what is in /lib of a package (Debian 12) or in /usr/lib (13) is found at both.
MERGED = ("bin", "sbin", "lib", "lib64")
EMPTY_DIRECTORIES = ("dev", "etc", "proc", "root", "run", "sys", "tmp", "var")


class MissingFromPackages(BoardError):
    """The packages do not hold a file that the guest needs."""


@dataclass(frozen=True)
class Tree:
    """Unpacked packages, one over the other, at `root`."""

    root: Path

    def find(self, path: str) -> Path | None:
        """The file at `path` (absolute or not, as the guest would see it), followed through symbolic links,
        which are always taken as relative to the tree: an absolute link must not lead out of it."""
        remaining = [part for part in path.split("/") if part not in ("", ".")]
        here: list[str] = []
        for _hop in range(64):
            if not remaining:
                return self.root.joinpath(*here)
            part = remaining.pop(0)
            if part == "..":
                here = here[:-1]
                continue
            candidate = self.root.joinpath(*here, part)
            if candidate.is_symlink():
                target = str(candidate.readlink())
                remaining = [step for step in target.split("/") if step not in ("", ".")] + remaining
                here = [] if target.startswith("/") else here
            elif candidate.exists():
                here.append(part)
            elif not here and part in MERGED:
                here = ["usr", part]
                if not self.root.joinpath(*here).is_dir():
                    return None
            else:
                return None
        return None

    def first(self, paths: Iterable[str], package: str) -> tuple[str, bytes]:
        """(path in the guest, content) of the first of `paths` that is there."""
        tried = list(paths)
        for path in tried:
            found = self.find(path)
            if found is not None and found.is_file():
                return merged_path(path), found.read_bytes()
        raise MissingFromPackages(f"package {package} holds none of {', '.join(tried)}")


def merged_path(path: str) -> str:
    """Where a package's file is in a guest with a merged /usr."""
    path = path.lstrip("/")
    return f"usr/{path}" if path.split("/")[0] in MERGED else path


def libraries(tree: Tree, triplet: str, programs: Iterable[bytes]) -> Iterator[Entry]:
    """Every shared library that the programs need, and their loader, each once."""
    done: set[str] = set()
    waiting = list(programs)
    while waiting:
        program = waiting.pop()
        wanted = [f"usr/lib/{triplet}/{name}" for name in elf.needed(program)]
        loader = elf.interpreter(program)
        if loader is not None:
            wanted.append(merged_path(loader))
        loaders = {path for path in wanted if path.rpartition("/")[2].startswith("ld-linux")}
        for path in wanted:
            # A library may name the loader as one it needs: it has a place of its own, given by the programs.
            if path in done or (path in loaders and path.startswith(f"usr/lib/{triplet}/")):
                continue
            done.add(path)
            found = tree.find(path) or tree.find(path.removeprefix("usr/"))
            if found is None:
                raise MissingFromPackages(f"no downloaded package holds {path}")
            content = found.read_bytes()
            waiting.append(content)
            yield regular(path, content, 0o755)


def _module_name(path: Path) -> str:
    return path.name.split(".ko")[0].replace("-", "_")


def _module_content(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(content)
    return content if path.suffix == ".ko" else decompress(content)


@dataclass(frozen=True)
class Module:
    """A kernel module as modprobe sees it."""

    path: str  # below /lib/modules/<release>
    content: bytes
    depends: tuple[str, ...]
    aliases: tuple[str, ...]


def modules(directory_: Path, wanted: Iterable[str], optional: Iterable[str]) -> dict[str, Module]:
    """The wanted modules of one kernel (`directory_` is /lib/modules/<release>) and all that they depend on,
    by name. A wanted one that is built in is left out; one that is nowhere raises MissingFromPackages, unless
    optional."""
    files = {_module_name(path): path for path in directory_.rglob("*.ko*")}
    built_in_list = directory_ / "modules.builtin"
    built_in = {_module_name(Path(line)) for line in built_in_list.read_text().splitlines()}
    chosen: dict[str, Module] = {}
    required = [name.replace("-", "_") for name in wanted]
    waiting = [*required, *(name.replace("-", "_") for name in optional)]
    while waiting:
        name = waiting.pop()
        if name in chosen or name in built_in:
            continue
        if name not in files:
            if name in required:
                raise MissingFromPackages(f"kernel {directory_.name} has no module {name}")
            continue
        path = files[name]
        content = _module_content(path)
        info = list(elf.module_info(content))
        depends = tuple(
            item.replace("-", "_")
            for key, value in info
            if key == "depends"
            for item in value.split(",")
            if item
        )
        aliases = tuple(value for key, value in info if key == "alias")
        place = path.relative_to(directory_)
        chosen[name] = Module(
            str(place.parent / (place.name.split(".ko")[0] + ".ko")), content, depends, aliases
        )
        required.extend(depends)
        waiting.extend(depends)
    return chosen


def load_order(chosen: dict[str, Module], name: str) -> list[str]:
    """The modules that `name` depends on, directly or not, the last to be loaded first (the order of
    modules.dep)."""
    order: list[str] = []

    def visit(current: str) -> None:
        for dependency in chosen[current].depends:
            if dependency in chosen:
                if dependency in order:
                    order.remove(dependency)
                order.append(dependency)
                visit(dependency)

    visit(name)
    return order


def module_entries(release: str, chosen: dict[str, Module]) -> Iterator[Entry]:
    """The modules and the two tables that modprobe reads, as depmod would have written them."""
    base = f"usr/lib/modules/{release}"
    for name in sorted(chosen):
        yield regular(f"{base}/{chosen[name].path}", chosen[name].content)
    depends = [
        f"{chosen[name].path}:" + "".join(f" {chosen[other].path}" for other in load_order(chosen, name))
        for name in sorted(chosen)
    ]
    aliases = [f"alias {alias} {name}" for name in sorted(chosen) for alias in chosen[name].aliases]
    yield regular(f"{base}/modules.dep", "".join(f"{line}\n" for line in depends).encode())
    yield regular(f"{base}/modules.alias", "".join(f"{line}\n" for line in aliases).encode())


def skeleton(applets: Iterable[str]) -> Iterator[Entry]:
    """Directories, busybox's names, and the console that the kernel opens for /init before anything is
    mounted."""
    for name in EMPTY_DIRECTORIES:
        yield directory(name, 0o1777 if name == "tmp" else 0o700 if name == "root" else 0o755)
    yield character_device("dev/console", 5, 1)
    yield character_device("dev/null", 1, 3, 0o666)
    yield symlink("var/run", "../run")
    yield symlink("etc/acpi/PWRF/00000080", "/usr/sbin/shutdown")
    for name in MERGED:
        yield directory(f"usr/{name}")
        yield symlink(name, f"usr/{name}")
    for applet in applets:
        yield symlink(f"usr/bin/{applet}", "busybox")
    yield regular("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    yield regular("etc/group", b"root:x:0:\ntty:x:5:\n")
    yield regular("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")
