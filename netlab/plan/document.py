# SPDX-License-Identifier: Apache-2.0
"""A YAML file as plain data, with the line that each value stands on.

Only data is read: tags that would build objects, anchors and aliases, several documents and duplicate keys
are refused, so that what a reader sees on a line is what the program gets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from netlab.errors import InvalidInput, Problem

MAX_BYTES = 64 << 10  # a plan is a page of text; anything near this size is the wrong file
GREATEST = 10**18  # of a whole number; some thousand digits cannot even be told

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """Data of a YAML file; `lines` maps a path of keys and indices to its line, counted from 1."""

    file: str
    data: Any
    lines: dict[KeyPath, int]

    def line_of(self, path: KeyPath) -> int | None:
        """Line of the value at `path`, else that of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read(path: Path) -> Document:
    """Read one YAML file.

    Raises InvalidInput with file and line when it cannot be read, is not UTF-8 YAML, or is more than data.
    """
    name = str(path)
    try:
        if not path.is_dir() and path.exists() and not path.is_file():  # a pipe would keep us waiting
            raise InvalidInput([Problem("this is not a file", file=name)])
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput([Problem(error.strerror or str(error), file=name)]) from error
    except ValueError as error:  # a NUL in the path
        raise InvalidInput([Problem(f"no file can be called so: {error}", file=name)]) from error
    if len(raw) > MAX_BYTES:
        raise InvalidInput([Problem(f"larger than {MAX_BYTES} bytes: not a plan", file=name)])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidInput([Problem("not UTF-8 text", file=name, line=line)]) from error
    return parse(text, name)


def parse(text: str, file: str) -> Document:
    """Parse YAML text; `file` is only the name that problems are reported under."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            return _compose(loader, file)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise InvalidInput(
            [Problem(f"not YAML: {error.problem or error.context}", file=file, line=line)]
        ) from error
    except yaml.YAMLError as error:  # a control character: this error has no mark
        raise InvalidInput([Problem(f"not YAML: {str(error).splitlines()[0]}", file=file)]) from error
    except RecursionError as error:
        raise InvalidInput([Problem("nested too deeply to be a plan", file=file)]) from error


def _compose(loader: yaml.SafeLoader, file: str) -> Document:
    root = loader.get_single_node()
    if root is None:
        raise InvalidInput(
            [Problem("the file is empty", file=file, expected="at least `topologies: [host]`")]
        )
    problems: list[Problem] = []
    lines: dict[KeyPath, int] = {}
    data = _value(loader, root, (), _Walk(file, lines, problems, set()))
    if problems:
        raise InvalidInput(problems)
    return Document(file, data, lines)


@dataclass(frozen=True)
class _Walk:
    file: str
    lines: dict[KeyPath, int]
    problems: list[Problem]
    seen: set[int]  # an alias is the same node met twice

    def wrong(self, node: yaml.Node, path: KeyPath, message: str, expected: str) -> None:
        self.problems.append(
            Problem(message, self.file, node.start_mark.line + 1, show(path) or None, expected)
        )


def _value(loader: yaml.SafeLoader, node: yaml.Node, path: KeyPath, walk: _Walk) -> Any:
    walk.lines.setdefault(path, node.start_mark.line + 1)
    if not isinstance(node, yaml.ScalarNode):
        if id(node) in walk.seen:
            walk.wrong(node, path, "YAML anchors and aliases are not accepted", "the value written out")
            return None
        walk.seen.add(id(node))
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        return {key: _value(loader, value, (*path, key), walk) for key, value in _pairs(node, path, walk)}
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [_value(loader, item, (*path, index), walk) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(loader, node, path, walk)
    walk.wrong(node, path, f"the tag {node.tag} is not accepted", "a plain list or mapping")
    return None


def _pairs(node: yaml.MappingNode, path: KeyPath, walk: _Walk) -> Iterator[tuple[str, yaml.Node]]:
    keys: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None or key_node.tag == "tag:yaml.org,2002:merge":
            walk.wrong(key_node, path, "a key must be a plain word", "`key: value`")
            continue
        line = key_node.start_mark.line + 1
        if key in keys:
            walk.wrong(key_node, (*path, key), f"given twice (first on line {keys[key]})", "the key once")
            continue
        keys[key] = line
        walk.lines[(*path, key)] = line
        yield key, value_node


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode, path: KeyPath, walk: _Walk) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "timestamp":  # 2022-04-22 unquoted: a plan has no dates, so it was meant as text
        return node.value
    if kind not in ("str", "int", "float", "bool", "null"):
        walk.wrong(node, path, f"the tag {node.tag} is not accepted", "plain text, a number, true or false")
        return None
    try:
        value = loader.construct_object(node)
    except ValueError as error:  # `!!int x`: PyYAML lets int()'s own error out
        walk.wrong(node, path, f"not a value of its tag: {error}", "a plain value")
        return None
    if isinstance(value, int) and abs(value) > GREATEST:
        walk.wrong(node, path, f"{node.value[:20]}... is too large a number", f"{GREATEST:g} at most")
        return None
    if isinstance(value, float) and not math.isfinite(value):
        walk.wrong(node, path, f"{node.value} is not a number that can be stored", "a finite number")
        return None
    return value


def show(path: KeyPath) -> str:
    """`("instruments", 0, "name")` as `instruments[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
