# SPDX-License-Identifier: Apache-2.0
"""The inventory as it was written: which file says what of which group or host, not only what wins in the end.

On its way into a bundle everything but the testbed's own variables is left out: what else stands in an inventory tells
Ansible how to reach a board, and is nobody else's business. On its way out it is read by the same reader that reads
inventories, as data, and held to the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from netlab.bundle import as_data, names, strict_json
from netlab.bundle.refusals import OutsideSchema
from netlab.errors import Problem
from netlab.inventory.definitions import is_ours, is_template
from netlab.inventory.marked import Marked, Opaque, UnreadableFile
from netlab.inventory.read_tree import read_tree
from netlab.inventory.read_yaml import read_yaml
from netlab.inventory.tree import Definition, Host, Tree

_SECTIONS = ("hosts", "vars", "children")


# -- into a bundle ----------------------------------------------------------------------------------------


def collect(inventory: Path) -> dict[str, Any]:
    """The files of an inventory as data: `hosts`, `group_vars/NAME`, `host_vars/NAME`, and `left_out`, a count.

    What a template or a vault makes is left out as well. Empty for an inventory that cannot be read so.
    """
    try:
        tree = read_tree(inventory, [], [])
    except (UnreadableFile, OSError, ValueError):
        return {}
    found: dict[str, Any] = {"hosts": _hosts(tree)}
    for folder, owners in (("group_vars", tree.groups), ("host_vars", tree.hosts)):
        for name, owner in owners.items():
            if ours := _ours(owner.from_files):
                found[f"{folder}/{name}"] = ours
    left_out = sum(1 for definition in tree.definitions if not _is_kept(definition.name, definition.value))
    return {"files": found, "left_out": left_out}


def _hosts(tree: Tree) -> dict[str, Any]:
    """Every group once, with its own; the tree is flat, as Ansible allows."""
    made: dict[str, Any] = {}
    seen: set[str] = set()
    for group in sorted(tree.groups.values(), key=lambda group: (group.name != "all", group.name)):
        sections: dict[str, Any] = {}
        if group.hosts:
            sections["hosts"] = {}
            for name in group.hosts:  # a host's own variables stand where it stands first
                sections["hosts"][name] = {} if name in seen else _ours(_host(tree, name).variables)
                seen.add(name)
        if ours := _ours(group.variables):
            sections["vars"] = ours
        if group.children:
            sections["children"] = {name: {} for name in group.children}
        if sections:
            made[group.name] = sections
    return made


def _host(tree: Tree, name: str) -> Host:
    return tree.hosts[name]


def _is_kept(name: str, value: Marked) -> bool:
    return is_ours(name) and not any(
        isinstance(part.value, Opaque) or is_template(part.value) for part in value.walk()
    )


def _ours(variables: dict[str, Marked]) -> dict[str, Any]:
    return {name: value.plain() for name, value in variables.items() if _is_kept(name, value)}


def text(content: Any, left_out: int = 0) -> str:
    """One file, as YAML."""
    head = (
        f"# {left_out} values that are not the testbed's, or are templates, were left out.\n"
        if left_out
        else ""
    )
    return head + str(yaml.safe_dump(content, sort_keys=True, allow_unicode=True, width=100))


# -- out of a bundle --------------------------------------------------------------------------------------


def read(bundle: str, member: str, file: Path) -> Any:
    """One file, as data. Raises OutsideSchema or Templated, with file, line and key."""
    problems: list[Problem] = []
    try:
        content = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise OutsideSchema(bundle, "this is not UTF-8", place=member) from None
    if letter := strict_json.unprintable(content):
        raise OutsideSchema(
            bundle, f"the text has the character {letter}, which is not for reading", place=member
        )
    try:
        document = read_yaml(content, member, problems)
    except UnreadableFile as error:
        problems.append(error.problem)
    as_data.refuse_first(bundle, problems)
    if document is None:
        return {}
    as_data.refuse_opaque(bundle, member, document)
    plain = document.plain()
    as_data.refuse_templates(bundle, member, plain)
    if member == f"{names.WRITTEN}hosts.yml":
        definitions = list(_of_groups(bundle, member, document))
    else:
        definitions = list(_of_variables(bundle, member, document, "the file"))
    known = as_data.Known()
    for definition in definitions:
        as_data.refuse_first(bundle, known.of_one(definition))
    return plain


def _of_groups(bundle: str, member: str, document: Marked) -> Iterator[Definition]:
    for name, group in _mapping(bundle, member, document, "an inventory").items():
        for section, content in _mapping(bundle, member, group, f"the group {name}").items():
            place = f"{member}:{content.place.line}: {name}.{section}"
            if section not in _SECTIONS:
                what = "this configures a plugin" if name == "plugin" else "a group has no such section"
                raise OutsideSchema(bundle, what, place=place, expected="hosts, vars, children")
            inside = _mapping(bundle, member, content, f"{section} of {name}")
            if section == "vars":
                yield from (Definition(str(key), value, str(name)) for key, value in inside.items())
            elif section == "hosts":
                for host, variables in inside.items():
                    yield from _of_variables(bundle, member, variables, str(host))
            else:
                for child, nothing in inside.items():
                    if nothing.value not in (None, {}):
                        raise OutsideSchema(bundle, "a child is a name only", place=f"{place}.{child}")


def _of_variables(bundle: str, member: str, marked: Marked, owner: str) -> Iterator[Definition]:
    for name, value in _mapping(bundle, member, marked, owner).items():
        yield Definition(str(name), value, owner)


def _mapping(bundle: str, member: str, marked: Marked, what: str) -> dict[Any, Marked]:
    if marked.value is None:
        return {}
    if not isinstance(marked.value, dict):
        raise OutsideSchema(bundle, f"{what} is no mapping", place=f"{member}:{marked.place.line}")
    return marked.value
