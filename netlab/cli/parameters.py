# SPDX-License-Identifier: Apache-2.0
"""What a plan tells its instruments, against what their roles say that they can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from netlab.errors import Problem
from netlab.inventory.definitions import is_template
from netlab.inventory.marked import Marked, Place, key_text
from netlab.inventory.roles import Option, wrong_value
from netlab.plan.document import Document, KeyPath


def wrong_parameters(read: Document, options: Mapping[str, Option]) -> Iterator[Problem]:
    """Each parameter of each instrument that its role does not take.

    `options` has the role's option for an instrument's parameters, by the instrument's name; an instrument
    that it lacks is not checked. What has not even the form of a plan is left to the plan's own model.
    """
    instruments = read.data.get("instruments")
    for index, entry in enumerate(instruments if isinstance(instruments, list) else []):
        path: KeyPath = ("instruments", index, "parameters")
        name = entry.get("name") if isinstance(entry, dict) else None
        told = entry.get("parameters") if isinstance(entry, dict) else None
        if not isinstance(told, dict):
            continue
        marked = _marked(read, path, told)
        templates = list(_templates(marked, path))
        yield from templates
        if isinstance(name, str) and name in options and not templates:
            yield from wrong_value(replace(options[name], name=name), marked, path)


def _marked(read: Document, path: KeyPath, value: Any) -> Marked:
    """A value of the plan with its lines, as the inventory's checks take it."""
    if isinstance(value, dict):
        value = {key: _marked(read, (*path, key), item) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_marked(read, (*path, index), item) for index, item in enumerate(value)]
    return Marked(value, Place(read.file, read.line_of(path)))


def _templates(marked: Marked, path: KeyPath) -> Iterator[Problem]:
    """Ansible would evaluate a template in what it is told, and one can run anything on this machine."""
    value = marked.value
    if isinstance(value, dict):
        for key, item in value.items():
            if is_template(key):
                yield item.place.problem(key_text(path), "a template stands here, as a key", "a plain word")
            yield from _templates(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _templates(item, (*path, index))
    elif is_template(value):
        yield marked.place.problem(
            key_text(path), "a template stands here, and a plan is data only", "the value itself"
        )
