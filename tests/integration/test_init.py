# SPDX-License-Identifier: Apache-2.0
"""`netlab init` and `netlab check` over SSH: from two addresses to an inventory that is checked at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.ssh_board import USER, SshLab, ssh_lab

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces"),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def boards() -> Iterator[SshLab]:
    with ssh_lab("ini") as lab:
        yield lab


def netlab(lab: SshLab, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Over connections of its own: one that is open from before asks for no host's key."""
    variables = {
        "NETLAB_LOGS": str(lab.folder / "logs"),
        "NO_COLOR": "1",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": tempfile.mkdtemp(dir=lab.folder, prefix="c"),
    }
    return subprocess.run(
        [*lab.here, sys.executable, "-m", "netlab", *map(str, words)],
        cwd=ROOT, env={**os.environ, **variables},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


def init(lab: SshLab, folder: Path, user: str = "root", *more: str) -> subprocess.CompletedProcess[str]:
    """As a user whose key and known hosts are in files of their own."""
    hosts = [lab.address(board) for board in lab.boards]
    return netlab(
        lab, "init", folder, "--dut", f"{user}@{hosts[0]}", "--peer", f"{user}@{hosts[1]}", "--key", lab.folder / "key",
        *(more or ("--known-hosts", str(lab.folder / "known_hosts"))),
    )  # fmt: skip


def state(lab: SshLab, board: str) -> dict[str, str]:
    """What is on the board: all that was ever written to its own file systems, and its links."""
    upper = ("/mnt/etc/upper", "/mnt/usr/upper", "/mnt/var/lib/upper", "/home")
    return {
        "files": lab.inside(board, "find", *upper, "/root", "-printf", "%p %s %T@\n"),
        "run": lab.inside(board, "find", "/run", "-not", "-path", "/run/sudo*", "-type", "f"),
        "links": lab.inside(board, "ip", "-details", "address"),
        "routes": lab.inside(board, "ip", "route", "show", "table", "all"),
        "modules": lab.inside(board, "ls", "/sys/module"),
        "mounts": lab.inside(board, "cat", "/proc/mounts"),
    }


@pytest.mark.parametrize("user", ["root", USER])
def test_an_inventory_is_written_and_checked_at_once(boards: SshLab, tmp_path: Path, user: str) -> None:
    # the first connection of a board makes ~/.ansible, which is Ansible's own
    assert init(boards, tmp_path / "first", user).returncode == 0
    boards.settle()
    before = {board: state(boards, board) for board in boards.boards}
    written = init(boards, tmp_path / "lab", user)
    assert written.returncode == 0, written.stderr
    hosts = yaml.safe_load((tmp_path / "lab/hosts.yml").read_text(encoding="utf-8"))["all"]["children"]
    dut = hosts["duts"]["hosts"]["dut1"]
    assert (dut["board_nic"], dut["board_connection_nic"]) == ("eth1", "mgmt0")
    assert dut["board_address"].startswith("198.18.0.1/")
    checked = netlab(boards, "check", "-i", tmp_path / "lab", "--json")
    assert checked.returncode == 0, checked.stderr
    said = json.loads(checked.stdout)["boards"]
    assert said["dut1"]["topologies"]["tap"] == said["peer1"]["topologies"]["host"] == []
    about = {row["about"]: row["says"] for row in said["dut1"]["findings"]}
    assert about["measured NIC"].startswith("eth1: veth, ")
    assert about["connection"] == "comes in over mgmt0"
    assert said["dut1"]["accelerator"] in ("kvm", "tcg", "untried")
    for board in boards.boards:
        now = state(boards, board)
        for what, text in before[board].items():
            assert set(now[what].splitlines()) ^ set(text.splitlines()) == set(), (board, what)


def test_a_host_key_that_is_not_known(boards: SshLab, tmp_path: Path) -> None:
    (tmp_path / "known").touch()
    ended = init(boards, tmp_path / "lab", "root", "--known-hosts", str(tmp_path / "known"))
    assert ended.returncode == 4
    assert "dut1 cannot be reached: this machine does not know its SSH host key yet" in ended.stderr
    assert f"root@{boards.address(boards.dut)}   (once, by hand: compare the fingerprint" in ended.stderr
    assert not (tmp_path / "lab").exists()


def test_a_host_key_that_has_changed(boards: SshLab, tmp_path: Path) -> None:
    lines = (boards.folder / "known_hosts").read_text(encoding="ascii").splitlines()
    (first, *key), (other, *other_key) = (line.split() for line in lines)
    (tmp_path / "known").write_text(f"{first} {' '.join(other_key)}\n{other} {' '.join(key)}\n")
    ended = init(boards, tmp_path / "lab", "root", "--known-hosts", str(tmp_path / "known"))
    assert ended.returncode == 4
    assert "its SSH host key is not the one that this machine knows" in ended.stderr
    assert f"ssh-keygen -f {tmp_path / 'known'} -R {boards.address(boards.dut)}" in ended.stderr


def test_a_user_who_is_not_let_in(boards: SshLab, tmp_path: Path) -> None:
    ended = init(boards, tmp_path / "lab", "stranger")
    assert ended.returncode == 4
    assert "its SSH server does not let this user in" in ended.stderr


def test_a_board_that_answers_to_two_names(boards: SshLab, tmp_path: Path) -> None:
    """Its management address, and one that it has besides."""
    boards.inside(boards.dut, "ip", "address", "add", f"{boards.address(boards.dut)[:-1]}9/32", "dev", "lo")
    host, other = boards.address(boards.dut), f"{boards.address(boards.dut)[:-1]}9"
    here = ("ip", "-n", boards.space, "route")
    subprocess.run([*here, "add", other, "via", host], timeout=10, check=True)
    key = (boards.folder / "known_hosts").read_text(encoding="ascii").splitlines()[0].split(" ", 1)[1]
    (tmp_path / "known").write_text(f"{host} {key}\n{other} {key}\n", encoding="ascii")
    boards.inside(
        boards.dut, "/usr/sbin/sshd", "-f", "/etc/ssh/keys/sshd_config", "-o", f"ListenAddress={other}",
        "-o", "PidFile=/run/sshd/other.pid",
    )  # fmt: skip
    words = ("--key", boards.folder / "key", "--known-hosts", tmp_path / "known")
    ended = netlab(
        boards, "init", tmp_path / "lab", "--dut", f"root@{host}", "--peer", f"root@{other}", *words
    )
    assert ended.returncode == 2, ended.stderr
    assert "peer1: it is the same machine as dut1" in ended.stderr
