# SPDX-License-Identifier: Apache-2.0
"""From a plan's name or file, and what the command line says instead, to a checked Plan."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from netlab.errors import InvalidInput, Problem
from netlab.plan import complaints, document
from netlab.plan.complaints import Places
from netlab.plan.document import Document, KeyPath
from netlab.plan.model import NAME_PATTERN, Plan
from netlab.plan.scenarios import scenarios

Check = Callable[[Document], Iterable[Problem]]


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
    collection of names for `topologies`, `instruments`. A kind that it lacks is not checked, but scenarios and
    their conditions always are, against the collection's roles. `check` has more to say of a file's contents:
    what plans cannot know themselves.
    Raises InvalidInput with every problem found, each with file, line and key.
    """
    again = f"netlab bench {shlex.quote(str(name_or_path))} --dry-run   (measures nothing; docs/plans.md has every key)"
    try:
        read = _find(name_or_path)
    except InvalidInput as error:
        error.hint = error.hint or again
        raise
    wanted = None if topologies is None else list(dict.fromkeys(topologies))  # -t twice is not a mistake
    given: dict[str, Any] = {"topologies": wanted, "blocks": blocks, "seed": seed}
    overrides = {key: value for key, value in given.items() if value is not None}
    return checked(read, overrides, known=known, check=check, hint=again)


def checked(
    read: Document,
    overrides: Mapping[str, Any] | None = None,
    *,
    known: Mapping[str, Collection[str]] | None = None,
    check: Check | None = None,
    hint: str | None = None,
) -> Plan:
    """The plan that a document holds, as `load` has it."""
    if not isinstance(read.data, dict):
        problem = Problem("a plan is a mapping", read.file, 1, None, "`topologies: [host, tap]`")
        raise InvalidInput([problem], hint=hint)
    overrides = overrides or {}
    data = {"name": _name_of(read.file), **read.data, **overrides}
    if "topologies" in overrides and data.get("baseline") not in data["topologies"]:
        data.pop("baseline", None)  # who names other topologies has not named a baseline
    places = Places(read, frozenset(overrides))
    plan: Plan | None = None
    problems: list[Problem] = []
    wrong: set[KeyPath] = set()
    try:
        plan = Plan.model_validate(data)
    except ValidationError as error:
        problems += [complaints.of_model(detail, places, data) for detail in error.errors()]
        wrong = {tuple(detail["loc"]) for detail in error.errors()}
    told = data if plan is None else plan.as_dict()
    roles = scenarios()
    unknown = complaints.of_names(told, {"scenarios": roles, **(known or {})}, places, wrong)
    unknown += complaints.of_topologies(told, (known or {}).get("topologies"), places, wrong)
    conditions = complaints.of_conditions(told, roles, places, wrong)
    problems += [*unknown, *conditions, *(check(read) if check else ())]
    if plan is None or problems:
        hint = "netlab topologies" if unknown and "topologies" in (known or {}) else hint
        raise InvalidInput(sorted(problems, key=lambda problem: problem.line or 0), hint=hint)
    return plan


def _find(name_or_path: str | Path) -> Document:
    text = str(name_or_path)
    builtin = _builtin_files()
    looks_like_file = isinstance(name_or_path, Path) or "/" in text or text.endswith((".yml", ".yaml"))
    if not looks_like_file and text in builtin:
        return document.parse(builtin[text].read_text(encoding="utf-8"), f"{text}.yml")
    path = Path(text)
    if looks_like_file or os.path.isfile(path):  # noqa: PTH113 false, no error, for any name
        return document.read(path)
    raise InvalidInput(
        [
            Problem(
                f"no plan is called {text!r}{complaints.close(text, builtin)}",
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
