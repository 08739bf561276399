# SPDX-License-Identifier: Apache-2.0
"""Emulated boards, as far as no emulator is needed: the recipe, the command line, what is refused and why."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netlab.testbed.plugins.module_utils.apt.sources import Source, of_release
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import (
    build,
    channel,
    identity,
    keys,
    machine,
    ops,
    recipe,
    sandbox,
    snapshot,
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
    files = machine.Files(
        Path("/run/arm1"), Path("/disks/arm1/disk.qcow2"), Path("/disks/arm1/guest-images.ext4")
    )
    return " ".join(machine.command(["qemu"], board, IMAGE, files, cable))


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
    assert len(set(slots)) == len(slots) == 6
    # VFs of the measured NIC appear 16 and 17 slots further on
    measured = {slot + further for slot in range(1, machine.SLOTS + 1) for further in (0, 16, 17)}
    assert not measured & {int(slot, 16) for slot in slots if slot != "5"}


@pytest.mark.parametrize("nic", ["eth0", "enp0s0", "enp0s11", "enp1s5", "enp0s5f0"])
def test_a_nic_that_cannot_be_is_refused(nic: str) -> None:
    with pytest.raises(BoardError, match="enp0s1 to enp0s10"):
        machine.Board("arm1", nic, 22901, 2048, 2).check()


def test_mac_addresses_stay_and_differ() -> None:
    assert machine.mac_address("arm1", "enp0s5") == machine.mac_address("arm1", "enp0s5")
    assert machine.mac_address("arm1", "enp0s5") != machine.mac_address("arm2", "enp0s5")


def test_nothing_of_a_board_is_on_its_command_line() -> None:
    """A snapshot of one starts another: what they have in common is its key."""
    one = machine.kind(BOARD, IMAGE)
    assert machine.kind(machine.Board("arm2", "enp0s5", 22902, 2048, 2), IMAGE) == one
    assert "arm1" not in " ".join(one)
    assert machine.mac_address("arm1", "enp0s5") not in command()
    for other in (
        machine.Board("arm1", "enp0s6", 22901, 2048, 2),
        machine.Board("arm1", "enp0s5", 22901, 1024, 2),
        machine.Board("arm1", "enp0s5", 22901, 2048, 1),
    ):
        assert machine.kind(other, IMAGE) != one


def test_a_snapshot_is_for_one_image_emulator_and_guests_image() -> None:
    told = (machine.kind(BOARD, IMAGE), "image", "qemu", "guest")
    assert snapshot.key(*told) == snapshot.key(*told)
    others = [snapshot.key(*told[:place], "other", *told[place + 1 :]) for place in range(4)]
    assert len({snapshot.key(*told), *others}) == 5


def test_keys_are_the_boards_own_and_nobody_elses(tmp_path: Path) -> None:
    told = {}
    for name in ("arm1", "arm2"):
        (tmp_path / name).mkdir()
        told[name] = keys.make(tmp_path / name, name, 22901)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("arm1", "arm2")
    )
    # the board's own key is nowhere but on the board
    assert set(one) == {"key", "key.pub", "known_hosts"}
    assert all(one[name] != two[name] for name in one)
    assert not set(told["arm1"]) & set(told["arm2"])
    assert (tmp_path / "arm1/key").stat().st_mode & 0o077 == 0
    assert told["arm1"][0].encode() == one["key.pub"]
    host, algorithm, public = one["known_hosts"].decode().split()
    assert host == "[127.0.0.1]:22901"
    # the private key that the board gets belongs to the public one that it is known by
    private = tmp_path / "private"
    private.touch(mode=0o600)
    private.write_text(told["arm1"][1])
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, timeout=20, check=True
    )
    assert derived.stdout.split()[:2] == [algorithm, public]


WHO = identity.Identity(
    "arm1",
    "ssh-ed25519 AAAA netlab",
    "-----BEGIN-----\nsecret\n-----END-----\n",
    "enp0s5",
    "02:00:00:00:00:09",
)


def told(restored: bool, root: Path) -> subprocess.CompletedProcess[str]:
    """The board's side of it, with every program that would change this machine replaced by one that says so."""
    text = identity.script(WHO, restored)
    for place in ("/etc/ssh", "/etc/systemd/network", "/root", "/var/lib/systemd", "/run"):
        (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
    text = re.sub(r"(?<= |>)/(etc|root|var|run)/", rf"{root}/\1/", text)
    said = "".join(f'{program}() {{ echo "{program} $*" >>{root}/said; }}\n' for program in PROGRAMS)
    return subprocess.run(
        ["sh", "-eu"], input=said + text, capture_output=True, text=True, timeout=20, check=True
    )


PROGRAMS = ("date", "perl", "hostname", "ip", "mount", "systemctl")


def test_a_board_is_told_who_it_is(tmp_path: Path) -> None:
    told(False, tmp_path)
    assert (tmp_path / "etc/hostname").read_text() == "arm1\n"
    assert (tmp_path / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA netlab\n"
    key = tmp_path / "etc/ssh/ssh_host_ed25519_key"
    assert key.read_text() == WHO.host_key
    assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "root/.ssh").stat().st_mode & 0o777 == 0o700
    link = (tmp_path / "etc/systemd/network/20-enp0s5.link").read_text()
    assert "Path=*-pci-0000:00:05.0\n" in link
    assert "MACAddress=02:00:00:00:00:09" in link
    said = (tmp_path / "said").read_text()
    assert "hostname arm1\n" in said
    assert "ip link set dev enp0s5 address 02:00:00:00:00:09\n" in said
    assert not (tmp_path / "etc/machine-id").exists()
    assert "mount" not in said


def test_what_a_boot_draws_is_drawn_anew_for_a_restored_board(tmp_path: Path) -> None:
    drawn = []
    for name in ("one", "two"):
        told(True, tmp_path / name)
        machine_id = (tmp_path / name / "etc/machine-id").read_text().strip()
        boot_id = (tmp_path / name / "run/boot-id").read_text().strip()
        said = (tmp_path / name / "said").read_text()
        assert re.fullmatch("[0-9a-f]{32}", machine_id)
        assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", boot_id)
        assert "boot-id /proc/sys/kernel/random/boot_id\n" in said
        (seed,) = re.findall("^perl .*?([0-9a-f]{128})$", said, re.MULTILINE)
        drawn.append({machine_id, boot_id, seed})
    assert not drawn[0] & drawn[1]


def test_the_random_numbers_are_those_of_the_board_alone() -> None:
    """The program that stirs them runs, and the kernel takes what it says: on this machine it does no harm."""
    if os.geteuid() != 0:
        pytest.skip("the kernel takes them from root alone")
    (line,) = [line for line in identity.script(WHO, True).splitlines() if line.startswith("perl")]
    subprocess.run(["sh", "-c", line], timeout=20, check=True)


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
    assert sorted(path.name for path in wants.iterdir()) == [
        "netlab-testbed-identity.service",
        "ssh.service",
        "systemd-networkd.service",
    ]
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


class Qemu(threading.Thread):
    """A monitor that answers as QEMU's does: `migrate` writes a file, or fails."""

    def __init__(self, path: Path, fails: bool = False) -> None:
        super().__init__(daemon=True)
        self.fails, self.asked = fails, list[str]()
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(path))
        self.server.listen()
        self.start()

    def run(self) -> None:
        connection, _ = self.server.accept()
        with connection, connection.makefile("rw") as stream:
            print('{"QMP": {}}', file=stream, flush=True)
            for line in stream:
                asked = json.loads(line)
                self.asked.append(asked["execute"])
                answer: dict[str, Any] = {}
                if asked["execute"] == "migrate" and not self.fails:
                    Path(asked["arguments"]["uri"].removeprefix("file:")).write_text("memory")
                if asked["execute"] == "query-migrate":
                    answer = (
                        {"status": "failed", "error-desc": "no"} if self.fails else {"status": "completed"}
                    )
                print('{"event": "STOP"}', file=stream)
                print(json.dumps({"return": answer}), file=stream, flush=True)


