# SPDX-License-Identifier: Apache-2.0
"""Each linter is a test; a finding is its failure message."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def lint(repository: Path, *argv: str, seconds: float = 300.0, **environment: str) -> None:
    """Run a linter at the root; fail with what it printed."""
    program = Path(sys.executable).parent / argv[0]
    command = [str(program) if program.exists() else argv[0], *argv[1:]]
    run = subprocess.run(
        command,
        cwd=repository,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if run.returncode != 0:
        pytest.fail(f"{' '.join(argv)} ended with {run.returncode}\n{run.stdout}", pytrace=False)


def tracked(repository: Path) -> list[Path]:
    """What git would commit: tracked files and new ones that no ignore rule names."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    names = listing.stdout.decode().split("\0")
    return [path for name in names if name and (path := repository / name).is_file()]


def test_ruff_check(repository: Path) -> None:
    lint(repository, "ruff", "check", ".")


def test_ruff_format(repository: Path) -> None:
    lint(repository, "ruff", "format", "--check", ".")


def test_mypy(repository: Path) -> None:
    lint(repository, "mypy")


def test_yamllint(repository: Path) -> None:
    lint(repository, "yamllint", "--strict", ".")


@pytest.mark.timeout(600)  # it reads every role and play: a minute on a quiet machine
def test_ansible_lint(repository: Path) -> None:
    lint(
        repository,
        "ansible-lint",
        "--offline",
        "--strict",
        ANSIBLE_COLLECTIONS_PATH=".collections",
        NO_COLOR="1",
    )


def test_antsibull_docs(repository: Path) -> None:
    lint(repository, "antsibull-docs", "lint-collection-docs", "--plugin-docs", ".")


def test_shellcheck(repository: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("needs the program shellcheck")
    scripts = [path for path in tracked(repository) if is_shell(path)]
    assert repository / "lab" in scripts
    lint(repository, "shellcheck", "--external-sources", *map(str, scripts))


def is_shell(path: Path) -> bool:
    """Whether shellcheck reads this file: by its name, else by its first line."""
    if path.suffix == ".sh":
        return True
    if path.suffix:
        return False
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and first.rstrip().endswith((b"/sh", b"bash", b" sh"))


def test_every_python_file_names_its_license(repository: Path) -> None:
    lacking = [
        str(path.relative_to(repository))
        for path in tracked(repository)
        if path.suffix == ".py" and "SPDX-License-Identifier: Apache-2.0" not in path.read_text()[:400]
    ]
    assert not lacking
