# SPDX-License-Identifier: Apache-2.0
"""What is taken from unpacked packages: programs, their libraries, kernel modules."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.guest_image import elf as elf
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.tree import (
    MissingFromPackages,
    Module,
    Tree,
    load_order,
    merged_path,
    module_entries,
    modules,
)


def kernel_module(**info: str) -> bytes:
    """The smallest 64-bit ELF file with a .modinfo section."""
    modinfo = b"".join(f"{key}={value}\0".encode() for key, value in info.items())
    names = b"\0.modinfo\0.shstrtab\0"
    names_at = 64 + len(modinfo)
    table_at = names_at + len(names)

    def section(name: int, kind: int, offset: int, size: int) -> bytes:
        return struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, offset, size, 0, 0, 1, 0)

    header = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    header += struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, table_at, 0, 64, 0, 0, 64, 3, 2)
    table = section(0, 0, 0, 0) + section(1, 1, 64, len(modinfo)) + section(10, 3, names_at, len(names))
    return header + modinfo + names + table


def kernel_tree(root: Path, depends: dict[str, str], built_in: str = "") -> Path:
    """/lib/modules/<release> with a module for each name."""
    (root / "kernel/drivers").mkdir(parents=True)
    for name, needed in depends.items():
        content = kernel_module(depends=needed, alias=f"pci:{name}*", license="GPL")
        (root / f"kernel/drivers/{name}.ko").write_bytes(content)
    (root / "modules.builtin").write_text(built_in)
    return root


def test_a_module_brings_what_it_depends_on(tmp_path: Path) -> None:
    tree = kernel_tree(
        tmp_path / "6.1",
        {"virtio-net": "net_failover,virtio", "net_failover": "", "virtio": "", "unused": ""},
    )
    chosen = modules(tree, ["virtio_net"], [])
    assert sorted(chosen) == ["net_failover", "virtio", "virtio_net"]
    assert chosen["virtio_net"].path == "kernel/drivers/virtio-net.ko"
    assert chosen["virtio_net"].aliases == ("pci:virtio-net*",)


def test_a_packed_module_is_unpacked(tmp_path: Path) -> None:
    import lzma

    tree = kernel_tree(tmp_path / "6.1", {"virtio": ""})
    plain = (tree / "kernel/drivers/virtio.ko").read_bytes()
    (tree / "kernel/drivers/virtio.ko").unlink()
    (tree / "kernel/drivers/virtio.ko.xz").write_bytes(lzma.compress(plain))
    chosen = modules(tree, ["virtio"], [])
    assert chosen["virtio"].content == plain
    assert chosen["virtio"].path == "kernel/drivers/virtio.ko"


def test_built_in_is_enough_and_missing_is_not(tmp_path: Path) -> None:
    tree = kernel_tree(tmp_path / "6.1", {"virtio": ""}, "kernel/net/packet/af_packet.ko\n")
    assert sorted(modules(tree, ["virtio", "af_packet"], ["igbvf"])) == ["virtio"]
    with pytest.raises(MissingFromPackages, match=r"kernel 6\.1 has no module virtio_net"):
        modules(tree, ["virtio_net"], [])


def test_a_dependency_of_an_optional_module_is_not_optional(tmp_path: Path) -> None:
    tree = kernel_tree(tmp_path / "6.1", {"iavf": "libie"})
    with pytest.raises(MissingFromPackages, match="libie"):
        modules(tree, [], ["iavf"])


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Module]:
    """Modules that depend on earlier ones only, as kernel modules do."""
    names = [f"m{number}" for number in range(draw(st.integers(1, 8)))]
    chosen = {}
    for index, name in enumerate(names):
        depends = draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
        chosen[name] = Module(f"{name}.ko", b"", tuple(depends), ())
    return chosen


@given(graphs())
def test_what_a_module_needs_is_loaded_before_it(chosen: dict[str, Module]) -> None:
    for name in chosen:
        loading = [*reversed(load_order(chosen, name)), name]
        assert len(loading) == len(set(loading))
        for position, module in enumerate(loading):
            assert set(chosen[module].depends) <= set(loading[:position])


def test_tables_of_modprobe() -> None:
    chosen = {
        "virtio_net": Module("n/virtio_net.ko", b"", ("virtio",), ("virtio:d1",)),
        "virtio": Module("v/virtio.ko", b"", ("virtio_ring",), ()),
        "virtio_ring": Module("v/virtio_ring.ko", b"", (), ()),
    }
    written = {entry.path.rpartition("/")[2]: entry.data.decode() for entry in module_entries("6.1", chosen)}
    assert written["modules.dep"].splitlines() == [
        "v/virtio.ko: v/virtio_ring.ko",
        "n/virtio_net.ko: v/virtio.ko v/virtio_ring.ko",
        "v/virtio_ring.ko:",
    ]
    assert written["modules.alias"] == "alias virtio:d1 virtio_net\n"


def test_links_are_followed_inside_the_tree_only(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/triplet").mkdir(parents=True)
    (tmp_path / "lib64").mkdir()
    (tmp_path / "usr/lib/triplet/loader.so").write_bytes(b"loader")
    # As libc6 has it: an absolute link, through a /lib that only a merged system has.
    (tmp_path / "lib64/ld.so").symlink_to("/lib/triplet/loader.so")
    (tmp_path / "usr/lib/triplet/secret").symlink_to("/etc/hostname")
    (tmp_path / "usr/lib/triplet/up").symlink_to("../../../../../../../../etc/hostname")
    (tmp_path / "usr/lib/loop").symlink_to("loop")
    tree = Tree(tmp_path)
    found = tree.find("/lib64/ld.so")
    assert found is not None
    assert found.read_bytes() == b"loader"
    for path in ("usr/lib/triplet/secret", "usr/lib/triplet/up", "usr/lib/loop", "bin/none"):
        assert tree.find(path) is None, path


def test_a_program_is_found_by_its_old_place_and_by_its_merged_one(tmp_path: Path) -> None:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/ethtool").write_bytes(b"new")
    tree = Tree(tmp_path)
    assert tree.first(["sbin/ethtool", "usr/sbin/ethtool"], "ethtool") == ("usr/sbin/ethtool", b"new")
    with pytest.raises(MissingFromPackages, match="package ethtool holds none of"):
        tree.first(["usr/bin/ethtool"], "ethtool")
    assert merged_path("/lib64/ld.so") == "usr/lib64/ld.so"
    assert merged_path("etc/passwd") == "etc/passwd"


@pytest.mark.needs("ldd")
def test_needed_libraries_of_this_python_are_those_that_the_loader_finds() -> None:
    binary = Path(sys.executable).resolve()
    printed = subprocess.run(
        ["ldd", str(binary)], capture_output=True, text=True, timeout=20, check=False
    ).stdout
    if "=>" not in printed:
        pytest.skip("this Python is a static program")
    content = binary.read_bytes()
    loaded = {line.split()[0].rpartition("/")[2] for line in printed.splitlines()}
    assert elf.needed(content)
    assert set(elf.needed(content)) <= loaded
    loader = elf.interpreter(content)
    assert loader is not None
    assert loader in printed


def test_what_is_no_elf_is_said_to_be_none() -> None:
    with pytest.raises(elf.NotElf):
        elf.needed(b"#!/bin/sh\n")
