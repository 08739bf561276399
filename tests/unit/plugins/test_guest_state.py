# SPDX-License-Identifier: Apache-2.0
"""The folder that libvirt gives a running domain, where no libvirtd is left to remove it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops


def test_only_the_guests_own_folder_goes(tmp_path: Path) -> None:
    state, proc = tmp_path / "qemu", tmp_path / "proc"
    proc.mkdir()
    kept = ["domain-1-my-guest1", "domain-1-guest10", "domain-x-guest1", "guest1", "channel"]
    for name in (*kept, "domain-1-guest1", "domain-27-guest1", "channel/target/domain-1-guest1"):
        (state / name).mkdir(parents=True)
        (state / name / "master-key.aes").touch()
    domain_ops._clear_state("guest1", state, proc)
    assert sorted(path.name for path in state.iterdir()) == sorted(kept)
    assert not list((state / "channel" / "target").iterdir())


def test_a_folder_that_a_qemu_speaks_of_stays(tmp_path: Path) -> None:
    """Of a long name libvirt takes the first 20 characters, so that two guests may have folders of the same name."""
    state, proc = tmp_path / "qemu", tmp_path / "proc"
    long = "guest-of-a-very-long-name"
    for number in (1, 2):
        (state / f"domain-{number}-{long[:20]}").mkdir(parents=True)
    (proc / "10").mkdir(parents=True)
    key = state / f"domain-2-{long[:20]}" / "master-key.aes"
    (proc / "10" / "cmdline").write_bytes(
        b"\0".join([b"qemu-system-x86_64", b"-object", f'"{key}"'.encode()])
    )
    domain_ops._clear_state(long, state, proc)
    assert [path.name for path in state.iterdir()] == [f"domain-2-{long[:20]}"]
