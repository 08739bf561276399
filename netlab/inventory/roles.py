# SPDX-License-Identifier: Apache-2.0
"""What the roles' meta/argument_specs.yml say about variables: which there are, their types and choices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from netlab.errors import InvalidInput, Problem
from netlab.inventory.definitions import describe, is_template
from netlab.inventory.marked import Marked, Opaque, Place, key_text
from netlab.inventory.suggest import closest
from netlab.inventory.tree import Definition

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Ansible would turn some of these into each other and say nothing; its "yes" for a bool stays a string.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "a text (in quotes, if it looks like a number or a truth value)"),
    "path": ((str,), "a path"),
    "int": ((int,), "a whole number, without quotes"),
    "float": ((int, float), "a number, without quotes"),
    "bool": ((bool,), "true or false, without quotes"),
    "list": ((list,), "a list"),
    "dict": ((dict,), "a mapping (`key: value` lines)"),
}


@dataclass(frozen=True)
class Option:
    """One option of a role, or one key of an option that is a mapping."""

    name: str
    role: str
    type: str = "str"
    elements: str | None = None
    choices: tuple[Any, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)


def read_role_options(roles_dir: Path) -> dict[str, Option]:
    """The options of all roles in a folder, by name, without those that roles keep to themselves (``__``)."""
    found: dict[str, Option] = {}
    for path in sorted(roles_dir.glob("*/meta/argument_specs.y*ml")):
        role = path.parent.parent.name
        try:
            with path.open(encoding="utf-8") as file:
                content = yaml.load(file, Loader=_LOADER)  # noqa: S506 - it is a safe loader
            for entry_point in content["argument_specs"].values():
                for name, spec in (entry_point.get("options") or {}).items():
                    if "__" not in name:
                        found.setdefault(name, _option(name, role, spec or {}))
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            problem = Place(str(path)).problem(
                None,
                f"the role's options cannot be read: {error}",
                "argument_specs as Ansible documents them",
            )
            raise InvalidInput([problem]) from error
    return found


def _option(name: str, role: str, spec: Mapping[str, Any]) -> Option:
    options = {key: _option(key, role, value or {}) for key, value in (spec.get("options") or {}).items()}
    choices = tuple(spec.get("choices") or ())
    return Option(name, role, spec.get("type", "str"), spec.get("elements"), choices, options)


def wrong_option(definition: Definition, option: Option) -> list[Problem]:
    """What is wrong with the value that an inventory gives to a role's option."""
    return list(_check(option, definition.value, (definition.name,)))


def _check(option: Option, marked: Marked, path: tuple[Any, ...]) -> Iterator[Problem]:
    value = marked.value
    if isinstance(value, Opaque) or is_template(value):
        return  # the role's own argument_specs are checked once Ansible knows the value
    if found := _wrong_type(option.type, value, () if option.type == "list" else option.choices):
        message, expected = found
        yield marked.place.problem(key_text(path), message, f"{expected} (role {option.role})")
    elif isinstance(value, list) and (option.elements or option.options):
        kind = option.elements or "dict"
        element = Option(option.name, option.role, kind, None, option.choices, option.options)
        for index, item in enumerate(value):
            yield from _check(element, item, (*path, index))
    elif isinstance(value, dict) and option.options:
        for key, item in value.items():
            inner = (*path, key)
            if key in option.options:
                yield from _check(option.options[key], item, inner)
            else:
                expected = closest(key, option.options) or f"one of {', '.join(option.options)}"
                yield item.place.problem(key_text(inner), f"{option.name} has no such key", expected)


def _wrong_type(kind: str, value: Any, choices: tuple[Any, ...]) -> tuple[str, str] | None:
    """What is wrong and what is expected, or None; a type that is not listed above takes anything."""
    if kind not in _TYPES:
        return None
    types, expected = _TYPES[kind]
    if choices:
        expected = f"one of {', '.join(map(str, choices))}"
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return describe(value), expected
    if choices and value not in choices:
        return f"{value!r:.60} is none of the choices", expected
    return None
