# SPDX-License-Identifier: Apache-2.0
"""Whose names there are to be found: of the boards, of the inventory's other hosts, of this machine and its user."""

from __future__ import annotations

import getpass
import ipaddress
import os
import pwd
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlab.bundle.redact import patterns
from netlab.inventory.marked import Marked, UnreadableFile
from netlab.inventory.read_tree import read_tree

_HOSTS = ("ansible_host", "ansible_ssh_host")
_USERS = ("ansible_user", "ansible_ssh_user", "ansible_become_user", "remote_user")
_LEAST_SECRET = 4  # characters; a shorter one is found everywhere
_NOBODY = {"localhost", "root", ""}


@dataclass
class Identities:
    """What is to be looked for everywhere. `boards`: role by name; all in the order in which aliases count."""

    boards: dict[str, str] = field(default_factory=dict)
    guests: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    controllers: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def as_dict(self) -> dict[str, list[str]]:
        """What a run's manifest keeps of its inventory, for a later export: no secret, and nothing of this machine."""
        return {name: list(getattr(self, name)) for name in ("hosts", "users", "addresses", "paths")}

    def add(self, more: Mapping[str, Any]) -> None:
        """The reverse of as_dict."""
        for name in ("hosts", "users", "addresses", "paths"):
            told = more.get(name)
            if isinstance(told, list):
                _extend(getattr(self, name), (item for item in told if isinstance(item, str)))

    def add_inventory(self, path: Path) -> None:
        """Hosts, users, addresses, files and secrets of an inventory's files."""
        try:
            tree = read_tree(path, [], [])
        except (UnreadableFile, OSError, ValueError):
            return
        _extend(self.hosts, (name for name in tree.hosts if name not in _NOBODY))
        for definition in tree.definitions:
            self._add_variable(definition.name, definition.value)

    def _add_variable(self, name: str, marked: Marked) -> None:
        for part in [marked, *marked.walk()][:1000]:
            if isinstance(part.value, dict):
                for key, item in part.value.items():
                    if patterns.is_secret_key(str(key)):
                        self._add_secret(item.value)
            elif patterns.is_secret_key(name):
                self._add_secret(part.value)
        value = marked.value
        if not isinstance(value, str) or "{{" in value:
            return
        if name in _USERS and value not in _NOBODY:
            _extend(self.users, [value])
        elif name in _HOSTS:
            self.add_host(value)
        elif value.startswith(("/", "~/")):
            _extend(self.paths, [value])

    def _add_secret(self, value: Any) -> None:
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if len(text) >= _LEAST_SECRET and "{{" not in text:
            self.secrets.add(text)

    def add_host(self, name: str) -> None:
        """A host by name or address."""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            if name not in _NOBODY:
                _extend(self.hosts, [name])
        else:
            if not patterns.is_nobodys(address):
                _extend(self.addresses, [str(address)])

    def add_this_machine(self) -> None:
        """The machine that exports, and who does it."""
        names = {socket.gethostname(), os.uname().nodename, os.environ.get("HOSTNAME", "")}
        full = {name for name in names if name not in _NOBODY}
        _extend(self.controllers, sorted(full))
        _extend(self.controllers, sorted(name.partition(".")[0] for name in full))
        users = {os.environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER")}
        homes = {os.environ.get("HOME", "")}
        try:
            entry = pwd.getpwuid(os.getuid())
            users.add(entry.pw_name)
            homes.add(entry.pw_dir)
            users.add(getpass.getuser())
        except (KeyError, OSError):
            pass  # an id without a name: nothing to find
        _extend(self.users, sorted(users - _NOBODY))
        _extend(self.paths, sorted(home for home in homes if home.count("/") > 1 or home == "/root"))
        for name, value in os.environ.items():
            if patterns.is_secret_key(name) and len(value) >= 2 * _LEAST_SECRET:
                self.secrets.add(value)

    def domains(self) -> list[str]:
        """What host names have in common behind their first dot: arm1.lab.example.org is in lab.example.org."""
        found: list[str] = []
        for name in (*self.boards, *self.hosts, *self.controllers):
            rest = name.partition(".")[2]
            if "." in rest and not rest.replace(".", "").isdigit():
                _extend(found, [rest])
        return found


def _extend(known: list[str], more: Iterable[str]) -> None:
    known += [item for item in dict.fromkeys(more) if item and item not in known]
