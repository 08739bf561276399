# SPDX-License-Identifier: Apache-2.0
"""Turn distribution packages into the image of an emulated board: kernel, initramfs and a disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.apt import sources as apt_sources
from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import debian_sources
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import recipe, sandbox
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.tools import Tools
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import tree as tree_of
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.cpio import (
    archive,
    character_device,
    directory,
    regular,
)
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.kernel import plain_kernel
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

BOOTSTRAP_SECONDS = 3600  # measured: 5 minutes of two processors of their own
DISK_SECONDS = 600
FREE_GIB = 8  # tree, raw disk and qcow2 side by side


def sources_text() -> str:
    """The machine's own mirrors, for the board's release."""
    own = apt_sources.of_release(debian_sources(("main",)), recipe.RELEASE)
    return apt_sources.render_deb822(own, recipe.ARCHITECTURE)


def bootstrap(tools: Tools, scratch: Path) -> Path:
    """The board's file system as a folder. Programs for arm64 run in a sandbox, as they are needed to configure
    packages."""
    tree, temporary, sources = scratch / "tree", scratch / "tmp", scratch / "board.sources"
    temporary.mkdir(mode=0o1777)
    temporary.chmod(0o1777)
    sources.write_text(sources_text(), encoding="utf-8")
    command = [
        *tools.bootstrap, "--mode=root", "--variant=apt", f"--architectures={recipe.ARCHITECTURE}",
        "--format=directory", "--skip=check/qemu", "--skip=chroot/mount/sys",
        '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"',
        '--aptopt=Acquire::Retries "3"', "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.LEFT_OUT),
        f"--include={','.join(recipe.PACKAGES)}", recipe.RELEASE, str(tree), str(sources),
    ]  # fmt: skip
    environment = {
        **{name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
        # mmdebstrap runs a helper of its own
        "PATH": f"/usr/sbin:/usr/bin:/sbin:/bin:{tools.root / 'usr/bin'}",
        "LC_ALL": "C",
        "TMPDIR": str(temporary),
        "INITRD": "No",  # the kernel's package makes none: ours is made outside, in no time
    }
    sandbox.run(command, tools.interpreter, BOOTSTRAP_SECONDS, environment, scratch / "log")
    return tree


def configure(tree: Path) -> None:
    """What makes a Debian this board: its files, and which services run."""
    for path in [*(tree / "etc/ssh").glob("ssh_host_*"), tree / "etc/machine-id", tree / "etc/hostname"]:
        path.unlink(missing_ok=True)
    # Empty: each start makes one for itself, as if it had always been so; no service is set up anew for it.
    (tree / "etc/machine-id").touch(mode=0o444)
    units = tree / "etc/systemd/system"
    for target in [
        "multi-user.target.wants",
        "sockets.target.wants",
        "timers.target.wants",
        "sysinit.target.wants",
    ]:
        for link in (units / target).glob("*"):
            link.unlink()
    for target, names in recipe.ENABLED.items():
        (units / target).mkdir(parents=True, exist_ok=True)
        for name in names:
            (units / target / name).symlink_to(f"/usr/lib/systemd/system/{name}")
    for name in recipe.MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    for name, text in recipe.FILES.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    now = time.time_ns()
    for name in recipe.UP_TO_DATE:
        (tree / name).write_text(f"TIMESTAMP_NSEC={now}\n", encoding="ascii")
    (tree / recipe.GUEST_IMAGES.lstrip("/")).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)


def kernel_and_initramfs(tree: Path) -> tuple[bytes, bytes]:
    kernels = sorted((tree / "boot").glob("vmlinuz-*"))
    if len(kernels) != 1:
        raise BoardError(f"expected one kernel among the board's packages, found {len(kernels)}")
    release = kernels[0].name.removeprefix("vmlinuz-")
    folder = tree / "usr/lib/modules" / release
    chosen = tree_of.modules(folder, recipe.INITRAMFS_MODULES, ())
    busybox = (tree / "usr/bin/busybox").read_bytes()
    entries = [
        *(directory(name) for name in ("dev", "disk", "proc", "sys")),
        character_device("dev/console", 5, 1),
        regular("bin/busybox", busybox, 0o755),
        regular("init", recipe.INITRAMFS_INIT.encode(), 0o755),
        *(
            # modprobe looks in /lib
            type(entry)(entry.path.removeprefix("usr/"), entry.mode, entry.data)
            for entry in tree_of.module_entries(release, chosen)
        ),
    ]
    return plain_kernel(kernels[0].read_bytes()), archive(entries)


def disk(tools: Tools, tree: Path, image: Path) -> None:
    """An ext4 of the tree, as qcow2."""
    raw = image.with_suffix(".raw")
    with raw.open("wb") as file:
        file.truncate(recipe.DISK_GIB << 30)
    _tool([*tools.command("mke2fs"), "-q", "-t", "ext4", "-d", str(tree), "-L", "root", str(raw)])
    _tool([*tools.command("qemu-img"), "convert", "-O", "qcow2", str(raw), str(image)])
    raw.unlink()


def _tool(command: Sequence[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DISK_SECONDS, check=False
    )
    if done.returncode:
        raise BoardError(f"{Path(command[3]).name} failed: {done.stderr.strip()[-500:]}")


def versions(tree: Path) -> dict[str, str]:
    """Every package of the board, with its version: the board's own dpkg status."""
    text = (tree / "var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    return dict(re.findall(r"^Package: (\S+)\n(?:.+\n)*?Version: (\S+)$", text, re.MULTILINE))


def build(tools: Tools, scratch: Path, result: Path) -> dict[str, str]:
    """Everything; ``result`` gets kernel, initramfs and disk.qcow2. The packages' versions."""
    free = shutil.disk_usage(scratch).free >> 30
    if free < FREE_GIB:
        raise BoardError(
            f"{scratch.parent} has {free} GiB free; building a board's image takes {FREE_GIB} GiB"
        )
    tree = bootstrap(tools, scratch)
    configure(tree)
    kernel, initramfs = kernel_and_initramfs(tree)
    (result / "kernel").write_bytes(kernel)
    (result / "initramfs").write_bytes(initramfs)
    disk(tools, tree, result / "disk.qcow2")
    return versions(tree)
