# SPDX-License-Identifier: Apache-2.0
"""Boards as they are named on the command line: [NAME=][USER@]HOST[:PORT]."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlab.errors import Problem

FORM = "[NAME=][USER@]HOST[:PORT], such as root@203.0.113.11"
SSH = 22  # its port
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?\]")


@dataclass(frozen=True)
class Access:
    """How SSH signs in, where its own configuration does not say: files of a key and of hosts' keys."""

    key: Path | None = None
    known_hosts: Path | None = None

    @property
    def variables(self) -> dict[str, str]:
        found = {}
        if self.key:
            found["ansible_ssh_private_key_file"] = str(self.key)
        if self.known_hosts:
            found["ansible_ssh_common_args"] = f"-o UserKnownHostsFile={shlex.quote(str(self.known_hosts))}"
        return found


@dataclass(frozen=True)
class Target:
    """A board that was named, and how it is reached. Whoever is not root uses sudo."""

    name: str
    group: str  # duts or peers
    user: str
    host: str
    port: int = SSH

    @property
    def variables(self) -> dict[str, Any]:
        """How Ansible reaches it."""
        found: dict[str, Any] = {"ansible_host": self.host}
        if self.port != SSH:
            found["ansible_port"] = self.port
        return found

    @property
    def login(self) -> dict[str, Any]:
        """As whom."""
        return {"ansible_user": self.user, **({"ansible_become": True} if self.user != "root" else {})}

    def ssh(self, access: Access) -> str:
        """The command by which a person signs in."""
        words = ["ssh"]
        if access.known_hosts:
            words += ["-o", f"UserKnownHostsFile={access.known_hosts}"]
        if access.key:
            words += ["-i", str(access.key)]
        if self.port != SSH:
            words += ["-p", str(self.port)]
        return shlex.join([*words, f"{self.user}@{self.host}"])


def read(duts: Sequence[str], peers: Sequence[str]) -> tuple[list[Target], list[Problem]]:
    """All boards, and what is wrong with how they were named."""
    targets: list[Target] = []
    problems: list[Problem] = []
    for group, words in (("duts", duts), ("peers", peers)):
        one = group.removesuffix("s")
        for number, word in enumerate(words, start=1):
            made = parse(word, f"{one}{number}", group)
            if isinstance(made, str):
                problems.append(Problem(made, key=f"--{one} {word}", expected=FORM))
            else:
                targets.append(made)
    return targets, [*problems, *_twice(targets)]


def parse(word: str, name: str, group: str) -> Target | str:
    """A board called ``name`` unless it says otherwise, or what is wrong with the word."""
    given, equals, rest = word.rpartition("=")
    if equals:
        name = given
    if not _NAME.fullmatch(name):
        return f"{name!r} is no name for a board: a letter, then letters, digits, - and _"
    user, at, place = rest.rpartition("@")
    user = user if at else "root"
    if not _USER.fullmatch(user):
        return f"{user!r} is no user's name"
    host, colon, digits = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, digits = place, str(SSH)
    if ":" in host and not host.startswith("["):
        return "an IPv6 address stands in brackets, as in [2001:db8::11]"
    if not _HOST.fullmatch(host):
        return f"{host!r} is no host's name or address" if host else "no host is named"
    if not digits.isdecimal() or not 0 < int(digits) < 65536:
        return f"{digits!r} is no port: a number from 1 to 65535"
    return Target(name, group, user, host.strip("[]"), int(digits))


def _twice(targets: Sequence[Target]) -> list[Problem]:
    names, places = [target.name for target in targets], [(target.host, target.port) for target in targets]
    found = [
        Problem(f"two boards are called {name}", expected="another name, as in other=root@HOST")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    for host, port in sorted({place for place in places if places.count(place) > 1}):
        who = " and ".join(target.name for target in targets if (target.host, target.port) == (host, port))
        found.append(
            Problem(f"{who} are both reached at {host}", expected="two machines: a dut is never its own peer")
        )
    if groups := {"duts", "peers", "all", "ungrouped"} & set(names):
        word = sorted(groups)[0]
        found.append(Problem(f"{word!r} is the name of a group", expected="another name for the board"))
    return found
