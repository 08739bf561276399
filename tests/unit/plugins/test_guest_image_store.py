# SPDX-License-Identifier: Apache-2.0
"""Images by their content, the current one, and the recipe that they are found again by."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.build import Image
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.image import (
    GuestImage,
    checked_disk,
    recipe_for,
)
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.recipe import ROLE_FILES
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.store import Store, image_hash
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

RECIPE = {"packages": {"busybox-static": "1"}, "kernel_command_line": "quiet"}
FILES = {name: f"# {name}\n" for name in ROLE_FILES}
MODULE_UTILS = "ansible_collections.netlab.testbed.plugins.module_utils"


def publish(store: Store, kernel: bytes, digest: str = "d") -> dict[str, object]:
    with store.locked():
        return store.publish(kernel, b"initramfs", RECIPE, digest)


def test_an_image_is_found_by_the_recipe_that_made_it(tmp_path: Path) -> None:
    store = Store("x86_64", tmp_path)
    assert store.current("d") is None
    made = publish(store, b"kernel")
    assert store.current("d") == made
    assert store.current("another recipe") is None
    assert Path(str(made["kernel"])).read_bytes() == b"kernel"
    assert made["recipe"] == RECIPE
    assert made["hash"] == image_hash(b"kernel", b"initramfs")


@pytest.mark.parametrize("name", ["kernel", "initramfs", "recipe.json"])
def test_an_image_that_lost_a_file_is_no_image(tmp_path: Path, name: str) -> None:
    store = Store("x86_64", tmp_path)
    made = publish(store, b"kernel")
    folder = Path(str(made["kernel"])).parent
    (folder / name).unlink()
    assert store.current("d") is None
    assert publish(store, b"kernel") == made
    assert store.current("d") == made


def test_a_truncated_image_is_no_image(tmp_path: Path) -> None:
    store = Store("x86_64", tmp_path)
    made = publish(store, b"kernel")
    Path(str(made["kernel"])).write_bytes(b"ker")
    assert store.current("d") is None


def test_qemu_reaches_an_image_as_whatever_user_it_runs(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        made = publish(Store("x86_64", cache / "guest-image"), b"kernel")
    finally:
        os.umask(before)
    for name in ("kernel", "initramfs"):
        path = Path(str(made[name]))
        assert path.stat().st_mode & 0o777 == 0o644
        for folder in list(path.parents)[: len(path.relative_to(cache).parts)]:
            assert folder.stat().st_mode & 0o111 == 0o111, folder


@pytest.mark.parametrize("text", ["", "[]", "{", '{"hash": 1, "recipe_digest": "d", "sizes": []}'])
def test_a_damaged_record_means_building_anew(tmp_path: Path, text: str) -> None:
    store = Store("x86_64", tmp_path)
    publish(store, b"kernel")
    (tmp_path / "x86_64/current.json").write_text(text)
    assert store.current("d") is None


def test_the_image_before_stays_and_older_ones_go(tmp_path: Path) -> None:
    store = Store("x86_64", tmp_path)
    hashes = [str(publish(store, kernel)["hash"]) for kernel in (b"1", b"2", b"3")]
    assert {path.name for path in (tmp_path / "x86_64").iterdir() if path.is_dir()} == set(hashes[1:])


def test_what_a_killed_builder_left_is_removed(tmp_path: Path) -> None:
    store = Store("x86_64", tmp_path)
    left = tmp_path / "x86_64/.build-killed"
    left.mkdir(parents=True)
    with store.locked(), store.scratch() as scratch:
        assert not left.exists()
        assert scratch.is_dir()
    assert not scratch.exists()


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Builders that are called in place of the real one, which takes seconds and a mirror."""
    calls: list[str] = []

    def build(recipe: object, world: object, scratch: object) -> Image:
        calls.append(threading.current_thread().name)
        time.sleep(0.05)  # so that two builders meet
        return Image(b"kernel", b"initramfs", {"busybox-static": "1"})

    monkeypatch.setattr(f"{MODULE_UTILS}.guest_image.build.build", build)
    monkeypatch.setattr(f"{MODULE_UTILS}.apt.world.AptWorld.refresh", lambda self, max_age=0: False)
    return calls


def image(cache: Path, files: dict[str, str] | None = None) -> GuestImage:
    return GuestImage(recipe_for("x86_64", files or FILES), cache)


def test_two_builders_at_once_build_one_image(tmp_path: Path, builds: list[str]) -> None:
    results: list[tuple[bool, dict[str, object]]] = []
    threads = [threading.Thread(target=lambda: results.append(image(tmp_path).build())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(builds) == 1
    assert sorted(changed for changed, _found in results) == [False, False, True]
    assert len({str(found["hash"]) for _changed, found in results}) == 1


def test_a_built_image_is_found_without_building(tmp_path: Path, builds: list[str]) -> None:
    changed, made = image(tmp_path).build()
    assert changed
    assert image(tmp_path).current() == made
    assert made["kernel_command_line"] == "console=ttyS0 quiet cryptomgr.notests"
    assert made["recipe"]["packages"] == {"busybox-static": "1"}
    assert image(tmp_path).build() == (False, made)
    assert len(builds) == 1


def test_refreshing_builds_and_says_whether_anything_is_new(tmp_path: Path, builds: list[str]) -> None:
    _changed, made = image(tmp_path).build()
    assert image(tmp_path).build(refresh=True) == (False, made)
    assert len(builds) == 2


def test_another_text_of_the_role_is_another_recipe(tmp_path: Path, builds: list[str]) -> None:
    image(tmp_path).build()
    assert image(tmp_path, {**FILES, "init": "#!/bin/sh\n"}).current() is None


def test_the_programs_that_shape_an_image_belong_to_its_recipe(
    tmp_path: Path, builds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image(tmp_path).build()
    monkeypatch.setattr(f"{MODULE_UTILS}.guest_image.image._source", lambda module: "changed")
    assert image(tmp_path).current() is None


def test_a_file_of_the_role_that_is_missing_is_named() -> None:
    with pytest.raises(BoardError, match="inittab"):
        recipe_for("x86_64", {name: text for name, text in FILES.items() if name != "inittab"})


def test_a_disk_of_the_users_own_is_only_looked_at(tmp_path: Path) -> None:
    disk = tmp_path / "disk.qcow2"
    with pytest.raises(BoardError, match=r"disk\.qcow2 cannot be read: No such file"):
        checked_disk(disk)
    disk.write_bytes(b"raw disk")
    with pytest.raises(BoardError, match="is not a qcow2 image"):
        checked_disk(disk)
    disk.write_bytes(b"QFI\xfb\0\0\0\x03")
    os.utime(disk, ns=(1, 1))
    disk.chmod(0o400)
    checked_disk(disk)
    assert disk.stat().st_mtime_ns == 1


def test_the_record_is_json_that_others_can_read(tmp_path: Path) -> None:
    made = publish(Store("aarch64", tmp_path), b"kernel")
    record = json.loads((tmp_path / "aarch64/current.json").read_text())
    assert record["hash"] == made["hash"]
