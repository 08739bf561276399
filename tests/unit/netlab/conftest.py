# SPDX-License-Identifier: Apache-2.0
"""A collection of throw-away playbooks, so that the wrapper is tested against the real ansible-runner."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from netlab import collection

ROOT = Path(__file__).resolve().parents[3]
Variables = Mapping[str, object]
NOTHING: Variables = MappingProxyType({})


@dataclass(frozen=True)
class Lab:
    """A folder with a collection in it, an inventory, and a folder that stands for what is on the boards."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / collection.INSIDE

    @property
    def inventory(self) -> str:
        return str(self.folder / "hosts.yml")

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def file(self, path: str, content: str) -> Path:
        """Writes a file of the lab, its content's indentation taken off."""
        made = self.folder / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(textwrap.dedent(content).lstrip("\n"), encoding="utf-8")
        return made

    def playbook(self, name: str, content: str) -> None:
        self.file(f"{collection.INSIDE}/playbooks/{name}.yml", content)

    def tasks(self, name: str, tasks: str, hosts: str = "duts") -> None:
        """A playbook of one play with these tasks."""
        head = f"- name: The play\n  hosts: {hosts}\n  gather_facts: false\n  tasks:\n"
        self.playbook(name, head + textwrap.indent(textwrap.dedent(tasks).strip("\n"), "    ") + "\n")

    def hosts(
        self, board1: Variables = NOTHING, board2: Variables = NOTHING, everywhere: Variables = NOTHING
    ) -> None:
        """The inventory: a dut and a peer, which are this machine, and what else it is to say of them."""
        local = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
        dut = {"board_nic": "eth1", "board_address": "192.0.2.2/24", **board1}
        peer = {"board_nic": "eth1", "board_address": "192.0.2.1/24", **board2}
        content = {
            "all": {"vars": {**local, **everywhere}},
            "duts": {"hosts": {"board1": dut}},
            "peers": {"hosts": {"board2": peer}},
        }
        self.file("hosts.yml", yaml.safe_dump(content))

    def role(self, name: str, description: str) -> None:
        """A role with nothing but its argument specification."""
        self.file(
            f"{collection.INSIDE}/roles/{name}/meta/argument_specs.yml",
            f"argument_specs:\n  main:\n    short_description: {description}\n    options: {{}}\n",
        )


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """An empty lab with two boards, which are this machine; the wrapper finds its collection there."""
    made = Lab(tmp_path)
    made.hosts()
    made.root.mkdir(parents=True)
    (made.root / "plugins").symlink_to(ROOT / "plugins")
    made.tasks("rollback", "- {name: Undo, ansible.builtin.debug: {msg: undone}}")
    for name in [name for name in os.environ if name.startswith("NETLAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETLAB_COLLECTIONS", str(tmp_path))
    monkeypatch.setenv("NETLAB_LOGS", str(made.logs))
    collection.find.cache_clear()
    yield made
    collection.find.cache_clear()
