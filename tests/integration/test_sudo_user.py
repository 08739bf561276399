# SPDX-License-Identifier: Apache-2.0
"""The local lab for a user who is not root and has sudo: the same commands, and the results are theirs.

The user, and sudo where it is missing, exist in a private mount namespace alone, over what the machine has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
USER = 47_110

# $1: a folder of its own; $2: where sudo's package is unpacked, or empty; the rest runs as the user.
ENTER = r"""
set -eu
home=$1 package=$2
shift 2
mount --make-rprivate /
mkdir -p "$home/over"
mount -t tmpfs -o mode=0755 tmpfs "$home/over"
for name in usr etc; do
  mkdir -p "$home/over/$name" "$home/over/$name.work"
  mount -t overlay -o "lowerdir=/$name,upperdir=$home/over/$name,workdir=$home/over/$name.work" overlay "/$name"
done
if [ -n "$package" ]; then cp -a "$package/usr/." /usr/ && cp -a "$package/etc/." /etc/; fi
mkdir -p /etc/sudoers.d
echo "ada:x:USER:USER:Ada:$home/ada:/bin/sh" >>/etc/passwd
echo "ada:x:USER:" >>/etc/group
echo 'ada:*:19000:0:99999:7:::' >>/etc/shadow
echo 'ada ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/ada
chmod 0440 /etc/sudoers.d/ada
chmod 0755 "$home"
mkdir -p -m 0700 "$home/ada"
chown USER:USER "$home/ada"
exec setpriv --reuid USER --regid USER --clear-groups "$@"
""".replace("USER", str(USER))


@pytest.fixture
def package(tmp_path: Path) -> str:
    """sudo's package unpacked; empty where the machine has it."""
    if shutil.which("sudo"):
        return ""
    fetched = subprocess.run(
        ["apt-get", "download", "-q", "sudo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = list(tmp_path.glob("sudo_*.deb"))
    if not found:
        pytest.skip(f"there is no sudo, and it cannot be had: {fetched.stderr.strip()[-200:]}")
    subprocess.run(["dpkg", "-x", str(found[0]), str(tmp_path / "sudo")], check=True, timeout=30)
    return str(tmp_path / "sudo")


@pytest.fixture
def home() -> Iterator[Path]:
    """In the machine's own temporary folder: pytest's cannot be entered by another user."""
    with tempfile.TemporaryDirectory(prefix="netlab-testbed-test-") as name:
        yield Path(name)


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.needs("unshare", "setpriv", "tini", "nsenter")
@pytest.mark.timeout(400)
def test_the_local_lab_of_a_user_with_sudo(home: Path, package: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make the user")
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        pytest.skip("this kernel has no overlay file system, over which the user would be made")
    lab = home / "lab"
    shutil.copytree(ROOT / "inventory/local", lab)
    for file in (lab / "hosts.yml", lab / "group_vars/local_boards.yml"):
        text = file.read_text(encoding="utf-8").replace("board1", "sudodut").replace("board2", "sudopeer")
        file.write_text(text.replace("192.168.20.", "192.168.77."), encoding="utf-8")
    enter = ["unshare", "--mount", "sh", "-c", ENTER, "sh", str(home), package]
    environment = {
        "HOME": f"{home}/ada",
        "USER": "ada",
        "LOGNAME": "ada",
        "PATH": "/usr/bin:/bin",
        "NO_COLOR": "1",
    }
    netlab = str(Path(sys.executable).with_name("netlab"))
    script = """
    cd && umask 022
    sudo -n true || { echo no-sudo; exit 77; }
    [ -x "$1" ] || { echo this checkout is closed to others; exit 77; }
    status=0
    for command in "check" "deploy -t host" "status" "destroy"; do
      echo "== $command"
      $1 $command -i "$2" || { status=1; echo "FAILED: $command"; }
      if [ "$command" = status ]; then # nobody but root looks into a board, where its sockets are
        for board in /proc/[0-9]*; do
          if [ -r "$board/environ" ]; then continue; fi
          if ls "$board/root/run/libvirt" >/dev/null 2>&1; then echo "OPEN $board"; status=1; fi
        done
      fi
    done
    find "$HOME" ! -user ada -print
    exit $status
    """
    done = subprocess.run(
        [*enter, "sh", "-c", script, "sh", netlab, str(lab)],
        env=environment, capture_output=True, text=True, check=False, timeout=380,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode == 77:
        pytest.skip(f"sudo does not work here: {said[-200:]}")
    assert done.returncode == 0, said
    assert "host is deployed on 2 boards" in said
    assert "nothing of netlab is left on 2 boards" in said
    after = done.stdout.partition("== destroy")[2]
    assert str(home) not in after, "all in the user's home is the user's"
    assert list(Path("/run/netlab-testbed/boards").glob("sudo*")) == []
