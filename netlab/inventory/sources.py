# SPDX-License-Identifier: Apache-2.0
"""Which files Ansible would read for an inventory, in its order, and their text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netlab.inventory.marked import MAXIMUM_FILE_BYTES, MAXIMUM_FILES, Place, UnreadableFile

YAML_SUFFIXES = (".yml", ".yaml", ".json")
PASSED_OVER = (
    ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry",
)  # fmt: skip
_NOT_SOURCES = ("host_vars", "group_vars", "vars_plugins")
_MAXIMUM_LEVELS = 4
_EXPECTED = "a directory with hosts.yml in it, or one inventory file in YAML or INI"


def inventory_files(path: Path) -> list[Path]:
    """The inventory file itself, or those in a directory; raises UnreadableFile if there is none."""
    place = Place(str(path))
    if not path.exists():
        names = "," in str(path)
        what = "a list of names says nothing about boards" if names else "there is no such file or directory"
        raise UnreadableFile(place.problem(None, what, _EXPECTED))
    if not path.is_dir():
        return [path]
    found = []
    for file in _walk(path, 0):
        found.append(file)
        if len(found) > MAXIMUM_FILES:
            raise UnreadableFile(place.problem(None, "too many files", f"at most {MAXIMUM_FILES} of them"))
    if not found:
        raise UnreadableFile(place.problem(None, "no inventory file is in this directory", _EXPECTED))
    return found


def _walk(directory: Path, level: int) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.name in _NOT_SOURCES or path.name.endswith(PASSED_OVER):
            continue
        if not path.is_dir():
            yield path
        elif level < _MAXIMUM_LEVELS:
            yield from _walk(path, level + 1)


def variable_files(folder: Path, name: str) -> tuple[Path | None, list[Path]]:
    """The entry of group_vars or host_vars that belongs to ``name``, and the files to read for it."""
    for suffix in ("", *YAML_SUFFIXES):
        path = folder / (name + suffix)
        if path.exists():
            return path, list(_variable_directory(path, 0)) if path.is_dir() else [path]
    return None, []


def _variable_directory(directory: Path, level: int) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix and level < _MAXIMUM_LEVELS:
            yield from _variable_directory(path, level + 1)
        elif path.is_file() and path.suffix in ("", *YAML_SUFFIXES):
            yield path


def read_text(path: Path) -> str:
    """The file's text; raises UnreadableFile where it has none, or too much."""
    place = Place(str(path))
    try:
        if not path.is_file():  # a FIFO would wait for ever
            raise UnreadableFile(place.problem(None, "this is not a file", "a text file"))
        with path.open("rb") as file:
            data = file.read(MAXIMUM_FILE_BYTES + 1)
    except OSError as error:
        what = f"it cannot be read: {error.strerror or error}"
        raise UnreadableFile(place.problem(None, what, "a readable file")) from None
    if len(data) > MAXIMUM_FILE_BYTES:
        limit = f"at most {MAXIMUM_FILE_BYTES // 1024} KiB"
        raise UnreadableFile(place.problem(None, "the file is too large for an inventory", limit))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place(str(path), data[: error.start].count(b"\n") + 1)
        raise UnreadableFile(place.problem(None, "this is not UTF-8", "a text file in UTF-8")) from None
