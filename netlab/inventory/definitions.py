# SPDX-License-Identifier: Apache-2.0
"""Each definition of a variable of ours, by itself: is there such a variable, can it have this value."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import ValidationError

from netlab.errors import Problem
from netlab.inventory.marked import Marked, Opaque, key_text
from netlab.inventory.suggest import closest
from netlab.inventory.tree import Definition
from netlab.inventory.variables import PREFIXES, GuestEntry, Variables, expected_text

# Said for each command; a fixed value in an inventory would be overruled, or worse, would not.
OF_COMMANDS = {
    "testbed_topology": "no such key: `netlab deploy --topology NAME` chooses it",
    "testbed_topologies": "no such key: `netlab check` asks for every topology",
    "testbed_instruments": "no such key: `netlab check` asks for every instrument",
    "testbed_trials": "no such key: the plan that `netlab bench` is given says what is measured",
}


def is_ours(name: str) -> bool:
    """Whether a key is the testbed's; the others are Ansible's and the user's own."""
    return name.startswith(PREFIXES)


def unknown_key(definition: Definition, known: Collection[str]) -> Problem:
    """The problem with a key of ours that is none of ``known``."""
    name = definition.name
    if name in OF_COMMANDS:
        message, expected = "this is said with each command, not in an inventory", OF_COMMANDS[name]
    elif "__" in name:
        message, expected = "names with two underscores are a role's own", "no such key"
    else:
        prefix = next(prefix for prefix in PREFIXES if name.startswith(prefix))
        alike = [other for other in sorted(known) if other.startswith(prefix)]
        listed = f"one of {', '.join(alike[:12])}{' ...' if alike[12:] else ''}, or " if alike else ""
        message = "nothing reads this key"
        expected = closest(name, sorted(known), 0.75) or f"{listed}a key of your own without {prefix}"
    return definition.value.place.problem(name, message, expected)


def wrong_value(definition: Definition) -> list[Problem]:
    """What is wrong with the value of one of the public variables, taken by itself."""
    name, marked = definition.name, definition.value
    if any(isinstance(part.value, Opaque) and part.value.refused for part in marked.walk()):
        return []  # reported where it was read
    if unreadable := list(_not_literal(name, marked, ())):
        return unreadable
    value = marked.plain()
    if value is None:
        return [marked.place.problem(name, describe(value), expected_text(name))]
    try:
        Variables.model_validate({name: value})
    except ValidationError as error:
        return [_explain(name, marked, detail) for detail in error.errors(include_url=False)]
    return []


def _not_literal(name: str, marked: Marked, path: tuple[Any, ...]) -> Iterator[Problem]:
    """Values that only Ansible could evaluate, in a place where they are needed before it starts."""
    value = marked.value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _not_literal(name, item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_literal(name, item, (*path, index))
    elif isinstance(value, Opaque) or is_template(value):
        what = (
            f"{value.tag} hides a value"
            if isinstance(value, Opaque)
            else "a template stands here, for a value"
        )
        yield marked.place.problem(
            key_text((name, *path)),
            f"{what} that is needed before Ansible starts",
            f"the value itself: {expected_text(name, path)}",
        )


def is_template(value: Any) -> bool:
    """Whether Ansible would evaluate a text: by its brackets, or by a header that gives it others."""
    return isinstance(value, str) and (
        any(mark in value for mark in ("{{", "{%", "{#")) or value.startswith("#jinja2:")
    )


def _explain(name: str, marked: Marked, detail: Any) -> Problem:
    """One of pydantic's errors in our words, at the line it is about."""
    path = tuple(step for step in detail["loc"][1:] if step != "[key]")
    expected = expected_text(name, path)
    kind, given = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    if kind == "netlab":
        message, expected = context["text"], context["expected"] or expected
    elif kind == "extra_forbidden":
        message, expected = "a guest has no such key", closest(path[-1], GuestEntry.model_fields) or expected
    elif kind == "literal_error" and isinstance(given, str):
        message = f"{given!r:.60} is none of the choices"
    elif kind in ("greater_than_equal", "less_than_equal"):
        message = f"{given!s:.40} is too {'small' if kind == 'greater_than_equal' else 'large'}"
    elif kind in ("too_short", "too_long"):
        message = f"the number of entries is {context['actual_length']}"
    elif kind == "string_too_short":
        message = "an empty text stands here"
    elif kind == "string_pattern_mismatch":
        message = f"{given!r:.60} is no such name"
    else:
        message = describe(given)
    return marked.at(path).place.problem(key_text((name, *path)), message, expected)


def describe(value: Any) -> str:
    """A value of the wrong type, and what YAML has made of it."""
    if value is None:
        return "nothing stands here"
    if isinstance(value, bool):
        shown = "true" if value else "false"
        return f"{shown} is a truth value (as are yes, no, on and off without quotes)"
    if isinstance(value, int | float):
        return f"{value!s:.40} is a number (as YAML reads digits and colons without quotes)"
    if isinstance(value, str):
        return f"{value!r:.60} is a text"
    if isinstance(value, datetime.date):
        return f"{value} is a date (as YAML reads it without quotes)"
    if isinstance(value, dict):
        return "a mapping (`key: value`) stands here"
    return "a list stands here" if isinstance(value, list) else f"{str(value)!r:.60} cannot stand here"
