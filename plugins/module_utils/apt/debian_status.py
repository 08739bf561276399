# SPDX-License-Identifier: Apache-2.0
"""Which Debian packages are installed: dpkg's own status file, read without running anything.
The file says all at once what dpkg-query takes a call a package for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

DPKG_STATUS = Path("/var/lib/dpkg/status")


def _stanza(text: str, name: str, architectures: tuple[str, ...] | None) -> dict[str, str] | None:
    """The stanza of a package that is installed whole, for one of these architectures."""
    for found in re.finditer(rf"^Package: {re.escape(name)}\n(?:.+\n)*", text, re.MULTILINE):
        fields = dict(re.findall(r"^(Status|Version|Architecture): (.*)$", found.group(), re.MULTILINE))
        whole = fields.get("Status", "").endswith(" ok installed")
        if whole and (architectures is None or fields.get("Architecture") in architectures):
            return fields
    return None


def parse_status(text: str, names: Iterable[str]) -> dict[str, str]:
    """Those of `names` that are installed for the machine's own architecture, with their versions."""
    dpkg = _stanza(text, "dpkg", None)
    architectures = (dpkg["Architecture"], "all") if dpkg else None
    found = {name: _stanza(text, name, architectures) for name in names}
    return {name: fields["Version"] for name, fields in found.items() if fields is not None}


def installed(names: Iterable[str], status: Path = DPKG_STATUS) -> dict[str, str]:
    """Those of `names` that are installed on this machine, with their versions."""
    wanted = list(names)
    try:
        text = status.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        message = f"this machine is no Debian (it has no {status}); install by hand: {', '.join(wanted)}"
        raise BoardError(message) from None
    return parse_status(text, wanted)


def everything(status: Path = DPKG_STATUS) -> set[str]:
    """The names of all packages that are installed."""
    stanzas = status.read_text(encoding="utf-8", errors="replace").split("\n\n")
    whole = re.compile(r"^Package: (\S+)\n(?:.+\n)*?Status: \S+ ok installed$", re.MULTILINE)
    return {found[1] for stanza in stanzas if (found := whole.match(stanza))}
