# SPDX-License-Identifier: Apache-2.0
"""YAML text to marked values, with the values that Ansible's own loader gives (YAML 1.1).

It is built from the parser's events, not by a loader: no object is constructed from a tag, no recursion can
overflow, an alias is a reference and is never copied, and duplicate keys are found.
"""

from __future__ import annotations

from typing import Any

import yaml

from netlab.errors import Problem
from netlab.inventory.marked import MAXIMUM_DEPTH, MAXIMUM_VALUES, Marked, Opaque, Place, UnreadableFile, add

_CORE = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(_CORE + kind for kind in ("str", "int", "float", "bool", "null", "timestamp"))
_COLLECTION_TAGS = frozenset((_CORE + "map", _CORE + "seq"))
_ANSIBLE_TAGS = frozenset(("!vault", "!vault-encrypted", "!unsafe"))
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = yaml.resolver.Resolver()
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_CONSTRUCT = {
    _CORE + "int": _CONSTRUCTOR.construct_yaml_int,
    _CORE + "float": _CONSTRUCTOR.construct_yaml_float,
    _CORE + "bool": _CONSTRUCTOR.construct_yaml_bool,
    _CORE + "null": _CONSTRUCTOR.construct_yaml_null,
    _CORE + "timestamp": _CONSTRUCTOR.construct_yaml_timestamp,
}
_MERGE = object()  # stands for the key <<


def read_yaml(text: str, file: str, problems: list[Problem]) -> Marked | None:
    """The document in ``text``, or None where it is empty.

    Adds to ``problems`` what is wrong at one place; raises UnreadableFile where nothing after it makes sense.
    """
    reader = _Reader(file, problems)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except yaml.YAMLError as error:
        raise UnreadableFile(_syntax_problem(error, file, text)) from None
    return reader.document


def _syntax_problem(error: yaml.YAMLError, file: str, text: str) -> Problem:
    """The parser's complaint in words that say what to change (libyaml's own where none of ours fit)."""
    mark = getattr(error, "problem_mark", None)
    begun = getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    lines = text.splitlines()
    line = mark.line if mark else None
    if mark and line is not None and line < len(lines) and "\t" in lines[line][: mark.column + 1]:
        what, expected = "a tab stands where YAML wants spaces", "spaces"
    elif "mapping values are not allowed" in what:
        what = "a ':' stands where no value can begin"
        expected = "one `key: value` on a line, as far in as its neighbours; a text that holds ': ' in quotes"
    elif "unexpected end of stream" in what and begun is not None:
        what, expected, line = "a quote opens here and never closes", "the closing quote", begun.line
    elif "cannot start any token" in what:
        what, expected = "no value can begin with this character", "the value in quotes"
    else:
        what = f"this is not YAML: {what}"
        expected = "`key: value` lines, nested ones indented with spaces; the slip may be a line above"
    return Problem(what, file, None if line is None else line + 1, None, expected)


class _Frame:
    """A list or mapping that has begun and not ended."""

    __slots__ = ("anchor", "depth", "key", "line", "merged", "tag", "value")

    def __init__(self, value: Any, event: Any) -> None:
        self.value = value
        self.line = event.start_mark.line + 1
        self.anchor = event.anchor
        self.tag = event.tag
        self.depth = 0
        self.key: Marked | None = None
        self.merged: dict[Any, Marked] = {}  # what << brought: keys of the mapping itself stand above it


