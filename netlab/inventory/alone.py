# SPDX-License-Identifier: Apache-2.0
"""Boards without the inventory that was deployed with: what `netlab destroy --board` needs to reach them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from netlab.errors import InvalidInput, Problem
from netlab.inventory.boards import Inventory

WORD = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}"
LOCAL = re.compile(rf"{WORD}")
# as ssh(1) is told: user@host, user@host:port, with an IPv6 address in brackets
REMOTE = re.compile(
    rf"(?P<user>{WORD})@(?P<host>{WORD}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::(?P<port>[0-9]{{1,5}}))?"
)
PYTHON = "/usr/bin/python3"


def hosts(names: Iterable[str]) -> dict[str, Any]:
    """The boards as an inventory of Ansible's: a name alone is a local board, user@host is reached over SSH.

    They are all duts: what a board was in the inventory that made its ledger, the ledger need not know.
    """
    local: dict[str, Any] = {}
    remote: dict[str, Any] = {}
    for name in names:
        if LOCAL.fullmatch(name):
            local[name] = {
                "ansible_connection": "netlab.testbed.local_board",
                "board_package_host": "localhost",
            }
        elif found := REMOTE.fullmatch(name):
            # of an inventory's names Ansible takes brackets for a range
            remote[name.replace("[", "").replace("]", "")] = {
                "ansible_host": found["host"].strip("[]"),
                "ansible_user": found["user"],
                "ansible_become": found["user"] != "root",
                **({"ansible_port": int(found["port"])} if found["port"] else {}),
            }
        else:
            raise InvalidInput(
                [
                    Problem(
                        f"no board can be called {name!r}",
                        key="--board",
                        expected="the name of a local board, or user@host of a board over SSH",
                    )
                ]
            )
    root = "{{ lookup('ansible.builtin.pipe', 'id -u') != '0' }}"
    return {
        "all": {
            "hosts": {"localhost": {"ansible_connection": "local", "ansible_become": root}},
            "vars": {"ansible_python_interpreter": PYTHON, "local_board_cables": []},
            "children": {
                "duts": {"hosts": {**local, **remote}},
                "peers": {"hosts": {}},
                "local_boards": {"hosts": {name: {} for name in local}},
            },
        }
    }


@contextmanager
def inventory_of(names: Iterable[str]) -> Iterator[Inventory]:
    """The boards in an inventory that is there as long as it is used. InvalidInput for a name that is none."""
    text = json.dumps(hosts(names), indent=1)
    with TemporaryDirectory(prefix="netlab-boards-") as folder:
        path = Path(folder) / "hosts.yml"  # JSON is YAML
        path.write_text(text, encoding="utf-8")
        yield Inventory(path, {}, {})
