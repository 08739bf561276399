# SPDX-License-Identifier: Apache-2.0
"""The private folder of a wrapper that was killed goes at the next start, and nobody else's does."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from netlab.play import leftovers, processes

MAKE = """
import os, sys, tempfile
from netlab.play import leftovers, processes
tempfile.tempdir = sys.argv[1]
folder = leftovers.make()
(folder / "extravars").write_text("secret")
print(folder, processes.mark(), sep="\\n", flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def killed(temporary: Path) -> tuple[Path, str]:
    """The folder of a process that was killed, and its mark."""
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(temporary)], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == -9, done.stderr
    folder, mark = done.stdout.splitlines()
    assert (Path(folder) / "extravars").is_file()
    return Path(folder), mark


def test_what_a_killed_one_left_goes(killed: tuple[Path, str]) -> None:
    leftovers.sweep()
    assert not killed[0].exists()


def test_it_is_private_and_stays_while_its_process_runs(temporary: Path) -> None:
    folder = leftovers.make()
    assert folder.stat().st_mode & 0o777 == 0o700
    leftovers.sweep()
    assert folder.is_dir()


def test_it_stays_while_what_that_one_started_runs(killed: tuple[Path, str]) -> None:
    """Ansible goes on where only its wrapper was killed."""
    folder, mark = killed
    ansible = subprocess.Popen(["sleep", "60"], env={**os.environ, "NETLAB_HOLDER": mark})
    try:
        assert processes.bears(mark)
        leftovers.sweep()
        assert folder.is_dir()
    finally:
        ansible.kill()
        ansible.wait(timeout=5)
    leftovers.sweep()
    assert not folder.exists()


def test_somebody_elses_folders_stay(killed: tuple[Path, str], temporary: Path) -> None:
    folder, _mark = killed
    precious = temporary / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    link = temporary / f"{folder.name}_link"
    link.symlink_to(precious)
    wide = temporary / f"{folder.name}_wide"
    wide.mkdir(mode=0o755)
    wide.chmod(0o755)
    named = temporary / "netlab-notes"
    named.mkdir(mode=0o700)
    other_namespace = temporary / "netlab-1-1-1-abcdefgh"
    other_namespace.mkdir(mode=0o700)
    leftovers.sweep()
    assert not folder.exists()
    assert (precious / "file").is_file()
    assert all(path.exists() for path in (link, wide, named, other_namespace))
