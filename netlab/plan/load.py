# SPDX-License-Identifier: Apache-2.0
"""From a plan's name or file, and what the command line says instead, to a checked Plan."""

from __future__ import annotations

import difflib
import functools
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from netlab.errors import InvalidInput, Problem
from netlab.plan import document
from netlab.plan.document import Document, KeyPath
from netlab.plan.model import NAME_PATTERN, Plan, field_names

Check = Callable[[Document], Iterable[Problem]]

COMMAND_LINE = "command line"
_OPTIONS = {"topologies": "--topology", "blocks": "--blocks", "seed": "--seed"}
_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of keys and values",
    "model_type": "must be a name, or a mapping with `name` and `parameters`",
    "missing": "is missing",
    "too_short": "must not be empty",
    "bool_type": "must be true or false",
}


@dataclass(frozen=True)
class BuiltinPlan:
    """A plan that comes with netlab."""

    name: str
    description: str


def _builtin_files() -> dict[str, Traversable]:
    folder = resources.files("netlab.plan").joinpath("builtin")
    found = {item.name.removesuffix(".yml"): item for item in folder.iterdir() if item.name.endswith(".yml")}
    return dict(sorted(found.items()))


def builtin_plans() -> list[BuiltinPlan]:
    """Plans that `netlab bench` knows by name."""
    return [BuiltinPlan(name, load(name).description) for name in _builtin_files()]


@functools.cache
def scenarios() -> dict[str, str]:
    """Scenarios of this version, and what traffic each of them runs where."""
    text = resources.files("netlab.plan").joinpath("scenarios.yml").read_text(encoding="utf-8")
    found: dict[str, str] = yaml.safe_load(text)
    return found


def load(
    name_or_path: str | Path,
    *,
    topologies: Sequence[str] | None = None,
    blocks: int | None = None,
    seed: int | None = None,
    known: Mapping[str, Collection[str]] | None = None,
    check: Check | None = None,
) -> Plan:
    """Read and check a plan.

    `topologies`, `blocks` and `seed`, when given, replace what the file says. `known` says what exists: a
    collection of names for `topologies`, `instruments`, `scenarios`. A kind that it lacks is not checked, but
    scenarios are always checked, by default against `scenarios()`. `check` has more to say of a
    file's contents: what plans cannot know themselves.
    Raises InvalidInput with every problem found, each with file, line and key.
    """
    again = f"netlab bench {shlex.quote(str(name_or_path))} --dry-run   (measures nothing; docs/plans.md has every key)"
    try:
        read = _find(name_or_path)
    except InvalidInput as error:
        error.hint = error.hint or again
        raise
    if not isinstance(read.data, dict):
        problem = Problem("a plan is a mapping", read.file, 1, None, "`topologies: [host, tap]`")
        raise InvalidInput([problem], hint=again)
    wanted = None if topologies is None else list(dict.fromkeys(topologies))  # -t twice is not a mistake
    given: dict[str, Any] = {"topologies": wanted, "blocks": blocks, "seed": seed}
    overrides = {key: value for key, value in given.items() if value is not None}
    data = {"name": _name_of(read.file), **read.data, **overrides}
    places = _Places(read, frozenset(overrides))
    plan: Plan | None = None
    problems: list[Problem] = []
    wrong: set[KeyPath] = set()
    try:
        plan = Plan.model_validate(data)
    except ValidationError as error:
        problems += [_problem(detail, places) for detail in error.errors()]
        wrong = {tuple(detail["loc"]) for detail in error.errors()}
    told = data if plan is None else plan.as_dict()
    unknown = _unknown_names(told, {"scenarios": scenarios(), **(known or {})}, places, wrong)
    problems += [*unknown, *(check(read) if check else ())]
    if plan is None or problems:
        hint = "netlab topologies" if unknown and "topologies" in (known or {}) else again
        raise InvalidInput(sorted(problems, key=lambda problem: problem.line or 0), hint=hint)
    return plan


