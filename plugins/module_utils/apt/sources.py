# SPDX-License-Identifier: Apache-2.0
"""Read a machine's APT sources, in both forms (sources.list(5)), and derive others from them.

Pure: text in, text out. No mirror's name is written in the project: a lab's machine already knows the mirror
that it may use, with its keys and options, and whatever else is wanted (another component or architecture) is
taken there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

# The components of Debian itself; a third party's repository rarely uses these names together with Debian's
# suites.
DEBIAN_COMPONENTS = frozenset({"main", "contrib", "non-free", "non-free-firmware"})
# Options of an entry that say what to fetch and not whom to trust: a derived source decides these itself.
_DROPPED_OPTIONS = frozenset(
    {"types", "uris", "suites", "components", "architectures", "languages", "targets", "pdiffs", "enabled"}
)
# One-line option names that differ from their deb822 field (sources.list(5)).
_ONE_LINE_NAMES = {"arch": "architectures", "lang": "languages", "target": "targets"}


@dataclass(frozen=True)
class Source:
    """One place of binary packages. `options` are deb822 fields by lower-case name, their values verbatim."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)


class SourcesSyntaxError(ValueError):
    """A line of a sources file that APT itself would refuse."""


def parse_one_line(text: str) -> list[Source]:
    """The enabled `deb` lines of a sources.list."""
    sources = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#", 1)[0].strip()
        match = re.fullmatch(r"(deb|deb-src)\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<rest>.*)", content)
        if not content or (match and match.group(1) == "deb-src"):
            continue
        words = match.group("rest").split() if match else []
        if match is None or len(words) < 2:
            raise SourcesSyntaxError(
                f"line {number}: expected 'deb [options] URI SUITE COMPONENT…', found {content!r}"
            )
        options = {}
        for option in (match.group("options") or "").split():
            name, sign, value = option.partition("=")
            if sign:
                name = name.rstrip("+-").lower()
                options[_ONE_LINE_NAMES.get(name, name)] = value.replace(",", " ")
        sources.append(Source(words[0], words[1], tuple(words[2:]), _kept(options)))
    return sources


def _kept(options: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if name not in _DROPPED_OPTIONS}


def _stanzas(text: str) -> Iterable[dict[str, str]]:
    """The stanzas of a deb822 file: fields by lower-case name. A value over several lines keeps its line
    breaks (an embedded key); its comment lines are gone."""
    stanza: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if stanza:
                yield stanza
            stanza, name = {}, ""
        elif line[0] in " \t":
            if not name:
                raise SourcesSyntaxError(f"continuation line without a field: {line!r}")
            stanza[name] += "\n" + line
        else:
            name, colon, value = line.partition(":")
            name = name.strip().lower()
            if not colon:
                raise SourcesSyntaxError(f"expected 'Field: value', found {line!r}")
            stanza[name] = value.strip()


def parse_deb822(text: str) -> list[Source]:
    """The enabled binary sources of a .sources file, one for each URI and suite."""
    sources = []
    for stanza in _stanzas(text):
        if stanza.get("enabled", "yes").lower() in ("no", "false", "0", "off", "disable"):
            continue
        if "deb" not in stanza.get("types", "").split():
            continue
        options = _kept(stanza)
        components = tuple(stanza.get("components", "").split())
        sources += [
            Source(uri, suite, components, options)
            for uri in stanza.get("uris", "").split()
            for suite in stanza.get("suites", "").split()
        ]
    return sources


def of_debian(
    sources: Iterable[Source],
    codename: str,
    origins: dict[tuple[str, str], str],
    codenames: dict[tuple[str, str], str],
) -> list[Source]:
    """The sources that are Debian's own and carry the running release, each (URI, suite) once.

    `origins` and `codenames` are what the Release files that the machine already holds say of (URI without
    its last slash, suite): with them an entry of a third party with Debian's own suite names is told apart,
    and a suite called by its class (`stable`) is known. Where the machine holds no Release file, names
    decide.
    """
    suffixes = ("", "-updates", "-security", "-backports")
    wanted = {codename + suffix for suffix in suffixes}
    chosen: dict[tuple[str, str], Source] = {}
    for source in sources:
        key = (source.uri.rstrip("/"), source.suite)
        release = codenames.get(key) or source.suite
        if release not in wanted or origins.get(key, "Debian") != "Debian":
            continue
        if not DEBIAN_COMPONENTS.intersection(source.components):
            continue
        chosen.setdefault(key, source)
    return list(chosen.values())


def with_components(sources: Iterable[Source], components: Iterable[str]) -> list[Source]:
    """The same places with these components instead of their own."""
    return [replace(source, components=tuple(components)) for source in sources]


def with_backports(sources: Iterable[Source], codename: str) -> list[Source]:
    """The sources and, at the places of the release itself, its backports."""
    given = list(sources)
    added = [replace(source, suite=f"{codename}-backports") for source in given if source.suite == codename]
    present = {(source.uri, source.suite) for source in given}
    return given + [source for source in added if (source.uri, source.suite) not in present]


def of_release(sources: Iterable[Source], codename: str) -> list[Source]:
    """The same places for another release: the suite's first word is the release, what follows stays."""
    return [
        replace(source, suite="-".join([codename, *source.suite.split("-")[1:]]))
        for source in sources
        if not source.suite.endswith("-backports")
    ]


def render_deb822(sources: Iterable[Source], architecture: str) -> str:
    """A .sources file with the package indexes of one architecture and nothing else (no translations, no
    contents)."""
    stanzas = []
    for source in sources:
        fields = {
            "Types": "deb",
            "URIs": source.uri,
            "Suites": source.suite,
            "Components": " ".join(source.components),
            "Architectures": architecture,
            "Targets": "Packages",
            **{name.title(): value for name, value in sorted(source.options.items())},
        }
        stanzas.append("".join(f"{name}: {value}\n" for name, value in fields.items()))
    return "\n".join(stanzas)
