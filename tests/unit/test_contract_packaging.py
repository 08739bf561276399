# SPDX-License-Identifier: Apache-2.0
"""What is written twice agrees, and nothing names a mirror or somebody's machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import netlab

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def canonical(requirement: str) -> str:
    """The distribution's name of a requirement, as PEP 503 normalises it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_package_and_collection_have_one_version() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert galaxy["version"] == netlab.__version__


def test_every_dependency_is_locked() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    locked = {canonical(line) for line in lines if "==" in line}
    wanted = [
        *PROJECT["dependencies"],
        *(r for extra in PROJECT["optional-dependencies"].values() for r in extra),
    ]
    assert {canonical(requirement) for requirement in wanted} - locked == set()


def test_the_lock_holds_exact_versions_and_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 20
    for line in lines:
        assert line.startswith("#") or re.match(r"[a-z0-9._-]+==[^ ]+( ; .+)?$", line), line


def test_nothing_names_a_mirror_or_a_machine() -> None:
    """Labs have mirrors of their own: what is fetched comes from where the machine is set up to fetch."""
    hosts = r"deb\.debian\.org|ftp\.[a-z.]*debian\.org|security\.debian\.org|pypi\.org|pythonhosted\.org"
    paths = r"(?<![\w.])/(?:root|home)/\w"
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    found = []
    for name in told.split("\0"):
        path = ROOT / name
        if not name or name.startswith("tests/") or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {match[0]}" for match in re.finditer(f"{hosts}|{paths}", text)]
    assert found == []


@pytest.mark.parametrize(
    "program", ["lab", ".ci/run", "scripts/lock", "scripts/test", "scripts/clean-machine"]
)
def test_programs_can_be_run(program: str) -> None:
    assert (ROOT / program).stat().st_mode & 0o111