class _Reader:
    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.document: Marked | None = None
        self.documents = 0
        self.stack: list[_Frame] = []
        self.anchors: dict[str, Marked | None] = {}  # None: begun, not ended
        self.values = 0

    def problem(self, message: str, line: int, expected: str) -> None:
        add(self.problems, Problem(message, self.file, line, None, expected))

    def stop(self, message: str, line: int, expected: str) -> UnreadableFile:
        return UnreadableFile(Problem(message, self.file, line, None, expected))

    def take(self, event: Any) -> None:
        """One event of the parser."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self.stop("a second document begins here", line, "one document in a file")
        elif isinstance(event, yaml.ScalarEvent):
            self.count(line)
            self.add(Marked(self.scalar(event), Place(self.file, line)), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self.count(line)
            self.add(self.alias(event.anchor, line), None)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self.begin(event, line)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self.end()

    def count(self, line: int, values: int = 1) -> None:
        self.values += values
        if self.values > MAXIMUM_VALUES:
            raise self.stop("the file holds too much", line, f"at most {MAXIMUM_VALUES} values in a file")

    def scalar(self, event: Any) -> Any:
        line = event.start_mark.line + 1
        tag = event.tag
        if tag in _ANSIBLE_TAGS:
            return Opaque(tag)
        if tag == "!":
            return event.value
        if tag is None:
            tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _CORE + "merge":
            return _MERGE
        if tag == _CORE + "value":  # a lone "="
            return event.value
        if tag not in _SCALAR_TAGS:
            self.refuse_tag(tag, line)
            return Opaque(tag, refused=True)
        if tag == _CORE + "str":
            return event.value
        try:
            return _CONSTRUCT[tag](yaml.ScalarNode(tag, event.value, event.start_mark))
        except (ValueError, KeyError, OverflowError, AttributeError, yaml.YAMLError):
            kind = "date" if tag == _CORE + "timestamp" else "number"
            self.problem(f"{event.value!r:.60} looks like a {kind}, and is none", line, "the value in quotes")
            return Opaque(tag, refused=True)

    def refuse_tag(self, tag: str, line: int) -> None:
        shown = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
        self.problem(f"the tag {shown} is not read here", line, "the value itself, or !vault, or !unsafe")

    def alias(self, anchor: str | None, line: int) -> Marked:
        if anchor is None or anchor not in self.anchors:
            raise self.stop(f"the alias *{anchor} has no anchor above it", line, f"a value marked &{anchor}")
        found = self.anchors[anchor]
        if found is None:
            raise self.stop(f"the alias *{anchor} stands inside its own anchor", line, "a value that ends")
        return found

    def begin(self, event: Any, line: int) -> None:
        self.count(line)
        if len(self.stack) >= MAXIMUM_DEPTH:
            raise self.stop("the values are nested too deep", line, f"at most {MAXIMUM_DEPTH} levels")
        if event.tag and event.tag not in _ANSIBLE_TAGS and event.tag not in _COLLECTION_TAGS:
            self.refuse_tag(event.tag, line)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Frame({} if isinstance(event, yaml.MappingStartEvent) else [], event))

    def end(self) -> None:
        frame = self.stack.pop()
        value = frame.value
        if isinstance(value, dict) and frame.merged:
            value = frame.merged | value
        if frame.tag and frame.tag not in _COLLECTION_TAGS:
            value = Opaque(frame.tag, refused=frame.tag not in _ANSIBLE_TAGS)
        if frame.depth >= MAXIMUM_DEPTH:
            raise self.stop("the values are nested too deep", frame.line, f"at most {MAXIMUM_DEPTH} levels")
        self.add(Marked(value, Place(self.file, frame.line), frame.depth + 1), frame.anchor)

    def add(self, marked: Marked, anchor: str | None) -> None:
        """A finished value: to the list or mapping that is open, or as the document."""
        frame = self.stack[-1] if self.stack else None
        is_key = frame is not None and isinstance(frame.value, dict) and frame.key is None
        if marked.value is _MERGE and not is_key:
            marked = Marked("<<", marked.place)
        if anchor:
            self.anchors[anchor] = marked
        if frame is None:
            self.document = marked if marked.value is not None else None
            return
        frame.depth = max(frame.depth, marked.depth)
        if isinstance(frame.value, list):
            frame.value.append(marked)
        elif frame.key is None:
            frame.key = marked
        else:
            self.add_entry(frame, frame.key, marked)
            frame.key = None

    def add_entry(self, frame: _Frame, key: Marked, marked: Marked) -> None:
        line = key.place.line or 0
        if key.value is _MERGE:
            self.merge(frame, marked, line)
        elif isinstance(key.value, (dict, list, Opaque)):
            self.problem("this cannot be a key", line, "a plain word; a template {{ ... }} goes in quotes")
        elif key.value in frame.value:
            first = frame.value[key.value].place
            self.problem(
                f"the key {key.value!r} stands here a second time",
                line,
                f"one of the two: {first} has it too",
            )
        else:
            frame.value[key.value] = Marked(marked.value, key.place, marked.depth)

    def merge(self, frame: _Frame, marked: Marked, line: int) -> None:
        sources = marked.value if isinstance(marked.value, list) else [marked]
        for source in sources:
            if not isinstance(source.value, dict):
                self.problem(
                    "<< does not name a mapping", line, "an alias of a mapping, such as `<<: *common`"
                )
                continue
            self.count(line, len(source.value))
            frame.merged = dict(source.value) | frame.merged
