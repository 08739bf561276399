# SPDX-License-Identifier: Apache-2.0
"""SHA256SUMS: the checksum of every other member, as `sha256sum --check` reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from netlab.bundle import names
from netlab.bundle.refusals import OutsideSchema, WrongChecksum

_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


def text(found: Mapping[str, str]) -> str:
    """The file, by name."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items()))


def parse(bundle: str, content: bytes) -> dict[str, str]:
    """Checksum by member. Raises OutsideSchema."""
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode("ascii", "replace").splitlines(), start=1):
        told = _LINE.fullmatch(line)
        if told is None or told[2] in found or told[2] == names.SUMS:
            what = (
                "no checksum and name"
                if told is None
                else "a name that stands there already, or the list's own"
            )
            raise OutsideSchema(
                bundle, f"{what}", place=f"{names.SUMS}:{number}", expected="SHA-256, two spaces, name"
            )
        found[told[2]] = told[1]
    return found


def check(bundle: str, name: str, found: str, told: str) -> None:
    """Raises WrongChecksum."""
    if found != told:
        raise WrongChecksum(
            bundle, f"its SHA-256 is {found[:16]}..., the list says {told[:16]}...", place=name
        )
