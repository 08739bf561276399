# SPDX-License-Identifier: Apache-2.0
"""Whose servers a board needs, and over which interfaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import mount_nics


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("server:/x /x nfs4 rw,vers=4.2,clientaddr=192.0.2.9,addr=192.0.2.1 0 0", {"192.0.2.1"}),
        ("server:/x /x nfs rw,mountaddr=192.0.2.2,addr=192.0.2.1 0 0", {"192.0.2.1", "192.0.2.2"}),
        ("[2001:db8::1]:/x /x nfs4 rw 0 0", {"2001:db8::1"}),
        ("//192.0.2.3/share /s cifs rw,username=ada 0 0", {"192.0.2.3"}),
        ("//files/share /s smb3 rw,addr=192.0.2.3 0 0", {"192.0.2.3"}),
        ("192.0.2.4:6789,192.0.2.5:6789:/ /c ceph rw 0 0", {"192.0.2.4", "192.0.2.5"}),
        ("ada@192.0.2.6:/home /h fuse.sshfs rw 0 0", {"192.0.2.6"}),
        ("/dev/vda / ext4 rw,addr=192.0.2.1 0 0", set()),
        ("tmpfs /run tmpfs rw 0 0", set()),
        ("nonsense", set()),
        ("", set()),
    ],
)
def test_servers_of_a_mount(line: str, expected: set[str]) -> None:
    assert mount_nics.servers([line]) == expected


def test_targets_of_disks(tmp_path: Path) -> None:
    (tmp_path / "connection1:0").mkdir()
    (tmp_path / "connection1:0" / "address").write_text("192.0.2.7\n", encoding="ascii")
    assert mount_nics.iscsi_targets(tmp_path) == {"192.0.2.7"}


def test_the_interfaces_of_their_routes() -> None:
    routes = {"192.0.2.1": "eth0", "192.0.2.2": "eth0", "192.0.2.3": None, "127.0.0.1": "lo"}
    assert mount_nics.mount_nics(routes, routes.get) == ["eth0"]
