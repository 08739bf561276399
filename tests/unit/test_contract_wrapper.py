# SPDX-License-Identifier: Apache-2.0
"""The wrapper's boundaries: data flows one way, one file drives Ansible, no topology is known by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "netlab").glob("**/*.py"))
PARSED = {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in FILES}

# Left to right, as data flows. A file imports what stands in its own column or to the right of it,
# and what stands in none: errors, settings, collection.
FLOW = ({"cli"}, {"bundle"}, {"plan", "inventory"}, {"play"}, {"results"}, {"analysis"}, {"report"})
COLUMN = {package: column for column, packages in enumerate(FLOW) for package in packages}

# `host` and `user` are words of everybody's; the others can only mean a topology or an instrument.
ORDINARY = {"host", "user"}
NAMES = {
    path.name.split("_", 1)[1]
    for prefix in ("datapath_", "instrument_")
    for path in (ROOT / "roles").glob(f"{prefix}*")
} - ORDINARY


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, lazily or not, with the line."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(PARSED[path]):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def column(module: str) -> int | None:
    parts = module.split(".")
    return COLUMN.get(parts[1]) if parts[0] == "netlab" and len(parts) > 1 else None


def test_no_file_imports_one_on_its_left() -> None:
    wrong = []
    for path in FILES:
        own = column(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for line, module in imported(path):
            other = column(module)
            if own is not None and other is not None and other < own:
                wrong.append(f"{place(path)}:{line} imports {module}")
            if own is None and other is not None and path.name != "__main__.py":
                wrong.append(f"{place(path)}:{line} stands in no column and imports {module}")
    assert wrong == []


def test_one_file_drives_ansible() -> None:
    drivers = {
        place(path)
        for path in FILES
        for _, module in imported(path)
        if module.split(".")[0] in {"ansible_runner", "ansible"}
    }
    assert drivers == {"netlab/play/runner.py"}


def test_the_wrapper_never_touches_a_board() -> None:
    """No link, domain, switch or namespace is reached but by a task in a play; pure planning is shared."""
    pure = {"ansible_collections.netlab.testbed.plugins.module_utils.guests"}
    wrong = [
        f"{place(path)}:{line} imports {module}"
        for path in FILES
        for line, module in imported(path)
        if module.split(".")[0] in {"libvirt", "pyroute2", "ansible_collections"}
        and not {module, module.rpartition(".")[0]} & pure
    ]
    assert wrong == []


def docstrings(tree: ast.AST) -> set[ast.AST]:
    """The constants that only a reader sees."""
    return {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }


def words_of_code(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Identifiers, and strings that are one word, as they would be if they named a thing."""
    prose = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            if " " not in node.value:
                yield node.lineno, node.value
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.lineno, node.arg


def test_there_are_names_to_look_for() -> None:
    assert {"tap", "macvtap", "netperf"} <= NAMES


@pytest.mark.parametrize("path", FILES, ids=place)
def test_no_topology_or_instrument_is_known_by_name(path: Path) -> None:
    """Adding one is adding a role and a scenario, with no edit to Python."""
    found = [
        f"{place(path)}:{line} {word}"
        for line, word in words_of_code(PARSED[path])
        if NAMES & set(re.split(r"[^a-z0-9]+", word.lower()))
    ]
    assert found == []
