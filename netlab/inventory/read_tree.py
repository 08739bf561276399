# SPDX-License-Identifier: Apache-2.0
"""All files of an inventory, read into one tree."""

from __future__ import annotations

import re
from pathlib import Path

from netlab.errors import Problem
from netlab.inventory.marked import MAXIMUM_FILES, Opaque, Place, UnreadableFile
from netlab.inventory.read_groups import read_groups
from netlab.inventory.read_ini import read_ini
from netlab.inventory.read_yaml import read_yaml
from netlab.inventory.sources import PASSED_OVER, YAML_SUFFIXES, inventory_files, read_text, variable_files
from netlab.inventory.suggest import closest
from netlab.inventory.tree import Group, Host, Tree

_YAML_BEGINS = re.compile(r"(---|\{|[\w\"'.-]+\s*:(\s|$))")
_STATIC = "an inventory of its own, which `ansible-inventory --list --yaml` writes from this one"


def read_tree(path: Path, problems: list[Problem], warnings: list[Problem]) -> Tree:
    """What an inventory's files say together; what cannot be read, and why, is added to ``problems``.

    Raises UnreadableFile where there is no inventory at all.
    """
    tree = Tree(Place(str(path)))
    for source in inventory_files(path):
        try:
            _read_source(source, tree, problems)
        except UnreadableFile as error:
            problems.append(error.problem)
    base = path if path.is_dir() else path.parent
    _read_folder(base / "group_vars", dict(tree.groups), tree, problems, warnings)
    _read_folder(base / "host_vars", dict(tree.hosts), tree, problems, warnings)
    return tree


def _read_source(path: Path, tree: Tree, problems: list[Problem]) -> None:
    """One inventory file."""
    text = read_text(path)
    place = Place(str(path))
    if text.startswith("#!"):
        what = "this is a program: what it would answer is not known before Ansible runs it"
        raise UnreadableFile(Place(str(path), 1).problem(None, what, _STATIC))
    if path.suffix == ".toml":
        raise UnreadableFile(place.problem(None, "TOML is not read here", "an inventory in YAML or INI"))
    if path.suffix not in YAML_SUFFIXES and not (not path.suffix and _looks_like_yaml(text)):
        read_ini(text, str(path), tree, problems)
        return
    document = read_yaml(text, str(path), problems)
    if document is None:
        raise UnreadableFile(
            place.problem(None, "the file is empty", "groups: `all:`, or `duts:` and `peers:`")
        )
    read_groups(document, tree, problems)


def _looks_like_yaml(text: str) -> bool:
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith(("#", ";")):
            return _YAML_BEGINS.match(line) is not None
    return True


def _read_folder(
    folder: Path,
    owners: dict[str, Group] | dict[str, Host],
    tree: Tree,
    problems: list[Problem],
    warnings: list[Problem],
) -> None:
    """group_vars or host_vars."""
    if not folder.is_dir():
        return
    taken: set[str] = set()
    read = 0
    for name, owner in owners.items():
        if "/" in name or "\0" in name or len(name.encode()) > 200:
            continue  # no file is called so
        entry, files = variable_files(folder, name)
        if entry is not None:
            taken.add(entry.name)
        for path in files:
            read += 1
            if read > MAXIMUM_FILES:
                limit = f"at most {MAXIMUM_FILES} of them"
                raise UnreadableFile(Place(str(folder)).problem(None, "too many files", limit))
            try:
                _read_variables(path, owner, tree, problems, warnings)
            except UnreadableFile as error:
                problems.append(error.problem)
    _warn_of_unread(folder, taken, list(owners), warnings)


def _read_variables(
    path: Path, owner: Group | Host, tree: Tree, problems: list[Problem], warnings: list[Problem]
) -> None:
    """One file of a group's or host's variables."""
    text = read_text(path)
    if text.startswith("$ANSIBLE_VAULT;"):
        warnings.append(Place(str(path)).problem(None, "encrypted: what it sets is not checked"))
        return
    document = read_yaml(text, str(path), problems)
    if document is None or isinstance(document.value, Opaque):
        return
    if not isinstance(document.value, dict):
        what = "variables belong in this file, and this is no mapping"
        raise UnreadableFile(document.place.problem(None, what, "`key: value` lines"))
    for name, value in document.value.items():
        tree.define(owner, str(name), value, from_file=True)


def _warn_of_unread(folder: Path, taken: set[str], known: list[str], warnings: list[Problem]) -> None:
    """A file that belongs to nobody is the usual trace of a misspelt name, and Ansible says nothing."""
    what = "group" if folder.name == "group_vars" else "host"
    for path in sorted(folder.iterdir()):
        if path.name in taken or path.name.startswith(".") or path.name.endswith(PASSED_OVER):
            continue
        stem = path.stem if path.suffix in YAML_SUFFIXES else path.name
        if stem in known:
            message = f"not read: {stem} has variables in another file here, which Ansible takes first"
        else:
            close = closest(stem, known)
            message = f"not read: no {what} is called {stem}" + (f" (there is {close})" if close else "")
        warnings.append(Place(str(path)).problem(None, message))
