# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a plan, in words: file, line, key, and what would do."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from netlab.errors import Problem
from netlab.plan import document
from netlab.plan.document import Document, KeyPath
from netlab.plan.model import field_names
from netlab.plan.scenarios import Scenario

COMMAND_LINE = "command line"
OPTIONS = {"topologies": "--topology", "blocks": "--blocks", "seed": "--seed"}
_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of keys and values",
    "missing": "is missing",
    "too_short": "must not be empty",
    "bool_type": "must be true or false",
}
_ENTRIES = {
    "instruments": "must be a name, or a mapping with `name` and `parameters`",
    "scenarios": "must be a name, or a mapping with `name`, `conditions` and `topologies`",
}
_EXAMPLES = {
    "name": "`name: my-comparison`",
    "description": "`description: one line`",
    "topologies": "`topologies: [host, tap]`",
    "scenarios": "`scenarios: [latency]`, or a list of `{name: scaling, conditions: [1, 4]}`",
    "instruments": "`instruments: [netperf]`, or a list of `{name: netperf, parameters: {}}`",
    "blocks": "`blocks: 10`",
    "seed": "`seed: 7`",
    "warm_up_s": "`warm_up_s: 0.5`",
    "pause_s": "`pause_s: 1`",
    "retries": "`retries: 1`",
    "baseline": "`baseline: host`",
    "aa_pair": "`aa_pair: true`",
    "quiet": "`quiet: {wait_s: 10}`",
}
_SINGULAR = {"topologies": "topology", "scenarios": "scenario", "instruments": "instrument"}


@dataclass(frozen=True)
class Places:
    """Where a value came from: a line of the file or an option of the command line."""

    read: Document
    overridden: frozenset[str] = frozenset()

    def problem(self, path: KeyPath, message: str, expected: str | None = None) -> Problem:
        if path and path[0] in self.overridden:
            return Problem(message, COMMAND_LINE, None, OPTIONS[str(path[0])], expected)
        key = document.show(path) or None
        return Problem(message, self.read.file, self.read.line_of(path), key, expected)


def of_model(detail: ErrorDetails, places: Places, told: Mapping[str, Any]) -> Problem:
    """A mistake that the plan's model found; `told` is what it was given."""
    path: KeyPath = tuple(detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = field_names(path)
        return places.problem(
            path, f"unknown key{close(str(path[-1]), allowed)}", f"one of {', '.join(allowed)}"
        )
    if kind == "string_pattern_mismatch":
        message = f"{_short(detail['input'])} is not a name"
        return places.problem(
            path, message, "small letters and digits, words joined by `_` (topology, instrument) or `-`"
        )
    if kind == "value_error":
        expected = f"one of {', '.join(told['topologies'])}" if path == ("baseline",) else "each once"
        return places.problem(path, str(context.get("error", detail["msg"])), expected)
    if kind in ("greater_than_equal", "less_than_equal", "greater_than"):
        limits = {"ge": "{:g} or more", "le": "{:g} or less", "gt": "more than {:g}"}
        limit = next(text.format(context[key]) for key, text in limits.items() if key in context)
        return places.problem(path, f"{_short(detail['input'])} is out of range", limit)
    example = _EXAMPLES.get(str(path[0])) if path else None
    if kind == "missing":
        return places.problem(path, _WORDS[kind], example)
    message = _WORDS.get(kind, detail["msg"])
    if kind == "model_type":
        message = _ENTRIES.get(str(path[0]), _WORDS["dict_type"])
    got = "" if kind == "too_short" else f", not {_short(detail['input'])}"
    return places.problem(path, message + got, example)


def of_names(
    told: Mapping[str, Any],
    known: Mapping[str, Collection[str]],
    places: Places,
    wrong: Collection[KeyPath],
) -> list[Problem]:
    """Names of what does not exist; those under `wrong` are no names at all, and have been told already."""
    problems = []
    for kind in (kind for kind in _SINGULAR if kind in known):
        for path, name, _ in _named(told, kind):
            if name in known[kind] or {path, (*path, "name")} & set(wrong):
                continue
            message = f"no {_SINGULAR[kind]} is called {name!r}{close(name, known[kind])}"
            problems.append(places.problem(path, message, f"one of {', '.join(sorted(known[kind]))}"))
    return problems


def of_conditions(
    told: Mapping[str, Any], known: Mapping[str, Scenario], places: Places, wrong: Collection[KeyPath]
) -> Iterator[Problem]:
    """Conditions that their scenario has not."""
    for path, name, entry in _named(told, "scenarios"):
        conditions = entry.get("conditions") if isinstance(entry, Mapping) else None
        if name not in known or not isinstance(conditions, list):
            continue
        for index, condition in enumerate(conditions):
            place: KeyPath = (*path, "conditions", index)
            word = str(condition)
            if place in wrong or known[name].has(word):
                continue
            message = f"{name} has no condition {word!r}{close(word, known[name].conditions)}"
            yield places.problem(place, message, known[name].choices())


def of_topologies(
    told: Mapping[str, Any], known: Collection[str] | None, places: Places, wrong: Collection[KeyPath]
) -> Iterator[Problem]:
    """A scenario's topologies that do not exist, or that its plan does not have.

    Who names other topologies on the command line has left out what is not among them.
    """
    listed = told.get("topologies")
    for path, _, entry in _named(told, "scenarios"):
        own = entry.get("topologies") if isinstance(entry, Mapping) else None
        for index, topology in enumerate(own if isinstance(own, list) else []):
            place: KeyPath = (*path, "topologies", index)
            if place in wrong or not isinstance(topology, str):
                continue
            if known is not None and topology not in known:
                message = f"no topology is called {topology!r}{close(topology, known)}"
                yield places.problem(place, message, f"one of {', '.join(sorted(known))}")
            elif (
                isinstance(listed, list) and topology not in listed and "topologies" not in places.overridden
            ):
                message = f"{topology} is not among the plan's topologies"
                yield places.problem(place, message, f"some of {', '.join(map(str, listed))}")


def _named(told: Mapping[str, Any], kind: str) -> Iterator[tuple[KeyPath, str, Any]]:
    """Each entry of a list that has a name: where it stands, the name, the entry."""
    entries = told.get(kind)
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("name") if isinstance(entry, Mapping) else entry
        if isinstance(name, str):
            yield (kind, index), name, entry


def close(word: str, possible: Collection[str]) -> str:
    """`; did you mean tap?`, or nothing."""
    matches = difflib.get_close_matches(word, list(possible), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]}?" if matches else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
