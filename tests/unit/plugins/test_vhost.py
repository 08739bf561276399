# SPDX-License-Identifier: Apache-2.0
"""Who moves a guest's frames: a worker of the kernel's vhost, or the guest's QEMU."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.domain_ops import has_vhost, qemu_of
from ansible_collections.netlab.testbed.plugins.module_utils.domain_xml import identity
from ansible_collections.netlab.testbed.plugins.modules import board_info


def process(
    proc: Path,
    pid: int,
    name: str,
    tasks: tuple[str, ...] = (),
    command: tuple[str, ...] = (),
    elsewhere: bool = False,
) -> None:
    for number, task in enumerate((name, *tasks)):
        folder = proc / str(pid) / "task" / str(pid + number)
        folder.mkdir(parents=True)
        (folder / "comm").write_text(f"{task}\n")
    (proc / str(pid) / "comm").write_text(f"{name}\n")
    (proc / str(pid) / "cmdline").write_bytes("\0".join(command).encode())
    (proc / "self/ns").mkdir(parents=True, exist_ok=True)
    (proc / "self/ns/pid").touch()
    (proc / str(pid) / "ns").mkdir()
    space = proc / str(pid) / "ns/pid"
    space.touch() if elsewhere else space.hardlink_to(proc / "self/ns/pid")


def test_workers_are_found_as_tasks_and_as_kernel_threads(tmp_path: Path) -> None:
    command = ("/usr/bin/qemu-system-aarch64", "-uuid", identity("guest1"))
    process(tmp_path / "task", 10, "qemu-system-aar", ("CPU 0/KVM", "vhost-10"), command)
    assert has_vhost("guest1", tmp_path / "task")
    process(tmp_path / "thread", 10, "qemu-system-aar", ("CPU 0/KVM",), command)
    assert not has_vhost("guest1", tmp_path / "thread")
    process(tmp_path / "thread", 20, "vhost-99")  # another QEMU's
    assert not has_vhost("guest1", tmp_path / "thread")
    process(tmp_path / "thread", 21, "vhost-10")
    assert has_vhost("guest1", tmp_path / "thread")
    assert not has_vhost("guest2", tmp_path / "thread")


def test_a_guest_of_the_same_name_on_a_local_board_here_is_another(tmp_path: Path) -> None:
    command = ("/usr/bin/qemu-system-aarch64", "-uuid", identity("guest1"))
    process(tmp_path, 10, "qemu-system-aar", ("vhost-10",), command, elsewhere=True)
    process(tmp_path, 20, "qemu-system-aar", (), command)
    assert qemu_of("guest1", tmp_path) == [20]
    assert not has_vhost("guest1", tmp_path)


def test_status_tells_it_of_each_guest() -> None:
    recorded = [{"name": "guest1", "address": "192.0.2.101/24"}]
    found = {"guest1": {"ours": True, "running": True, "interfaces": [], "vhost": True}}
    assert board_info.guest_states(recorded, found)[0]["vhost"] is True
    assert board_info.guest_states(recorded, {})[0]["vhost"] is None
    assert board_info.guest_states(recorded, None)[0]["vhost"] is None