def taken(root: Path, name: str, image: str = "image", fails: bool = False) -> Qemu:
    place = Path(tempfile.mkdtemp(dir=root))
    for file in ("disk.qcow2", "guest-images.ext4"):
        (place / file).write_text(file)
    qemu = Qemu(place / "qmp", fails)
    with channel.Monitor(place / "qmp", time.monotonic() + 20, lambda: None) as monitor:
        snapshot.save(name, image, monitor, place, 1, root / "kept")
    return qemu


def test_a_snapshot_is_kept_whole_while_the_board_stands_still(tmp_path: Path) -> None:
    assert snapshot.find("a", tmp_path / "kept") is None
    qemu = taken(tmp_path, "a")
    assert (qemu.asked.index("stop"), qemu.asked[-1]) == (1, "cont")
    found = snapshot.find("a", tmp_path / "kept")
    assert found is not None
    assert found.state.read_text() == "memory"
    assert found.disk.read_text() == "disk.qcow2"
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    snapshot.discard("a", tmp_path / "kept")
    assert snapshot.find("a", tmp_path / "kept") is None


def test_a_board_goes_on_where_no_snapshot_can_be_kept(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="cannot save the board: no"):
        taken(tmp_path, "a", fails=True)
    assert list((tmp_path / "kept").iterdir()) == []


def test_snapshots_over_another_image_go_and_so_do_the_oldest(tmp_path: Path) -> None:
    taken(tmp_path, "gone", image="before")
    for age, name in enumerate("dcba"):
        taken(tmp_path, name)
        os.utime(tmp_path / "kept" / name, (age + 1, age + 1))
    taken(tmp_path, "new")
    left = {path.name for path in (tmp_path / "kept").iterdir()}
    assert len(left) == snapshot.KEPT
    assert {"new", "a", "b"} == left


def test_a_program_that_ended_is_said_and_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="it ended"):
        channel.Lines(tmp_path / "none", time.monotonic() + 60, lambda: "it ended")
    with pytest.raises(BoardError, match="opens no socket"):
        channel.Lines(tmp_path / "none", time.monotonic() - 1, lambda: None)


def test_compiled_modules_are_kept_by_their_content(tmp_path: Path) -> None:
    """What the board's Python does with zips that Ansible sends: run it here, in a Python of its own."""
    text = recipe.ZIP_CACHE.replace("/var/cache/netlab-testbed/python", str(tmp_path / "kept"))
    text = text.replace("os.geteuid() == 0", "True")
    for content in ("x = 1", "x = 2", "x = 1"):
        with zipfile.ZipFile(tmp_path / "sent.zip", "w") as archive:
            archive.writestr("sent.py", content)
        program = f"{text}\nimport sys\nsys.path.insert(0, {str(tmp_path / 'sent.zip')!r})\nimport sent\nprint(sent.x)"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout == f"{content[-1]}\n"
    assert len(list((tmp_path / "kept").iterdir())) == 2
