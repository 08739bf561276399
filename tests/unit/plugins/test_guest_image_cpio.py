# SPDX-License-Identifier: Apache-2.0
"""The initramfs archive, read back by the system's own cpio."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.cpio import (
    Entry,
    archive,
    character_device,
    directory,
    regular,
    symlink,
)

ENTRIES = [
    regular("usr/bin/tool", b"\x7fELF" + b"x" * 1001, 0o755),
    symlink("bin", "usr/bin"),
    directory("tmp", 0o1777),
    regular("etc/empty", b""),
    character_device("dev/console", 5, 1),
]


@pytest.mark.needs("cpio")
def test_cpio_lists_what_was_put_in() -> None:
    listing = subprocess.run(
        ["cpio", "-tv", "--quiet"], input=archive(ENTRIES), capture_output=True, timeout=10, check=True
    ).stdout.decode()
    lines = {
        line.split(maxsplit=8)[8] if line[0] != "c" else "dev/console": line for line in listing.splitlines()
    }
    assert set(lines) == {
        "bin -> usr/bin", "dev", "dev/console", "etc", "etc/empty", "tmp", "usr", "usr/bin", "usr/bin/tool"
    }  # fmt: skip
    assert lines["tmp"].startswith("drwxrwxrwt")
    assert lines["usr/bin/tool"].startswith("-rwxr-xr-x")
    assert " 1005 " in lines["usr/bin/tool"]
    assert lines["dev/console"].startswith("crw-------")
    assert "5,   1" in lines["dev/console"]
    for line in lines.values():
        assert "Jan  1  1970" in line
        assert "root     root" in line or " 0 " in line


@pytest.mark.needs("cpio")
def test_cpio_unpacks_the_same_bytes(tmp_path: Path) -> None:
    files = [entry for entry in ENTRIES if not entry.path.startswith("dev/")]
    subprocess.run(
        ["cpio", "-i", "--quiet"],
        input=archive(files),
        cwd=tmp_path,
        timeout=10,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "usr/bin/tool").read_bytes() == ENTRIES[0].data
    assert (tmp_path / "bin/tool").read_bytes() == ENTRIES[0].data


def members(content: bytes) -> list[tuple[str, int, bytes]]:
    """(path, mode, data) of each member: an independent reader, after cpio(5)."""
    found, position = [], 0
    while True:
        assert content[position : position + 6] == b"070701"
        fields = [int(content[position + 6 + 8 * n : position + 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name_at = position + 110
        name = content[name_at : name_at + name_size - 1].decode()
        data_at = (name_at + name_size + 3) & ~3
        if name == "TRAILER!!!":
            return found
        assert fields[2:4] == [0, 0], "owner"
        assert fields[5] == 0, "time"
        found.append((name, mode, content[data_at : data_at + size]))
        position = (data_at + size + 3) & ~3


PATHS = st.lists(st.from_regex(r"[a-z.+-]{1,12}", fullmatch=True), min_size=1, max_size=4).map("/".join)


@given(st.dictionaries(PATHS, st.binary(max_size=50), max_size=8), st.randoms())
def test_bytes_depend_on_the_content_alone(files: dict[str, bytes], random: object) -> None:
    # A path that is a file cannot be a folder as well.
    chosen = {
        path: data for path, data in files.items() if not any(other.startswith(f"{path}/") for other in files)
    }
    entries = [regular(path, data) for path, data in chosen.items()]
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    content = archive(entries)
    assert archive(shuffled) == content
    assert len(content) % 512 == 0
    read = members(content)
    assert {name: data for name, mode, data in read if mode & 0o170000 == 0o100000} == chosen
    seen: set[str] = set()
    for name, _mode, _data in read:
        parent = name.rpartition("/")[0]
        assert parent in seen or not parent, f"{name} comes before {parent}"
        seen.add(name)


@pytest.mark.parametrize("path", ["/etc/passwd", ""])
def test_a_path_must_be_relative(path: str) -> None:
    with pytest.raises(ValueError, match="relative"):
        archive([regular(path, b"")])


def test_a_path_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="etc/a twice"):
        archive([regular("etc/a", b"1"), Entry("etc/a", 0o100644, b"2")])
