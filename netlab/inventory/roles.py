# SPDX-License-Identifier: Apache-2.0
"""What the roles' meta/argument_specs.yml say about variables: which there are, their types and choices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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
    required: bool = False  # among the keys of a mapping
    exclusive: tuple[tuple[str, ...], ...] = ()  # keys of a mapping of which one at most can be given


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
    return Option(
        name=name,
        role=role,
        type=spec.get("type", "str"),
        elements=spec.get("elements"),
        choices=choices,
        options=options,
        required=bool(spec.get("required", False)),
        exclusive=tuple(tuple(keys) for keys in spec.get("mutually_exclusive") or ()),
    )


def wrong_option(definition: Definition, option: Option) -> list[Problem]:
    """What is wrong with the value that an inventory gives to a role's option."""
    return wrong_value(option, definition.value, (definition.name,))


def wrong_value(option: Option, marked: Marked, path: tuple[Any, ...]) -> list[Problem]:
    """What is wrong with a value that stands under ``path`` and is meant for a role's option."""
    return list(_check(option, marked, path))


def _check(option: Option, marked: Marked, path: tuple[Any, ...]) -> Iterator[Problem]:
    value = marked.value
    if isinstance(value, Opaque) or is_template(value):
        return  # the role's own argument_specs are checked once Ansible knows the value
    if found := _wrong_type(option.type, value, () if option.type == "list" else option.choices):
        message, expected = found
        yield marked.place.problem(key_text(path), message, f"{expected} (role {option.role})")
    elif isinstance(value, list) and (option.elements or option.options):
        kind = option.elements or "dict"
        element = replace(option, type=kind, elements=None)
        for index, item in enumerate(value):
            yield from _check(element, item, (*path, index))
    elif isinstance(value, dict) and option.options:
        yield from _check_keys(option, marked, path)
        for key, item in value.items():
            if key in option.options:
                yield from _check(option.options[key], item, (*path, key))


def _check_keys(option: Option, marked: Marked, path: tuple[Any, ...]) -> Iterator[Problem]:
    """A mapping's keys: those that are not known, those that are missing, those that exclude each other."""
    given = marked.value
    for key, item in given.items():
        if key not in option.options:
            expected = closest(key, option.options) or f"one of {', '.join(option.options)}"
            yield item.place.problem(key_text((*path, key)), f"{option.name} has no such key", expected)
    for key, inner in option.options.items():
        if inner.required and key not in given:
            yield marked.place.problem(key_text(path), f"{option.name} has no {key}", f"{key}: ...")
    for keys in option.exclusive:
        both = [key for key in keys if key in given]
        if len(both) > 1:
            place = given[both[-1]].place
            message = f"{' and '.join(both)} exclude each other"
            yield place.problem(key_text((*path, both[-1])), message, f"only one of {', '.join(keys)}")


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