@dataclass(frozen=True)
class _Places:
    """Where a value came from: a line of the file or an option of the command line."""

    read: Document
    overridden: frozenset[str]

    def problem(self, path: KeyPath, message: str, expected: str | None = None) -> Problem:
        if path and path[0] in self.overridden:
            return Problem(message, COMMAND_LINE, None, _OPTIONS[str(path[0])], expected)
        key = document.show(path) or None
        return Problem(message, self.read.file, self.read.line_of(path), key, expected)


def _find(name_or_path: str | Path) -> Document:
    text = str(name_or_path)
    builtin = _builtin_files()
    looks_like_file = isinstance(name_or_path, Path) or "/" in text or text.endswith((".yml", ".yaml"))
    if not looks_like_file and text in builtin:
        return document.parse(builtin[text].read_text(encoding="utf-8"), f"{text}.yml")
    path = Path(text)
    if looks_like_file or path.is_file():
        return document.read(path)
    raise InvalidInput(
        [
            Problem(
                f"no plan is called {text!r}{_close(text, builtin)}",
                key="plan",
                expected=f"one of {', '.join(builtin)}, or the path of a YAML file",
            )
        ],
        hint="netlab bench --help",
    )


def _name_of(file: str) -> str:
    """The file's name made into a plan's name: `My Plan.yml` is `my-plan`."""
    stem = re.sub(r"[^a-z0-9._-]+", "-", Path(file).stem.lower()).strip("-._")[:63]
    return stem if re.match(NAME_PATTERN, stem) else "plan"


def _problem(detail: ErrorDetails, places: _Places) -> Problem:
    path: KeyPath = tuple(detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = field_names(path)
        return places.problem(
            path, f"unknown key{_close(str(path[-1]), allowed)}", f"one of {', '.join(allowed)}"
        )
    if kind == "string_pattern_mismatch":
        message = f"{_short(detail['input'])} is not a name"
        return places.problem(
            path, message, "small letters and digits, words joined by `_` (topology, instrument) or `-`"
        )
    if kind == "value_error":
        return places.problem(path, str(context.get("error", detail["msg"])), "each once")
    if kind in ("greater_than_equal", "less_than_equal"):
        limit = f"{context['ge']} or more" if "ge" in context else f"{context['le']} or less"
        return places.problem(path, f"{_short(detail['input'])} is out of range", limit)
    message = _WORDS.get(kind, detail["msg"])
    if kind == "missing":
        return places.problem(path, message, _example(path))
    got = "" if kind == "too_short" else f", not {_short(detail['input'])}"
    return places.problem(path, message + got, _example(path))


def _example(path: KeyPath) -> str | None:
    examples = {
        "name": "`name: my-comparison`",
        "description": "`description: one line`",
        "topologies": "`topologies: [host, tap]`",
        "scenarios": "`scenarios: [latency]`",
        "instruments": "`instruments: [netperf]`, or a list of `{name: netperf, parameters: {}}`",
        "blocks": "`blocks: 10`",
        "seed": "`seed: 7`",
    }
    return examples.get(str(path[0])) if path else None


def _unknown_names(
    told: Mapping[str, Any],
    known: Mapping[str, Collection[str]],
    places: _Places,
    wrong: set[KeyPath],
) -> list[Problem]:
    """Names of what does not exist; those under `wrong` are no names at all, and have been told already."""
    problems = []
    for kind in (kind for kind in _SINGULAR if kind in known):
        entries = told.get(kind)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            name = entry.get("name") if isinstance(entry, Mapping) else entry
            path: KeyPath = (kind, index)
            if not isinstance(name, str) or name in known[kind] or wrong & {path, (*path, "name")}:
                continue
            message = f"no {_SINGULAR[kind]} is called {name!r}{_close(name, known[kind])}"
            problems.append(places.problem(path, message, f"one of {', '.join(sorted(known[kind]))}"))
    return problems


_SINGULAR = {"topologies": "topology", "scenarios": "scenario", "instruments": "instrument"}


def _close(word: str, possible: Collection[str]) -> str:
    matches = difflib.get_close_matches(word, list(possible), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]}?" if matches else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
