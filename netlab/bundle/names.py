# SPDX-License-Identifier: Apache-2.0
"""The members of a bundle: what each is called, and what a name must never look like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from netlab.bundle import limits
from netlab.bundle.refusals import DuplicateName, ForeignMember, UnsafeName

CRATE = "ro-crate-metadata.json"
HEADER = "bundle.json"
SUMS = "SHA256SUMS"
PLAN = "plan.json"
INVENTORY = "inventory/rendered.json"
WRITTEN = "inventory/written/"
ENVIRONMENT = "environment.json"
ROLES = "roles.json"
GUEST_IMAGE = "guest-image.json"
REDACTIONS = "redactions.json"
RUN = "run/"
MANIFEST = f"{RUN}manifest.json"
TRIALS = f"{RUN}trials.jsonl"

REQUIRED = (CRATE, HEADER, SUMS, PLAN, INVENTORY, ENVIRONMENT, ROLES, REDACTIONS)
OPTIONAL = (GUEST_IMAGE, MANIFEST, TRIALS)

_WORD = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_WRITTEN = re.compile(rf"inventory/written/(hosts|(group_vars|host_vars)/{_WORD})\.yml")
RAW = re.compile(rf"run/raw/{_WORD}\.txt\.gz")
SAMPLES = re.compile(rf"run/samples/{_WORD}\.parquet")
_ARCHIVE = re.compile(r"\.(zip|jar|whl|tar|tgz|7z|rar|xz|zst)$", re.IGNORECASE)


def is_known(name: str) -> bool:
    """Whether a bundle can have a member of this name."""
    patterns = (_WRITTEN, RAW, SAMPLES)
    return name in REQUIRED or name in OPTIONAL or any(pattern.fullmatch(name) for pattern in patterns)


def limit(name: str) -> int:
    """The most bytes that a member of this name has when it is unpacked."""
    if name == TRIALS:
        return limits.RESULT_BYTES
    if RAW.fullmatch(name):
        return limits.OUTPUT_BYTES
    if SAMPLES.fullmatch(name):
        return limits.SAMPLES_BYTES
    return limits.TEXT_BYTES if name.startswith(WRITTEN) else limits.JSON_BYTES


def check_safe(bundle: str, name: str) -> None:
    """Raises UnsafeName for a name that could lead anywhere but to a file of its own below one folder."""
    shown = ascii(name)[1:-1][:80]
    wrong = _unsafe(name)
    if wrong:
        raise UnsafeName(bundle, f"a member's name {wrong}", place=shown)


def _unsafe(name: str) -> str | None:
    parts = re.split(r"[/\\]", name)
    rules = (
        (not name, "is empty"),
        ("\0" in name, "has a NUL in it"),
        (any(unicodedata.category(letter) == "Cc" for letter in name), "has a control character in it"),
        (name.startswith("/"), "is an absolute path"),
        ("\\" in name, "has a backslash in it, which is a folder's mark on some systems"),
        (re.match(r"[A-Za-z]:", name) is not None, "begins with a drive's letter"),
        (".." in parts, "leads out of the folder with .."),
        ("." in parts or "" in parts[:-1], "has an empty or a . part, so that one file has many names"),
        (len(name.encode("utf-8", "replace")) > limits.NAME_BYTES, "is too long"),
        (not name.isascii(), "has letters that look like others (it is not ASCII)"),
        (any(_is_odd(part) for part in parts), "has a part that begins or ends as no file's name should"),
    )
    return next((words for hit, words in rules if hit), None)


def _is_odd(part: str) -> bool:
    """Names that some systems cut short, and that programs take for options."""
    return part.endswith((" ", ".")) or part.startswith((" ", "-"))


def check_unique(bundle: str, names: Iterable[str]) -> None:
    """Raises DuplicateName for names that are one file, here or on a system that does not tell case apart."""
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFKC", name).casefold().rstrip("/")
        if key in seen:
            same = (
                "twice"
                if seen[key] == name
                else f"beside {ascii(seen[key])[1:-1][:80]}: one file on some systems"
            )
            raise DuplicateName(bundle, f"a member stands there {same}", place=ascii(name)[1:-1][:80])
        seen[key] = name
    folders = {name.rpartition("/")[0].casefold() for name in seen.values() if "/" in name}
    for name in seen.values():
        if name.casefold() in folders:
            raise DuplicateName(bundle, "a member is a file and a folder", place=name)


def check_known(bundle: str, name: str) -> None:
    """Raises ForeignMember for a name that no member of a bundle has."""
    if is_known(name):
        return
    if _ARCHIVE.search(name):
        raise ForeignMember(bundle, "an archive is packed into the bundle", place=name)
    raise ForeignMember(bundle, "a bundle has no such member", place=name)
