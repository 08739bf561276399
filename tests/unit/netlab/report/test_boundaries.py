# SPDX-License-Identifier: Apache-2.0
"""Data flows one way (DESIGN, section 3): no file imports a package on its left."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ORDER = ("plan", "results", "analysis", "report")
LEFT_OF_ALL = ("cli", "inventory", "play")


def imported(path: Path) -> set[str]:
    """Sub-packages of netlab that a file imports, at its start or later."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("netlab.")}
    return found


@pytest.mark.parametrize("package", ORDER)
def test_nothing_imports_what_is_on_its_left(repository: Path, package: str) -> None:
    forbidden = {*LEFT_OF_ALL, *ORDER[: ORDER.index(package)]}
    files = sorted((repository / "netlab" / package).rglob("*.py"))
    assert files
    wrong = {path.name: found for path in files if (found := imported(path) & forbidden)}
    assert not wrong
