# SPDX-License-Identifier: Apache-2.0
"""./lab: prepares .venv once, again when it must, never half; then it is the program, argument for argument.

Each test has a checkout of its own: the real launcher around a project of one file that installs a `netlab`
which prints its arguments, built by a backend in the tree. No package registry is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BACKEND = """
import zipfile

FILES = {
    "toy.py": "import sys\\ndef main():\\n    print(sys.argv[1:])\\n",
    "toy-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: toy\\nVersion: 1\\nProvides-Extra: test\\n",
    "toy-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "toy-1.dist-info/entry_points.txt": "[console_scripts]\\nnetlab=toy:main\\n",
    "toy-1.dist-info/RECORD": "",
}

def get_requires_for_build_editable(config_settings=None):
    return []

def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/toy-1-py3-none-any.whl", "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
    return "toy-1-py3-none-any.whl"
"""


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """A project with the real launcher, in a folder whose name has a blank."""
    root = tmp_path / "a checkout"
    shutil.copytree(repository / "scripts", root / "scripts")
    shutil.copy(repository / "lab", root / "lab")
    (root / "hatch_build.py").write_text(BACKEND)
    (root / "constraints.txt").write_text("")
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "hatch_build"\nbackend-path = ["."]\n'
        '[project]\nname = "toy"\nversion = "1"\n'
    )
    return root


def start(checkout: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [checkout / "lab", *words],
        cwd="/",
        env=os.environ | {"PIP_NO_INDEX": "1"} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lab(checkout: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    process = start(checkout, *words, **environment)
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def test_first_call_prepares_and_second_starts_at_once(checkout: Path) -> None:
    status, out, err = lab(checkout, "deploy", "-t", "two words", "")
    assert (status, out) == (0, "['deploy', '-t', 'two words', '']\n"), err
    assert "making .venv" in err
    assert "done in" in err
    assert lab(checkout, "again") == (0, "['again']\n", "")


def test_a_changed_lock_is_installed_into_the_same_venv(checkout: Path) -> None:
    lab(checkout)
    (checkout / "constraints.txt").write_text("# another\n")
    status, _, err = lab(checkout)
    assert status == 0
    assert "installing Python packages" in err
    assert "making .venv" not in err


def test_a_moved_checkout_gets_a_new_venv(checkout: Path) -> None:
    lab(checkout)
    moved = checkout.rename(checkout.with_name("moved"))
    status, out, err = lab(moved, "x")
    assert (status, out) == (0, "['x']\n")
    assert "making .venv" in err


def test_a_failure_shows_its_end_and_is_not_taken_for_done(checkout: Path) -> None:
    (checkout / "hatch_build.py").write_text("raise SystemExit('the backend is broken')\n")
    status, out, err = lab(checkout, "x")
    assert (status, out) == (1, "")
    assert "the backend is broken" in err
    assert not list((checkout / ".venv").glob(".lab-*"))
    (checkout / "hatch_build.py").write_text(BACKEND)
    assert lab(checkout, "x")[:2] == (0, "['x']\n")


def test_two_at_once_prepare_once(checkout: Path) -> None:
    both = [start(checkout, str(number)) for number in range(2)]
    told = [process.communicate(timeout=100) for process in both]
    assert sorted(out for out, _ in told) == ["['0']\n", "['1']\n"]
    assert sum("making .venv" in err and "done in" in err for _, err in told) == 1
    assert sum("waiting for it" in err for _, err in told) == 1


def test_a_python_that_does_not_fit_is_refused(checkout: Path) -> None:
    status, _, err = lab(checkout, LAB_PYTHON="/bin/false")
    assert status == 1
    assert "LAB_PYTHON=/bin/false is not a Python 3.11 or newer" in err
    assert not (checkout / ".venv").exists()


def test_an_unknown_suite_is_a_usage_error(repository: Path) -> None:
    done = subprocess.run(
        [repository / "scripts/test", "nonsense"], capture_output=True, text=True, timeout=10, check=False
    )
    assert done.returncode == 2
    assert "no suite or file nonsense; the suites are lint unit" in done.stderr


def test_clean_removes_what_lab_made(checkout: Path) -> None:
    lab(checkout)
    status, out, err = lab(checkout, "clean", "--dry-run")
    if status == 1 and "a lab is up" in err:
        pytest.skip("a local lab is up on this machine: clean-machine refuses")
    assert status == 0, err
    assert f"{checkout}/.venv" in out
    assert (checkout / ".venv").exists()
