# SPDX-License-Identifier: Apache-2.0
"""Emulated boards, as far as no emulator is needed: the recipe, the command line, what is refused and why."""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netlab.testbed.plugins.module_utils.apt.sources import Source, of_release
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import (
    build,
    keys,
    machine,
    ops,
    recipe,
    sandbox,
    tools,
)
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.store import FILES, Store
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.image import CACHE
from ansible_collections.netlab.testbed.plugins.module_utils.local_board import start_time
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from ansible_collections.netlab.testbed.plugins.modules import emulated_board

ROOT = Path(__file__).resolve().parents[3]
BOARD = machine.Board("arm1", "enp0s5", 22901, 2048, 2)
IMAGE = {"kernel": "/image/kernel", "initramfs": "/image/initramfs", "disk": "/image/disk.qcow2"}


def command(cable: int | None = 7, board: machine.Board = BOARD) -> str:
    return " ".join(machine.command(["qemu"], board, IMAGE, Path("/run/arm1"), Path("/disks/arm1"), cable))


def test_every_package_of_the_roles_is_in_the_image() -> None:
    """An emulated board has no way to a mirror: a role that installs more would fail there."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "roles").glob("*/vars/main.yml")]
    lists: list[Any] = [
        value
        for text in texts
        for name, value in (yaml.safe_load(text) or {}).items()
        if name.endswith("packages") and isinstance(value, list)
    ]
    tasks = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "roles").glob("*/tasks/*.yml"))
    lists += [names.split(", ") for names in re.findall(r"^\s+names: \[(.+)\]$", tasks, re.MULTILINE)]
    wanted = {name for names in lists for name in names}
    assert len(wanted) > 10
    assert wanted - set(recipe.PACKAGES) == set()


def test_guest_images_are_found_where_boards_look_for_them() -> None:
    assert f"{CACHE}/guest-image" == recipe.GUEST_IMAGES
    assert f"mount -t ext4 -o ro /dev/vdb /disk{CACHE}/guest-image" in recipe.INITRAMFS_INIT


def test_another_recipe_or_another_builder_is_another_image() -> None:
    assert recipe.digest(["a"]) == recipe.digest(["a"])
    assert recipe.digest(["a"]) != recipe.digest(["b"])


def test_the_management_nic_leads_nowhere_but_here() -> None:
    assert "user,id=management,restrict=on,hostfwd=tcp:127.0.0.1:22901-:22" in command()


def test_the_measured_nic_is_in_the_slot_of_its_name_and_on_its_cable() -> None:
    assert "-netdev tap,id=cable,fd=7 " in command()
    assert re.search(r"-device igb,netdev=cable,addr=5,mac=02(:[0-9a-f]{2}){5},romfile= ", command())
    last = machine.Board("arm1", "enp0s10", 22901, 2048, 2)
    assert "igb,netdev=cable,addr=a," in command(board=last)
    assert "fd=" not in command(cable=None)


def test_slots_are_given_once() -> None:
    slots = re.findall(r"addr=(\w+)", command())
    assert len(set(slots)) == len(slots) == 5
    # VFs of the measured NIC appear 16 and 17 slots further on
    own = {int(slot, 16) for slot in slots if slot != "5"}
    assert min(own) > machine.SLOTS + 17


@pytest.mark.parametrize("nic", ["eth0", "enp0s0", "enp0s11", "enp1s5", "enp0s5f0"])
def test_a_nic_that_cannot_be_is_refused(nic: str) -> None:
    with pytest.raises(BoardError, match="enp0s1 to enp0s10"):
        machine.Board("arm1", nic, 22901, 2048, 2).check()


def test_mac_addresses_stay_and_differ() -> None:
    assert machine.mac_address("arm1", "enp0s5") == machine.mac_address("arm1", "enp0s5")
    assert machine.mac_address("arm1", "enp0s5") != machine.mac_address("arm2", "enp0s5")


def test_the_host_key_arrives_whole() -> None:
    line = machine.host_key_file("-----BEGIN-----\nkey\n")
    assert line.startswith("f+~ /etc/ssh/ssh_host_ed25519_key 0600 root root - ")
    assert base64.b64decode(line.split()[-1]) == b"-----BEGIN-----\nkey\n"


def test_keys_are_the_boards_own_and_nobody_elses(tmp_path: Path) -> None:
    for name in ("arm1", "arm2"):
        (tmp_path / name).mkdir()
        keys.make(tmp_path / name, name, 22901)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("arm1", "arm2")
    )
    assert set(one) == {"key", "key.pub", "known_hosts", "host-key.tmpfiles"}
    assert all(one[name] != two[name] for name in one)
    assert (tmp_path / "arm1/key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "arm1/host-key.tmpfiles").stat().st_mode & 0o077 == 0
    host, algorithm, public = one["known_hosts"].decode().split()
    assert host == "[127.0.0.1]:22901"
    # the private key that the board gets belongs to the public one that it is known by
    private = tmp_path / "private"
    private.touch(mode=0o600)
    private.write_bytes(base64.b64decode(one["host-key.tmpfiles"].split()[-1]))
    told = subprocess.run(
        ["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, timeout=20, check=True
    )
    assert told.stdout.split()[:2] == [algorithm, public]


def test_only_an_ssh_server_is_an_answer() -> None:
    """QEMU accepts the connection whether anybody on the board listens or not."""
    for said, expected in ((b"SSH-2.0-OpenSSH_10.0\r\n", True), (b"", False), (b"HTTP/1.1", False)):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve(text: bytes = said, server: socket.socket = server) -> None:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(text)

            thread = threading.Thread(target=serve)
            thread.start()
            assert ops.answers(server.getsockname()[1]) is expected
            thread.join()
    assert not ops.answers(server.getsockname()[1] if server.fileno() >= 0 else 1, 0.2)


def test_a_board_whose_emulator_has_gone_is_not_up(tmp_path: Path) -> None:
    (tmp_path / "arm1").mkdir()
    told = tmp_path / "arm1/board.json"
    start = start_time(os.getpid())
    told.write_text(f'{{"pid": {os.getpid()}, "start_time": "{start}", "with": {{"port": 1}}}}')
    assert ops.record("arm1", tmp_path) == {"port": 1}
    told.write_text(f'{{"pid": {os.getpid()}, "start_time": "1", "with": {{"port": 1}}}}')
    assert ops.record("arm1", tmp_path) is None
    assert ops.record("arm2", tmp_path) is None


def test_a_cable_is_found_from_either_side() -> None:
    cables = [{"peer1": "eth1", "arm1": "enp0s5"}, {"arm2": "enp0s5", "peer2": "eth3"}]
    assert emulated_board.far_end("arm2", "enp0s5", cables) == {"board": "peer2", "interface": "eth3"}
    assert emulated_board.far_end("arm1", "enp0s5", cables) == {"board": "peer1", "interface": "eth1"}
    assert emulated_board.far_end("arm1", "enp0s6", cables) is None
    with pytest.raises(BoardError, match="two ends"):
        emulated_board.far_end("arm1", "enp0s5", [{"arm1": "enp0s5"}])


def test_a_board_without_a_nic_or_port_is_refused() -> None:
    given: dict[str, Any] = {
        "name": "arm1",
        "nic": "enp0s5",
        "port": None,
        "memory_mib": 1,
        "vcpus": 1,
        "cables": [],
    }
    with pytest.raises(BoardError, match="arm1 needs port"):
        emulated_board.settings(given, None)
    assert emulated_board.settings({**given, "port": 22901}, "abc")["guest_image"] == "abc"


def test_a_lack_of_memory_is_said_in_numbers() -> None:
    meminfo = "MemTotal:  4000000 kB\nMemAvailable:  2097152 kB\n"
    assert emulated_board.lack_of_memory(1536, meminfo) is None
    said = emulated_board.lack_of_memory(2048, meminfo)
    assert said is not None
    assert "2048 MiB of memory available" in said
    assert "2048 + 512 MiB" in said


def test_sources_of_another_release_are_at_the_same_places() -> None:
    own = [
        Source("http://mirror.example/debian", suite, ("main",), {"signed-by": "/key.gpg"})
        for suite in ("bookworm", "bookworm-updates", "bookworm-security", "bookworm-backports")
    ]
    found = of_release(own, "trixie")
    assert [source.suite for source in found] == ["trixie", "trixie-updates", "trixie-security"]
    assert {(source.uri, source.options["signed-by"]) for source in found} == {
        ("http://mirror.example/debian", "/key.gpg")
    }


def test_the_interpreter_is_registered_for_aarch64_programs_alone() -> None:
    entry = sandbox.binfmt_entry(Path("/tools/qemu-aarch64"))
    name, kind, offset, magic, mask, interpreter, flags = entry[1:].split(":")
    assert (name, kind, offset, interpreter, flags) == (
        "netlab-aarch64",
        "M",
        "",
        "/tools/qemu-aarch64",
        "OCF",
    )
    assert magic.count("\\x") == mask.count("\\x") == 20
    assert "\\x7f\\x45\\x4c\\x46" in magic
    assert magic.endswith("\\xb7\\x00")  # EM_AARCH64


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Unpacked tools with a loader and two programs."""
    for name in (
        "lib64/ld-linux-x86-64.so.2",
        "usr/bin/qemu-img",
        "sbin/mke2fs",
        "usr/lib/x86_64-linux-gnu/libz.so",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_tools_run_with_their_own_libraries(packages: Path) -> None:
    found = tools.Tools(packages).command("qemu-img")
    assert found == [
        f"{packages}/lib64/ld-linux-x86-64.so.2", "--library-path", f"{packages}/usr/lib/x86_64-linux-gnu",
        f"{packages}/usr/bin/qemu-img",
    ]  # fmt: skip
    assert tools.Tools(packages).command("mke2fs")[-1] == f"{packages}/sbin/mke2fs"
    with pytest.raises(BoardError, match="have no qemu-nbd"):
        tools.Tools(packages).command("qemu-nbd")


def test_what_packages_start_is_only_what_the_recipe_names(tmp_path: Path) -> None:
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "netperf.service").symlink_to("/usr/lib/systemd/system/netperf.service")
    for folder in ("etc/ssh", "var"):
        (tmp_path / folder).mkdir()
    (tmp_path / "etc/ssh/ssh_host_ed25519_key").write_text("of the package")
    build.configure(tmp_path)
    assert sorted(path.name for path in wants.iterdir()) == ["ssh.service", "systemd-networkd.service"]
    assert str((tmp_path / "etc/systemd/system/netperf.service").readlink()) == "/dev/null"
    assert not (tmp_path / "etc/ssh/ssh_host_ed25519_key").exists()
    assert "UsePAM no" in (tmp_path / "etc/ssh/sshd_config.d/netlab-testbed.conf").read_text()


def filled(store: Store, content: str) -> dict[str, Any]:
    with store.locked(), store.scratch() as scratch:
        result = scratch / "result"
        result.mkdir()
        for name in FILES:
            (result / name).write_text(content + name)
        return store.publish(result, {"packages": {}}, f"digest of {content}")


def test_an_image_is_found_by_its_recipe_and_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.current("digest of a") is None
    first = filled(store, "a")
    assert store.current("digest of a") == first
    assert store.current("digest of b") is None
    Path(first["disk"]).write_text("cut off")
    assert store.current("digest of a") is None


def test_an_image_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = filled(store, "a"), filled(store, "b")
    assert first["hash"] != second["hash"]
    assert not Path(first["disk"]).exists()
    assert sorted(path.name for path in store.path.iterdir()) == sorted(
        [second["hash"], "current.json", "lock"]
    )


def test_a_builder_that_was_killed_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.path.mkdir()
    (store.path / ".build-dead").mkdir()
    filled(store, "a")
    assert not (store.path / ".build-dead").exists()
